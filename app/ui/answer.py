"""What a search found, kept while its visitor looks through it: ordered, a page at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from app.moments import Moment
from app.text import file_name
from app.ui import fragments
from app.ui.cards import Card, cards
from app.ui.icons import icon
from app.ui.playable import Playable
from indexer.tables import Video

A_PAGE = 12  # cards

Row = dict[str, Any]  # of `service.search_rows`
Marks = Mapping[Moment, str]  # good or bad

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

    sides: Sequence[Playable]  # what is played beside: the clip, and then the other examples
    rows: list[Row]
    videos: Mapping[int, Video]
    told: str  # how much was searched, in a sentence
    meaning: str = ""  # of confidence, or why there is none
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
    return f"{more}{told}{cards(shown)}{_pages(page, len(rows))}"


def _card(answer: Answer, row: Row, rank: int) -> Card:
    video = answer.videos[row["video"]]
    here = [(moment.span, mark) for moment, mark in answer.marks.items() if moment.video_id == video.id]
    marks = [
        next((mark for span, mark in here if span.start < segment["end"] and segment["start"] < span.end), "")
        for segment in row["segments"]
    ]
    sides = [answer.sides[segment.get("example", 0)] for segment in row["segments"]]
    return Card(rank, row, video, sides, marks, answer.curves.get(video.id), answer.meaning)


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
