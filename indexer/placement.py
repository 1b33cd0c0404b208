"""How the picture of a query lies on that of a video: the whole of it, mirrored, or one of the two a crop of the other.

Template matching by normalised correlation names the likeliest ones.

Sizes: N query pictures, M pictures of the video, S the side of these, P pixels that both show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from indexer.align import Segment
from indexer.film import Film, Grey, Seconds, shrunk
from indexer.sketches import SIDE

_SMALLER = (15, 14, 12, 11)  # pixels of the video's picture that a side of the query shows, ...
_LARGER = (18, 21, 24)  # ... and that it would show if the video were not a crop of it
_MARGIN = 1  # pixels by which a smaller picture may reach beyond the video's
_LOOKED_AT = 2  # pictures of the video, evenly spread, by which placements are judged
_MOST = 3  # that look best are tried, and the plain ones
_SIZES = [(SIDE, SIDE)] + [
    size for side in (*_SMALLER, *_LARGER) for size in ((side, side), (SIDE, side), (side, SIDE))
]  # height and width of the query's picture


@dataclass(frozen=True)
class Placement:
    """How a query's picture lies on the video's, in pixels of the latter."""

    height: int
    width: int
    top: int  # of the query's picture, from the video's; below 0 where the video is a crop of it
    left: int
    mirrored: bool

    def overlap(self, query: Film, video: Grey) -> tuple[Grey, Grey]:
        """What both show, (N, P) of the query and (M, P) of the video.

        Args:
            query: its pictures.
            video: (M, S + margins, S + margins) pictures, of `padded`.
        """
        (ours_down, theirs_down), (ours_across, theirs_across) = (
            _shared(self.top, self.height), _shared(self.left, self.width),
        )  # fmt: skip
        ours = query.scaled(self.height, self.width, self.mirrored)[:, ours_down, ours_across]
        theirs = video[:, theirs_down, theirs_across]
        return ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)


def _shared(start: int, length: int) -> tuple[slice, slice]:
    """Which pixels of a side of the query both show, and which of the video with its margin."""
    if length > SIDE:
        return slice(-start, SIDE - start), slice(_MARGIN, _MARGIN + SIDE)
    return slice(None), slice(_MARGIN + start, _MARGIN + start + length)


def padded(pictures: Grey | NDArray[np.uint8]) -> Grey:
    """Pictures (M, S, S) of a video with margins that repeat their edges."""
    return np.pad(pictures.astype(np.float32), ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)), mode="edge")


def placements(query: Film, seen: Grey, times: Seconds, segment: Segment) -> Sequence[Placement]:
    """The placements that look best along the segment's own line, and the plain ones."""
    some = ((np.arange(_LOOKED_AT) + 0.5) * len(times) / _LOOKED_AT).astype(int)
    moments = segment.query.start + (times[some] - segment.video.start) / segment.tempo
    shown, theirs = query.pictures[query.showing(moments)], seen[some]
    found: list[tuple[float, Placement]] = []
    for height, width in _SIZES:
        ours = shrunk(shown, height, width)
        for mirrored in (False, True):
            alike, top, left = _best_place(ours[..., ::-1] if mirrored else ours, theirs)
            found.append((alike, Placement(height, width, top, left, mirrored)))
    best = [placement for _, placement in sorted(found, key=lambda pair: -pair[0])[:_MOST]]
    plain = [Placement(SIDE, SIDE, 0, 0, mirrored) for mirrored in (False, True)]
    return list(dict.fromkeys([*plain, *best]))


def _best_place(ours: Grey, theirs: Grey) -> tuple[float, int, int]:
    """How alike pictures are where they are most alike, and top and left of the query's there."""
    if max(ours.shape[1:]) > SIDE:
        alike = _correlations(theirs[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN], ours)
        top, left = np.unravel_index(int(alike.argmax()), alike.shape)
        return float(alike.max()), -int(top), -int(left)
    alike = _correlations(ours, theirs)
    top, left = np.unravel_index(int(alike.argmax()), alike.shape)
    return float(alike.max()), int(top) - _MARGIN, int(left) - _MARGIN


def _correlations(pictures: Grey, seen: Grey) -> Grey:
    """The mean normalised correlation at every place that pictures can have in others, one by one."""
    maps = [cv2.matchTemplate(large, small, cv2.TM_CCOEFF_NORMED) for small, large in zip(pictures, seen, strict=True)]
    total = sum(maps[1:], maps[0])
    if not (np.abs(total) <= len(maps)).all():  # pictures of one colour
        total = np.nan_to_num(np.stack(maps), nan=0.0, posinf=0.0, neginf=0.0).clip(-1, 1).sum(0)
    return np.asarray(total / len(maps), np.float32)
