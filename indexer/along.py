"""How alike a video is to a query from its start to its end: the reason why it was found, for showing.

Sizes: V clips of the video.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Along:
    """The most that any window of the query has of each clip of a video."""

    starts: NDArray[np.float64]  # (V,) seconds, ascending
    end: float  # of the video, in seconds
    excess: NDArray[np.float32]  # (V,): 0 for clips that are no more alike than unrelated ones, 1 for equal ones

    def steps(self, most: int) -> list[float]:
        """The highest value of each of at most so many equal parts of the video, in [0, 1]."""
        count = max(1, min(most, len(self.starts)))
        part = np.minimum(self.starts / self.end * count, count - 1).astype(np.intp)
        highest = np.full(count, -1.0)
        np.maximum.at(highest, part, self.excess.clip(0, 1))
        known = np.maximum.accumulate(np.where(highest >= 0, np.arange(count), 0))  # a part without a start: the last
        return [round(float(value), 3) for value in highest[known].clip(0)]


def together(every: Sequence[Along]) -> Along | None:
    """The same of several queries, whichever is nearest; None of none."""
    if not every:
        return None
    return Along(every[0].starts, every[0].end, reduce(np.maximum, [one.excess for one in every]))
