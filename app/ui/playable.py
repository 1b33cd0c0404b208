"""How a page plays a part of a video: the address, and what time of the video the player's 0 is."""

from dataclasses import dataclass
from urllib.parse import urlencode

from app.media import Way
from app.ui.renditions import LONGEST_EXCERPT_S
from encoder.clips import Span
from indexer.tables import Video

_AROUND_S = 2.0  # what an excerpt shows before and after the part


@dataclass(frozen=True)
class Playable:
    """What a player is given."""

    src: str
    shift: float  # seconds of the video at the player's 0


def playable(address: str, content: str, span: Span, way: Way) -> Playable:
    """A part of what lies at an address: the whole video, or an excerpt around the part where browsers need one."""
    query = {"v": content[:8]}  # what was cached of another library at this address must not come back
    if way is not Way.EXCERPT:
        return Playable(f"{address}?{urlencode(query)}", 0.0)
    first = round(max(0.0, span.start - _AROUND_S), 1)
    last = round(min(span.end + _AROUND_S, first + LONGEST_EXCERPT_S), 1)
    return Playable(f"{address}?{urlencode(query | {'start': f'{first:.1f}', 'end': f'{last:.1f}'})}", first)


def poster(video: Video, seconds: float) -> str:
    """The address of the picture of a moment."""
    return f"thumb/{video.id}?{urlencode({'t': f'{seconds:.1f}', 'v': video.content[:8]})}"


def strip(video: Video, span: Span, count: int) -> str:
    """The address of pictures of a part, beside each other."""
    span_s = {"start": f"{span.start:.1f}", "end": f"{span.end:.1f}"}
    return f"strip/{video.id}?{urlencode({**span_s, 'n': count, 'v': video.content[:8]})}"
