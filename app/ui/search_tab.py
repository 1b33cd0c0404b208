"""The Search tab: an example clip in, matching moments out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from app.ui import fragments
from app.ui.answer import ORDERS, Answer, page_of
from app.ui.assets import asset
from app.ui.chooser import Chooser, build_chooser
from app.ui.finding import clip_of_path, clip_of_upload, clip_of_video, find_moments
from app.ui.player import build_player
from app.ui.saved import build_saved
from app.ui.search_clips import SearchClip
from app.ui.site import Site, in_sentences
from app.ui.trim import build_trimmer, span_of, trimmed
from encoder.clips import Span
from encoder.errors import WorldError

_AT_ONCE = 2  # searches; further ones wait in Gradio's queue
_SEARCHED_AT_ONCE_S = 20.0  # longer clips wait until their visitor has chosen a part
_TO_RESULTS = "() => innerWidth < 700 && document.querySelector('#rs-results').scrollIntoView({behavior: 'smooth'})"
_TO_TOP = "() => document.querySelector('#rs-results').scrollIntoView()"
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_SEARCH: dict[str, Any] = {"concurrency_limit": _AT_ONCE, "concurrency_id": "search", "api_visibility": "private"}


@dataclass(frozen=True)
class _Parts:
    """The components, and what is remembered of each visitor."""

    chooser: Chooser
    asked: gr.Column  # shown once there is a clip
    points: gr.HTML
    again: gr.Button
    find: gr.Button
    order: gr.Dropdown
    results: gr.HTML
    saved: gr.HTML
    clip: gr.State
    answer: gr.State

    @property
    def taken(self) -> list[Any]:
        """What changes with a clip."""
        return [self.clip, self.points, self.chooser.place, self.asked, self.chooser.about]

    @property
    def found(self) -> list[Any]:
        """What changes with an answer."""
        return [self.answer, self.results, self.order]


def build_search_tab(site: Site, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks that are open, and wire it."""
    clip, answer = gr.State(), gr.State()
    with gr.Row(elem_classes="rs-split"):
        with gr.Column(scale=2, min_width=300) as left:
            chooser = build_chooser(site, page)
            with gr.Column(visible=False) as asked:
                points = build_trimmer()
                with gr.Row():
                    again = gr.Button("Other clip", min_width=100, elem_id="rs-again")
                    find = gr.Button("Search", variant="primary", min_width=100, elem_id="rs-search")
        with gr.Column(scale=5, min_width=320):
            order = gr.Dropdown(
                list(ORDERS), value=next(iter(ORDERS)), label="Order", container=False, visible=False,
                elem_id="rs-order",
            )  # fmt: skip
            results = gr.HTML(js_on_load=asset("results.js"), apply_default_css=False, elem_id="rs-results")
        with left:
            saved = build_saved(site, page, results.save)
    build_player()
    page.load(lambda: first_steps(site), None, results, **_QUIET)
    parts = _Parts(chooser, asked, points, again, find, order, results, saved, clip, answer)
    _wire_clip(site, parts, page)
    _wire_search(site, parts)
    _wire_answer(parts)


def _wire_clip(site: Site, parts: _Parts, page: gr.Blocks) -> None:
    """Each way to a clip, which is searched for at once where it is short."""

    def used(event: gr.EventData) -> tuple[Any, ...]:
        video_id, part = getattr(event, "video", None), {name: getattr(event, name, None) for name in ("start", "end")}
        return take(partial(clip_of_video, site, video_id), span_of(part))

    def linked(request: gr.Request) -> tuple[Any, ...]:
        asked = dict(request.query_params)
        if not asked.get("video", "").isdecimal():
            return _nothing()
        return take(partial(clip_of_video, site, int(asked["video"])), span_of(asked))

    def at_once(clip: SearchClip | None, points: Any) -> tuple[Any, ...]:
        part = span_of(points)
        if clip is None or (part.duration if part else clip.duration) > _SEARCHED_AT_ONCE_S:
            return gr.skip(), gr.skip(), gr.skip()
        return shown_answer(site, find_moments(site, clip, points))

    chooser, how = parts.chooser, {"concurrency_limit": _AT_ONCE, **_QUIET}
    uploaded, typed = _taking(partial(clip_of_upload, site)), _taking(partial(clip_of_path, site))
    ways = [
        gr.on([chooser.upload.upload, chooser.upload.stop_recording], uploaded, chooser.upload, parts.taken, **how),
        gr.on([chooser.open.click, chooser.path.submit], typed, chooser.path, parts.taken, **how),
        chooser.videos.use(in_sentences(used), None, parts.taken, **how),
        parts.results.use(in_sentences(used), None, parts.taken, **how),
        parts.saved.use(in_sentences(used), None, parts.taken, **how),
        page.load(in_sentences(linked), None, parts.taken, **how),
    ]
    for way in ways:
        way.success(in_sentences(at_once), [parts.clip, parts.points], parts.found, **_SEARCH)
    parts.again.click(
        lambda: (None, None, gr.update(visible=True), gr.update(visible=False), ""), None,
        [parts.clip, chooser.upload, chooser.place, parts.asked, chooser.about], **_QUIET,
    )  # fmt: skip


def _wire_search(site: Site, parts: _Parts) -> None:
    def search(clip: SearchClip | None, points: Any) -> tuple[Any, ...]:
        return shown_answer(site, find_moments(site, clip, points))

    pressed = parts.find.click(in_sentences(search), [parts.clip, parts.points], parts.found, **_SEARCH)
    pressed.success(None, None, None, js=_TO_RESULTS, api_visibility="private")  # on a phone they lie below the form


def _wire_answer(parts: _Parts) -> None:
    def turn(answer: Answer | None, order: str, event: gr.EventData) -> Any:
        return page_of(answer, order, int(event.page)) if answer else gr.skip()

    def sort(answer: Answer | None, order: str) -> Any:
        return page_of(answer, order, 0) if answer else gr.skip()

    parts.order.input(in_sentences(sort), [parts.answer, parts.order], parts.results, **_QUIET)
    turned = parts.results.turn(in_sentences(turn), [parts.answer, parts.order], parts.results, **_QUIET)
    turned.success(None, None, None, js=_TO_TOP, api_visibility="private")


def _taking(clip_of: Callable[[str], SearchClip]) -> Callable[[str | None], tuple[Any, ...]]:
    return in_sentences(lambda given: take(partial(clip_of, given)) if given is not None else _nothing())


def take(clip_of: Callable[[], SearchClip], part: Span | None = None) -> tuple[Any, ...]:
    """Show a clip with its handles; why it can't be used stays to be read beside where it came from."""
    try:
        clip = clip_of()
    except WorldError as error:
        return None, gr.skip(), gr.update(visible=True), gr.update(visible=False), fragments.note(str(error), "bad")
    if part is not None:
        part = Span(part.start, min(part.end, clip.duration)) if part.start < clip.duration else None
    return clip, trimmed(clip, part), gr.update(visible=False), gr.update(visible=True), ""


def _nothing() -> tuple[Any, ...]:
    return None, gr.skip(), gr.skip(), gr.skip(), ""


def shown_answer(site: Site, answer: Answer | None) -> tuple[Any, ...]:
    """What the page shows of an answer."""
    if answer is None:
        return None, nothing_found(site), gr.update(visible=False)
    order = next(iter(ORDERS))
    return answer, page_of(answer, order, 0), gr.update(visible=True, value=order)


def nothing_found(site: Site) -> str:
    """What a visitor reads instead of results."""
    if not site.library.catalog.totals()[0]:
        return first_steps(site)
    return fragments.steps(
        "No video is like your clip",
        [
            "Move the handles so that only the scene you want is left.",
            "Or choose a clip that shows more of the movement.",
        ],
    )


def first_steps(site: Site) -> str:
    """What a visitor sees before the first search."""
    videos, clips, _ = site.library.catalog.totals()
    if not videos:
        return fragments.steps(
            "The library is empty",
            [
                "Open the Library tab and add a folder of videos.",
                "Come back with a short clip of what you are looking for.",
                "The moments that look and move alike come back, ready to play.",
            ],
        )
    return fragments.steps(
        f"{videos:,} videos are ready to search, as {clips:,} clips",
        [
            "Upload or record a clip, or choose a video of the library: a few seconds are enough.",
            "Move the handles below it so that only the scene you want is left, and press Search.",
            "Each result plays beside your clip, from the moment that matches.",
        ],
    )
