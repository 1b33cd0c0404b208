"""What a search found, kept while its visitor looks through it: ordered, a page at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from app.media import way_to_play
from app.text import file_name
from app.ui import fragments
from app.ui.cards import Card, cards
from app.ui.icons import icon
from app.ui.playable import playable
from app.ui.search_clips import SearchClip
from encoder.clips import Span
from indexer.catalog import Video

A_PAGE = 12  # cards

Row = dict[str, Any]  # of `service.search_rows`
Marks = Mapping[tuple[int, int], str]  # (video, segment): good or bad

ORDERS: dict[str, Callable[[Row, Video], Any]] = {
    "Best match": lambda row, video: -row["score"],
    "Newest in the library": lambda row, video: -video.added.timestamp(),
    "Longest": lambda row, video: -video.duration,
    "Shortest": lambda row, video: video.duration,
    "Name": lambda row, video: file_name(row["path"]).casefold(),
}


@dataclass(frozen=True)
class Answer:
    """The videos that were found, best first."""

    clip: SearchClip
    part: Span  # of it that was searched for
    rows: list[Row]
    videos: Mapping[int, Video]
    told: str  # how much was searched, in a sentence
    warning: str | None = None
    curves: Mapping[int, list[float]] = field(default_factory=dict)  # of videos: how alike from start to end
    marks: Marks = field(default_factory=dict)


def page_of(answer: Answer, order: str, page: int) -> str:
    """A page of cards as HTML, counted from 0."""
    rows = sorted(answer.rows, key=lambda row: ORDERS[order](row, answer.videos[row["video"]]))
    page = max(0, min(page, (len(rows) - 1) // A_PAGE))
    rank = {row["video"]: i for i, row in enumerate(answer.rows, 1)}
    shown = [_card(answer, row, rank[row["video"]]) for row in rows[page * A_PAGE : (page + 1) * A_PAGE]]
    more = fragments.note(answer.warning, "bad") if answer.warning else ""
    told = f'<p class="rs-told" role="status">{escape(answer.told)}</p>'
    return f"{more}{told}<div {_clip(answer)}>{cards(shown)}</div>{_pages(page, len(rows))}"


def _card(answer: Answer, row: Row, rank: int) -> Card:
    video = answer.videos[row["video"]]
    marks = tuple((segment, mark) for (video_id, segment), mark in answer.marks.items() if video_id == video.id)
    return Card(rank, row, video, answer.curves.get(video.id), marks)


def _clip(answer: Answer) -> str:
    """What the player needs of the clip."""
    clip = answer.clip
    of = playable(f"clip/{clip.token}", clip.content, answer.part, way_to_play(clip.path))
    return f'data-clip-src="{escape(of.src)}" data-clip-shift="{of.shift:.1f}"'


def _pages(page: int, count: int) -> str:
    last = (count - 1) // A_PAGE
    if last < 1:
        return ""
    first = page * A_PAGE + 1
    return (
        '<nav class="rs-pages" aria-label="Pages of results">'
        f"{_turn('before', 'Page before', page - 1, page > 0)}"
        f"<span>{first} – {min(count, first + A_PAGE - 1)} of {count}</span>"
        f"{_turn('after', 'Next page', page + 1, page < last)}</nav>"
    )


def _turn(name: str, told: str, page: int, possible: bool) -> str:
    off = "" if possible else " disabled"
    return (
        f'<button type="button" class="rs-act" data-page="{page}" aria-label="{told}" title="{told}"{off}>'
        f"{icon(name)}</button>"
    )
