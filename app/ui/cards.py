"""Search results as cards: poster and player, name, matched times, score, and where in the video they lie."""

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.media import Way, way_to_play
from app.progress import clock
from app.text import file_name, shown
from app.ui.copies import LONGEST_EXCERPT_S
from indexer.catalog import Video

_AROUND_S = 2.0  # what an excerpt shows before and after the match
_GONE = "<p>The file is no longer where it was; index its folder again.</p>"
_SCORE_HELP = "How much of your clip was found here, and how closely: 100 % is the same footage"
_EXCERPT = "Browsers can't play this kind of file: this is an excerpt around the match, without sound."

ON_CLICK = """
element.addEventListener('click', event => {
    const segment = event.target.closest('[data-src]');
    if (!segment) return;
    const card = segment.closest('.rs-card'), video = card.querySelector('video');
    card.querySelectorAll('[data-src]').forEach(other =>
        other.setAttribute('aria-current', other.dataset.src === segment.dataset.src));
    video.src = segment.dataset.src;
    video.play().catch(() => {});
});
element.addEventListener('error', event => {
    const card = event.target.closest && event.target.closest('.rs-card');
    if (card && event.target.tagName === 'VIDEO') card.classList.add('rs-unplayable');
}, true);
element.addEventListener('play', event => {
    element.querySelectorAll('video').forEach(video => { if (video !== event.target) video.pause(); });
}, true);
"""


def cards(rows: list[dict[str, Any]], videos: Mapping[int, Video]) -> str:
    """The rows of `service.search_rows` as HTML."""
    shown_rows = [row for row in rows if row["video"] in videos]
    items = "".join(f"<li>{_card(row, videos[row['video']], i)}</li>" for i, row in enumerate(shown_rows, 1))
    return f'<ol class="rs-cards">{items}</ol>'


def _card(row: dict[str, Any], video: Video, rank: int) -> str:
    path, name = row["path"], escape(file_name(row["path"]))
    gone = not os.path.exists(path)  # noqa: PTH110 - strings keep odd names
    way = Way.MP4 if gone else way_to_play(path)
    sources = [source(video, segment["start"], segment["end"], way) for segment in row["segments"]]
    best = row["segments"][0]
    middle = (best["start"] + best["end"]) / 2
    poster = f"thumb/{video.id}?{urlencode({'t': f'{middle:.1f}', 'v': video.content[:8]})}"
    player = (
        f'<video controls playsinline preload="none" poster="{escape(poster)}" src="{escape(sources[0])}" '
        f'aria-label="{name}, from {clock(best["start"])}"></video>'
    )
    hint = f'<p class="rs-hint">{_EXCERPT}</p>' if way is Way.EXCERPT else ""
    return (
        f'<article class="rs-card"><div class="rs-player">{_GONE if gone else player}</div>'
        '<p class="rs-failed">The browser could not play it; see the file itself.</p>'
        f'<div class="rs-body"><h3 title="{escape(shown(path))}"><span class="rs-rank">{rank}</span>'
        f"<span>{name}</span></h3>"
        f'<p class="rs-where">{escape(shown(Path(path).parent.name))} · {clock(video.duration)} long</p>'
        f"{_score(row['score'])}{_timeline(row, video, sources)}{_segments(row, sources)}"
        f"{hint}</div></article>"
    )


def source(video: Video, start: float, end: float, way: Way) -> str:
    """The address at which a browser plays a video from `start` to `end` seconds."""
    query = {"v": video.content[:8]}  # what was cached of another library at this address must not come back
    if way is Way.EXCERPT:
        first = round(max(0.0, start - _AROUND_S), 1)
        last = round(min(end + _AROUND_S, first + LONGEST_EXCERPT_S), 1)
        query |= {"start": f"{first:.1f}", "end": f"{last:.1f}"}
        start, end = start - first, min(end, last) - first
    return f"media/{video.id}?{urlencode(query)}#t={start:.2f},{end:.2f}"


def _score(score: float) -> str:
    percent = round(100 * max(0.0, min(1.0, score)))
    return (
        f'<p class="rs-score" title="{_SCORE_HELP}"><span class="rs-meter">'
        f'<i style="width:{percent}%"></i></span><b>{percent} %</b> match</p>'
    )


def _timeline(row: dict[str, Any], video: Video, sources: list[str]) -> str:
    """Where the segments lie in the video; for the eye and mouse: the same segments are buttons below."""
    length = max(video.duration, *(segment["end"] for segment in row["segments"]), 1e-3)
    marks = "".join(
        f'<i data-src="{escape(src)}" class="{"rs-best" if i == 0 else ""}" '
        f'style="left:{100 * segment["start"] / length:.2f}%;'
        f'width:{100 * (segment["end"] - segment["start"]) / length:.2f}%"></i>'
        for i, (segment, src) in enumerate(zip(row["segments"], sources, strict=True))
    )
    return f'<div class="rs-timeline" aria-hidden="true">{marks}</div>'


def _segments(row: dict[str, Any], sources: list[str]) -> str:
    buttons = "".join(
        f'<button type="button" data-src="{escape(src)}" aria-current="{"true" if i == 0 else "false"}" '
        f'title="{segment["score"]:.0%} match; play from here">'
        f"{clock(segment['start'])} – {clock(segment['end'])}</button>"
        for i, (segment, src) in enumerate(zip(row["segments"], sources, strict=True))
    )
    return f'<div class="rs-segments">{buttons}</div>'
