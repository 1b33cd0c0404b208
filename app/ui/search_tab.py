"""The Search tab: an example clip in, matching moments out."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from app.ui import fragments
from app.ui.answer import ORDERS, Answer, Marks, page_of
from app.ui.filtering import LibraryFolders, chosen
from app.ui.finding import Wish, clip_of_path, clip_of_upload, clip_of_video, find_moments
from app.ui.saved import moment_of
from app.ui.search_clips import SearchClip
from app.ui.search_layout import Parts, lay_out
from app.ui.site import Site, in_sentences
from app.ui.trim import span_of, trimmed
from encoder.clips import Span
from encoder.errors import WorldError
from indexer.requests import Mode

_AT_ONCE = 2  # searches; further ones wait in Gradio's queue
_SEARCHED_AT_ONCE_S = 20.0  # longer clips wait until their visitor has chosen a part
_TO_RESULTS = """() => {
  const found = document.querySelector('#rs-results [data-side]'), clip = document.querySelector('#rs-query video');
  const of = address => (address || '').split(/[?#]/)[0];
  if (innerWidth < 700 && found && clip && of(found.dataset.side) === of(clip.getAttribute('src')))
    document.querySelector('#rs-results').scrollIntoView({behavior: 'smooth'});
}"""  # on a phone they lie below the form; those of another clip are no answer
_TO_TOP = "() => document.querySelector('#rs-results').scrollIntoView()"
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_SEARCH: dict[str, Any] = {"concurrency_limit": _AT_ONCE, "concurrency_id": "search", "api_visibility": "private"}


def build_search_tab(site: Site, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks that are open, and wire it."""
    folders = LibraryFolders()
    parts = lay_out(site, folders, page)
    page.load(lambda: first_steps(site), None, parts.results, **_QUIET)

    def search(clip: SearchClip | None, points: Any, marks: Marks, mode: str, *filters: Any) -> tuple[Any, ...]:
        wish = Wish(clip, points, chosen(folders.of(site.library.catalog), *filters), marks, Mode(mode))
        return shown_answer(site, find_moments(site, wish))

    _wire_clip(site, parts, page, search)
    _wire_search(parts, search)
    _wire_marks(parts, search)
    _wire_answer(parts)


def _wire_clip(site: Site, parts: Parts, page: gr.Blocks, search: Callable[..., tuple[Any, ...]]) -> None:
    """Each way to a clip, which is searched for at once where it is short."""

    def used(event: gr.EventData) -> tuple[Any, ...]:
        video_id, part = getattr(event, "video", None), {name: getattr(event, name, None) for name in ("start", "end")}
        return take(partial(clip_of_video, site, video_id), span_of(part))

    def linked(request: gr.Request) -> tuple[Any, ...]:
        asked = dict(request.query_params)
        if not asked.get("video", "").isdecimal():
            return _nothing()
        return take(partial(clip_of_video, site, int(asked["video"])), span_of(asked))

    def at_once(clip: SearchClip | None, points: Any, *others: Any) -> tuple[Any, ...]:
        part = span_of(points)
        if clip is None or (part.duration if part else clip.duration) > _SEARCHED_AT_ONCE_S:
            return (gr.skip(),) * len(parts.found)
        return search(clip, points, *others)

    chooser, how = parts.chooser, {"concurrency_limit": _AT_ONCE, **_QUIET}
    uploaded, typed = _taking(partial(clip_of_upload, site)), _taking(partial(clip_of_path, site))
    ways = [
        gr.on([chooser.upload.upload, chooser.upload.stop_recording], uploaded, chooser.upload, parts.taken, **how),
        gr.on([chooser.open.click, chooser.path.submit], typed, chooser.path, parts.taken, **how),
        *(place.use(in_sentences(used), None, parts.taken, **how)
          for place in (chooser.videos, parts.results, parts.saved)),
        page.load(in_sentences(linked), None, parts.taken, **how),
    ]  # fmt: skip
    for way in ways:
        done = way.success(in_sentences(at_once), parts.wish, parts.found, **_SEARCH, show_progress_on=parts.results)
        done.success(None, None, None, js=_TO_RESULTS, api_visibility="private")
    parts.again.click(
        lambda: (None, None, gr.update(visible=True), gr.update(visible=False), ""), None,
        [parts.clip, chooser.upload, chooser.place, parts.asked, chooser.about], **_QUIET,
    )  # fmt: skip


def _wire_search(parts: Parts, search: Callable[..., tuple[Any, ...]]) -> None:
    def filtered(clip: SearchClip | None, *others: Any) -> tuple[Any, ...]:
        return search(clip, *others) if clip else (gr.skip(),) * len(parts.found)

    pressed = parts.find.click(in_sentences(search), parts.wish, parts.found, **_SEARCH, show_progress_on=parts.results)
    pressed.success(None, None, None, js=_TO_RESULTS, api_visibility="private")
    gr.on(
        [one.input for one in (parts.mode, *parts.filters)], in_sentences(filtered), parts.wish, parts.found, **_SEARCH
    )


def _wire_marks(parts: Parts, search: Callable[..., tuple[Any, ...]]) -> None:
    """More like this, less like that."""

    def mark(marks: Marks, event: gr.EventData) -> tuple[Any, ...]:
        more = marked(marks, event)
        return more, gr.update(visible=bool(more)), told_marks(more)

    def forget() -> tuple[Any, ...]:
        return {}, gr.update(visible=False)

    parts.results.mark(
        in_sentences(mark), parts.marks, [parts.marks, parts.refine, parts.marked], concurrency_limit=None, **_QUIET
    )
    parts.refined.click(in_sentences(search), parts.wish, parts.found, **_SEARCH, show_progress_on=parts.results)
    forgotten = parts.cleared.click(forget, None, [parts.marks, parts.refine], **_QUIET)
    forgotten.success(in_sentences(search), parts.wish, parts.found, **_SEARCH, show_progress_on=parts.results)


def _wire_answer(parts: Parts) -> None:
    def turn(answer: Answer | None, order: str, event: gr.EventData) -> Any:
        return page_of(answer, order, int(event.page)) if answer else gr.skip()

    def sort(answer: Answer | None, order: str) -> Any:
        return page_of(answer, order, 0) if answer else gr.skip()

    parts.order.input(in_sentences(sort), [parts.answer, parts.order], parts.results, **_QUIET)
    turned = parts.results.turn(in_sentences(turn), [parts.answer, parts.order], parts.results, **_QUIET)
    turned.success(None, None, None, js=_TO_TOP, api_visibility="private")


def marked(marks: Marks, event: Any) -> Marks:
    """The marks with one more, or with one less where a mark is taken back."""
    moment, mark = moment_of(event), getattr(event, "mark", "")
    others = {other: kind for other, kind in marks.items() if other != moment}
    return {**others, moment: mark} if mark in ("good", "bad") else others


def told_marks(marks: Marks) -> str:
    """How many there are, in a sentence."""
    told = [f"{list(marks.values()).count(kind)} as {kind}" for kind in ("good", "bad") if kind in marks.values()]
    return f'<p class="rs-hint" role="status">You marked {" and ".join(told)}.</p>' if told else ""


def _taking(clip_of: Callable[[str], SearchClip]) -> Callable[[str | None], tuple[Any, ...]]:
    return in_sentences(lambda given: take(partial(clip_of, given)) if given is not None else _nothing())


def take(clip_of: Callable[[], SearchClip], part: Span | None = None) -> tuple[Any, ...]:
    """Show a clip with its handles; why it can't be used stays to be read beside where it came from."""
    on, off = gr.update(visible=True), gr.update(visible=False)
    try:
        clip = clip_of()
    except WorldError as error:
        told = fragments.note(str(error), "bad")
        return None, gr.skip(), on, off, told, {}, off
    if part is not None:
        part = Span(part.start, min(part.end, clip.duration)) if part.start < clip.duration else None
    return (
        clip,
        trimmed(clip, part),
        gr.update(visible=False),
        gr.update(visible=True),
        "",
        {},
        gr.update(visible=False),
    )


def _nothing() -> tuple[Any, ...]:
    return None, gr.skip(), gr.skip(), gr.skip(), "", {}, gr.skip()


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
