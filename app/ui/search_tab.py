"""The Search tab: an example clip in, matching moments out."""

import math
import time
from html import escape
from typing import Any

import gradio as gr

from app.media import Way, way_to_play
from app.service import search_rows
from app.text import file_name
from app.ui import cards, fragments
from app.ui.site import Site, in_sentences
from encoder.clips import Span
from encoder.errors import WorldError
from encoder.video import VideoError

_AT_ONCE = 2  # searches; further ones wait in Gradio's queue
_SHORTEST_S = 0.1
_SEEK = "t => { const v = document.querySelector('#rs-clip video'); if (v) { v.pause(); v.currentTime = t; } }"
_TO_RESULTS = "() => innerWidth < 700 && document.querySelector('#rs-results').scrollIntoView({behavior: 'smooth'})"


class QueryError(WorldError):
    """A query that can't be searched for, in one sentence."""


def build_search_tab(site: Site, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks that are open, and wire it."""
    with gr.Row(elem_classes="rs-split"):
        with gr.Column(scale=2, min_width=300):
            clip = gr.Video(
                label="Your clip", sources=["upload", "webcam"], include_audio=True, height=280, elem_id="rs-clip"
            )
            about = gr.HTML(_hint("Upload or record a few seconds of the scene you are looking for."))
            with gr.Group():
                start = gr.Slider(0, 1, 0, step=0.1, label="From (seconds)", interactive=False, buttons=[])
                end = gr.Slider(0, 1, 0, step=0.1, label="To (seconds)", interactive=False, buttons=[])
            count = gr.Slider(1, 50, 12, step=1, label="Videos to show, at most", buttons=[])
            find = gr.Button("Search", variant="primary", elem_id="rs-search")
        with gr.Column(scale=5, min_width=320):
            results = gr.HTML(js_on_load=cards.ON_CLICK, elem_id="rs-results")
    page.load(lambda: first_steps(site), None, results, show_progress="hidden", api_visibility="private")
    clip.change(
        in_sentences(lambda path: look_at(site, path)), clip, [about, start, end],
        concurrency_limit=_AT_ONCE, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    for slider in (start, end):
        slider.input(None, slider, None, js=_SEEK, api_visibility="private")
    found = find.click(
        in_sentences(lambda *values: find_moments(site, *values)), [clip, start, end, count], results,
        concurrency_limit=_AT_ONCE, concurrency_id="search", api_visibility="private",
    )  # fmt: skip
    found.success(None, None, None, js=_TO_RESULTS, api_visibility="private")  # on a phone they lie below the form


def first_steps(site: Site) -> str:
    """What a visitor sees before the first search."""
    videos, clips, _ = site.library.catalog.totals()
    if not videos:
        return fragments.steps(
            "The library is empty",
            [
                "Open the Library tab and add a folder of videos.",
                "Come back with a short clip of what you are looking for.",
                "Press Search: the moments that look and move alike come back, ready to play.",
            ],
        )
    return fragments.steps(
        f"{videos:,} videos are ready to search, as {clips:,} clips",
        [
            "Upload or record a clip: a few seconds are enough.",
            "Move From and To so that only the scene you want is left.",
            "Press Search. Each result plays from the moment that matches.",
        ],
    )


def look_at(site: Site, path: str | None) -> tuple[str, Any, Any]:
    """What the page says of a new clip, and its in and out points.

    A file that is no video is told in the page, not raised, so that it stays to be read.
    """
    off = gr.update(minimum=0, maximum=1, value=0, interactive=False)
    if path is None:
        return _hint("Upload or record a few seconds of the scene you are looking for."), off, off
    try:
        length = site.decoders.info(path).duration
    except VideoError as error:
        return fragments.note(f"{file_name(path)} {error.reason}. Choose a video file.", "bad"), off, off
    if length <= _SHORTEST_S:
        return _hint("All of the clip will be searched for."), off, off
    last = math.ceil(length * 10) / 10
    text = f"{last:.1f} s long. Narrow it down to the scene you want, or search for all of it."
    if way_to_play(path) is Way.EXCERPT:
        text += " Your browser may not be able to show it; it is searched all the same."
    ranged = {"minimum": 0, "maximum": last, "interactive": True}
    return _hint(text), gr.update(value=0, **ranged), gr.update(value=last, **ranged)


def find_moments(site: Site, path: str | None, start: float, end: float, count: float) -> str:
    """Search, and give the results as HTML.

    Raises:
        QueryError: there is no clip, or nothing between its in and out points.
        LibraryError: the library can't be read.
    """
    if path is None:
        raise QueryError("Choose or record a clip first.")
    began = time.monotonic()
    try:
        matches = site.library.search(path, _span(start, end), max(1, min(50, int(count))))
    except VideoError as error:
        raise QueryError(f"{file_name(path)} {error.reason}.") from error
    rows = search_rows(site.library, matches)
    seconds = time.monotonic() - began
    if not rows:
        return first_steps(site)
    videos = site.library.catalog.videos(row["video"] for row in rows)
    searched, clips, _ = site.library.catalog.totals()
    told = f"{len(rows)} of {searched:,} videos, from {clips:,} clips searched in {seconds:.2f} s."
    more = fragments.note(site.library.warning, "bad") if site.library.warning else ""
    return f'{more}<p class="rs-told" role="status">{told}</p>{cards.cards(rows, videos)}'


def _span(start: float | None, end: float | None) -> Span | None:
    """The part to search for; sliders that were never switched on stand at (0, 0)."""
    start, end = max(0.0, start or 0.0), max(0.0, end or 0.0)
    if start == end == 0:
        return None
    if end - start < _SHORTEST_S / 2:
        raise QueryError(f"From ({start:.1f} s) must lie before To ({end:.1f} s).")
    return Span(start, end)


def _hint(text: str) -> str:
    return f'<p class="rs-hint">{escape(text)}</p>'
