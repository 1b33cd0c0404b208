"""Which packets of a video hold pictures that no moment of a grid shows, told before they are decoded.

Such a picture need not be decoded where no other is made from it, as is the case for about half of those of H.264 and
HEVC. What is shown stays the same, bit for bit.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Protocol, TypeVar

_AHEAD = 4  # packets: pictures stored together are mostly shown together
_ROUNDING_S = 2e-6  # above that of the grid itself: a picture on its border is decoded


class Stored(Protocol):
    """A packet of one picture."""

    pts: int | None  # when it is shown, in ticks
    is_discard: bool  # cut off by an edit list


Packet = TypeVar("Packet", bound=Stored)


@dataclass(frozen=True)
class Moments:
    """The times origin + k / fps, k = 0, 1, ..."""

    origin: float  # seconds
    fps: float

    def between(self, start: float, end: float) -> bool:
        """Whether one of them lies between two times."""
        first = max(0, math.ceil((start - self.origin - _ROUNDING_S) * self.fps))
        return self.origin + first / self.fps <= end


def with_unseen(packets: Iterable[Packet], is_unseen: Callable[[int, int], bool]) -> Iterator[tuple[Packet, bool]]:
    """Yield packets, and whether their pictures are unseen.

    A picture is on until the next one comes, which may be stored before or a little after it. One that is stored
    later than that is not known of, so the picture is then taken to be on for longer than it is.

    Args:
        packets: as stored.
        is_unseen: whether no moment lies between two times, in ticks of the packets.
    """
    waiting: deque[Packet | None] = deque()
    near: deque[int | None] = deque(maxlen=2 * _AHEAD + 1)  # times of the packets around the one that is due
    for packet in chain(packets, repeat(None, _AHEAD)):
        waiting.append(packet)
        near.append(packet.pts if packet and not packet.is_discard else None)
        if len(waiting) > _AHEAD and (due := waiting.popleft()) is not None:
            after = [time for time in near if time is not None and due.pts is not None and time > due.pts]
            yield due, due.pts is not None and bool(after) and is_unseen(due.pts, min(after))


def drops_only_unused(codec: str, configuration: bytes | None) -> bool:
    """Whether FFmpeg's decoder can leave out the pictures from which no other is made, and no others.

    That of HEVC also leaves out pictures that only those of a higher temporal layer are made from.
    """
    if codec == "hevc":  # the decoder configuration record, ISO/IEC 14496-15, has the number of layers
        record = configuration or b""
        return len(record) > 21 and record[0] == 1 and record[21] >> 3 & 7 == 1
    return codec == "h264"
