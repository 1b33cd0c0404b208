"""The visitor's clip: a player, a strip of pictures, and two handles that say which part is searched for."""

from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from app.media import Way, way_to_play
from app.progress import clock
from app.ui.assets import asset
from app.ui.playable import playable
from app.ui.search_clips import SearchClip
from encoder.clips import Span
from encoder.errors import WorldError

SHORTEST_S = 0.1  # part that can be searched for
_TILES, _FEWEST_TILES = 12, 4
_TILE_S = 1.0  # of the clip that a picture stands for, at least
_UNSEEN = "Your browser may not be able to show this kind of clip; it is searched all the same."


class TrimError(WorldError):
    """In and out points between which nothing lies."""


def build_trimmer() -> gr.HTML:
    """Put it into the Blocks that are open; its value holds the in and out points, in seconds."""
    return gr.HTML(
        {"start": 0.0, "end": 0.0}, html="", html_template="${html}", js_on_load=asset("trim.js"),
        apply_default_css=False, elem_id="rs-query",
    )  # fmt: skip


def trimmed(clip: SearchClip, span: Span | None = None) -> Any:
    """The update that shows a clip, with its in and out points around a span, or around all of it."""
    part = span or Span(0.0, max(clip.duration, SHORTEST_S))
    return gr.HTML({"start": round(part.start, 2), "end": round(part.end, 2)}, html=_html(clip, part))


def part_of(clip: SearchClip, points: Any) -> Span | None:
    """The span that the in and out points of a page mean; None for all of the clip.

    Raises:
        TrimError: nothing lies between them.
    """
    start, end = _number(points, "start", 0.0), _number(points, "end", clip.duration)
    if end - start < SHORTEST_S / 2:
        raise TrimError(f"From ({start:.1f} s) must lie before To ({end:.1f} s).")
    whole = start <= SHORTEST_S / 2 and end >= clip.duration - SHORTEST_S / 2
    return None if whole else Span(start, end)


def span_of(points: Any) -> Span | None:
    """The span between points of a page or an address; None where they are none."""
    start, end = _number(points, "start", -1.0), _number(points, "end", -1.0)
    return Span(start, end) if 0 <= start < end else None


def _number(points: Any, name: str, default: float) -> float:
    try:
        value = float(points[name])
    except (TypeError, KeyError, ValueError, OverflowError):
        return default
    return max(0.0, value) if abs(value) < 1e9 else default


def _html(clip: SearchClip, part: Span) -> str:
    way = way_to_play(clip.path)
    of = playable(f"clip/{clip.token}", clip.content, Span(0.0, max(clip.duration, SHORTEST_S)), way)
    count = max(_FEWEST_TILES, min(_TILES, round(clip.duration / _TILE_S)))
    pictures = f"clip/{clip.token}/strip?{urlencode({'n': count})}"
    hint = f'<p class="rs-hint">{_UNSEEN}</p>' if way is Way.EXCERPT else ""
    return (
        f'<div class="rs-given"><video controls playsinline muted preload="metadata" src="{escape(of.src)}" '
        f'aria-label="Your clip"></video></div><p class="rs-name"><b>{escape(clip.name)}</b> '
        f"<span>{clock(clip.duration)} · {clip.width} × {clip.height}</span></p>"
        f'<div class="rs-strip" style="--in:{_share(part.start, clip)};--out:{_share(part.end, clip)}">'
        f'<img src="{escape(pictures)}" alt="Pictures of the clip from its start to its end">'
        f'<span class="rs-cursor"></span>{_handle("in", "From", part.start, clip)}'
        f"{_handle('out', 'To', part.end, clip)}</div>"
        f'<p class="rs-part"><output>{clock(part.start)} – {clock(part.end)}</output> is searched for</p>{hint}'
    )


def _handle(name: str, told: str, seconds: float, clip: SearchClip) -> str:
    return (
        f'<input type="range" class="rs-{name}" min="0" max="{max(clip.duration, SHORTEST_S):.2f}" step="0.05" '
        f'value="{seconds:.2f}" aria-label="{told}, seconds" aria-valuetext="{clock(seconds)}">'
    )


def _share(seconds: float, clip: SearchClip) -> str:
    return f"{min(1.0, seconds / max(clip.duration, SHORTEST_S)):.4f}"
