"""Search results as cards: moving picture, name, how sure, where in the video it matches, and what to do with it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.media import Way, way_to_play
from app.moments import Moment
from app.progress import clock
from app.text import file_name, shown
from app.ui.icons import icon
from app.ui.playable import Playable, playable, poster, strip
from app.ui.timeline import timeline
from encoder.clips import Span
from indexer.tables import Video

TILES = 8  # pictures of a moving poster
_GONE = "<p>The file is no longer where it was; index its folder again.</p>"
_SCORE_HELP = "How much of your clip was found here, and how closely: 100 % is the same footage"
_EXCERPT = "Browsers can't play this kind of file: you see an excerpt around the match, without sound."
_ACTS = {
    "good": "More like this",
    "bad": "Less like this",
    "save": "Save this moment",
    "use": "Search with this moment",
}


@dataclass(frozen=True)
class Card:
    """One answer as it is shown."""

    rank: int
    row: dict[str, Any]  # of `service.search_rows`
    video: Video
    sides: Sequence[Playable]  # what is played beside each segment
    marks: Sequence[str]  # of each segment: good, bad or nothing
    curve: Sequence[float] | None = None  # how alike the video is from its start to its end, in [0, 1]
    meaning: str = ""  # of confidence


def cards(shown_cards: list[Card]) -> str:
    """The cards as HTML."""
    return f'<ol class="rs-cards">{"".join(f"<li>{_card(card)}</li>" for card in shown_cards)}</ol>'


def _card(card: Card) -> str:
    row, video = card.row, card.video
    name = escape(file_name(row["path"]))
    gone = not os.path.exists(row["path"])  # noqa: PTH110 - strings keep odd names
    way = Way.MP4 if gone else way_to_play(row["path"])
    picture = f'<div class="rs-poster rs-gone">{_GONE}</div>' if gone else _poster(card, name)
    hint = f'<p class="rs-hint">{_EXCERPT}</p>' if way is Way.EXCERPT else ""
    return (
        f'<article class="rs-card" data-video="{video.id}" data-name="{name}" data-rank="{card.rank}">{picture}'
        f'<div class="rs-body"><h3 title="{escape(shown(row["path"]))}"><span class="rs-rank">{card.rank}</span>'
        f"<span>{name}</span></h3>"
        f'<p class="rs-where">{_facts(row["path"], video)}</p>{_score(card)}'
        f"{timeline(row['segments'], video.duration, card.curve)}{_segments(card, way)}{hint}{_acts(card, name)}"
        "</div></article>"
    )


def _poster(card: Card, name: str) -> str:
    """A button that plays; its picture moves while it is pointed at."""
    best, video = card.row["segments"][0], card.video
    span = Span(best["start"], best["end"])
    wide = video.width * 9 >= video.height * 16
    shape = f"aspect-ratio:{video.width}/{video.height};{'width' if wide else 'height'}:100%"
    return (
        f'<button type="button" class="rs-poster" aria-label="Play {name} from {clock(span.start)} beside your clip">'
        f'<img loading="lazy" alt="" src="{escape(poster(video, (span.start + span.end) / 2))}">'
        f'<span class="rs-moving" style="{shape}" data-strip="{escape(strip(video, span, TILES))}"></span>'
        f'<span class="rs-go">{icon("play")}</span></button>'
    )


def _facts(path: str, video: Video) -> str:
    folder = escape(shown(Path(path).parent.name))
    return f"{folder} · {clock(video.duration)}&nbsp;long · {video.width}&nbsp;×&nbsp;{video.height}"


def _score(card: Card) -> str:
    percent = round(100 * max(0.0, min(1.0, card.row["score"])))
    sure = card.row.get("confidence")
    chance = "" if sure is None else f' · <span title="{escape(card.meaning)}"><b>{sure:.0%}</b> sure</span>'
    return (
        f'<p class="rs-score"><span class="rs-meter"><i style="width:{percent}%"></i></span>'
        f'<span title="{_SCORE_HELP}"><b>{percent} %</b> match</span>{chance}</p>'
    )


def _segments(card: Card, way: Way) -> str:
    """A button for each segment, which holds all that the player needs."""
    buttons = "".join(
        f'<button type="button" data-segment="{i}" aria-current="{"true" if i == 0 else "false"}" '
        f'title="{escape(_why(segment))}" data-mark="{card.marks[i]}" '
        f"{_played(segment, card.video, way, card.sides[i])}>"
        f"{clock(segment['start'])} – {clock(segment['end'])}</button>"
        for i, segment in enumerate(card.row["segments"])
    )
    return f'<div class="rs-segments">{buttons}</div>'


def _played(segment: dict[str, float], video: Video, way: Way, side: Playable) -> str:
    of = playable(f"media/{video.id}", video.content, Span(segment["start"], segment["end"]), way)
    times = {name: f"{segment[name]:.3f}" for name in ("start", "end", "query_start", "query_end", "tempo")}
    given = {"src": of.src, "shift": f"{of.shift:.1f}", "side": side.src, "side-shift": f"{side.shift:.1f}", **times}
    return " ".join(f'data-{name.replace("_", "-")}="{escape(value)}"' for name, value in given.items())


def _why(segment: dict[str, float]) -> str:
    """What of the clip was found there, and how fast it goes."""
    tempo = segment["tempo"]
    faster = f", at {abs(tempo):.2g} times its speed" if abs(abs(tempo) - 1) > 0.05 else ""
    faster += ", backwards" if tempo < 0 else ""
    return (
        f"{segment['score']:.0%} match: {clock(segment['query_start'])} – {clock(segment['query_end'])} of your "
        f"clip{faster}; play from here"
    )


def _acts(card: Card, name: str) -> str:
    buttons = "".join(
        f'<button type="button" class="rs-act" data-act="{act}" title="{told}" aria-label="{told}: {name}"'
        + (f' aria-pressed="{"true" if card.marks[0] == act else "false"}"' if act in ("good", "bad") else "")
        + f">{icon(act)}</button>"
        for act, told in _ACTS.items()
    )
    best = card.row["segments"][0]
    moment = Moment(card.video.id, Span(best["start"], best["end"]))
    cut = f"export/clip.mp4?{urlencode({'of': str(moment)})}"
    link = (
        f'<a class="rs-act" data-act="cut" href="{escape(cut)}" download title="Download this moment as a clip" '
        f'aria-label="Download this moment as a clip: {name}">{icon("cut")}</a>'
    )
    return f'<div class="rs-acts">{buttons}{link}</div>'
