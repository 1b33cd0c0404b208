"""Grey pictures on a clock: those of a query, and the sketches of a video.

Sizes: N pictures, S their side.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.sketches import SIDE, unpack

_HELD = 3 * SIDE  # pixels: side of a query's pictures

Seconds = NDArray[np.float64]
Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Film:
    """Grey pictures and when they are shown."""

    times: Seconds  # (N,), ascending
    pictures: Grey | NDArray[np.uint8]  # (N, S, S)

    @classmethod
    def of(cls, pictures: NDArray[np.uint8], span: Span) -> "Film":
        """Colour pictures (N, S, S, 3), evenly spread over a span, as small ones."""
        side = min(_HELD, pictures.shape[1])
        grey = shrunk(np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]), side, side)
        starts = span.start + np.arange(len(grey)) * (span.duration / len(grey))
        return cls(starts.astype(np.float64), grey)

    @classmethod
    def from_sketches(cls, packed: Iterable[tuple[float, bytes]], fps: float) -> "Film":
        """The sketches of clips, by the start of each, and how many a second there are; ends of clips may overlap."""
        times, pictures = [], []
        for start, sketch in packed:
            pictures.append(unpack(sketch))
            times.append(start + np.arange(len(pictures[-1])) / fps)
        every, first = np.unique(np.concatenate(times).round(6), return_index=True)
        return cls(every, np.concatenate(pictures)[first].astype(np.float32))

    @cached_property
    def _scaled(self) -> dict[tuple[int, int, bool], Grey]:
        return {}

    def scaled(self, height: int, width: int, mirrored: bool) -> Grey:
        """The pictures (N, height, width)."""
        key = height, width, mirrored
        if key not in self._scaled:
            self._scaled[key] = (
                np.ascontiguousarray(self.scaled(height, width, False)[..., ::-1])
                if mirrored
                else shrunk(self.pictures, height, width)
            )
        return self._scaled[key]

    def backwards(self, span: Span) -> "Film":
        """The last picture first, over the same span."""
        ends = np.append(self.times[1:], span.end)
        return Film(span.start + span.end - ends[::-1], self.pictures[::-1])

    def showing(self, times: Seconds) -> NDArray[np.intp]:
        """Which pictures are shown at some moments."""
        return np.searchsorted(self.times, times + 1e-6, side="right").clip(1) - 1


def shrunk(pictures: NDArray[Any], height: int, width: int) -> Grey:
    """Pictures (N, H, W) as (N, height, width)."""
    if pictures.shape[1] % height or pictures.shape[2] % width:
        size = (width, height)
        each = [cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA) for one in pictures]
        return np.stack(each)
    down, across = pictures.shape[1] // height, pictures.shape[2] // width  # the same, ten times as fast
    total = sum(pictures[:, i::down, j::across].astype(np.float32) for i in range(down) for j in range(across))
    return np.asarray(total / (down * across), np.float32)
