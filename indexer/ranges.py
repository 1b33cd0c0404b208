"""Which clip ids belong to which video, in a table small enough to keep: the clips of a video follow each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class ClipRanges:
    """Ranges of clip ids that belong to one video each; R ranges, ascending, none of them overlapping."""

    firsts: Ids  # (R,)
    lasts: Ids  # (R,) the range includes it
    videos: Ids  # (R,)

    @classmethod
    def of_clips(cls, ids: Ids, videos: Ids) -> "ClipRanges":
        """The ranges of clips with the given ids, ascending, and the videos that they belong to."""
        starts = np.r_[True, (np.diff(ids) != 1) | (np.diff(videos) != 0)][: len(ids)]
        ends = np.r_[starts[1:], True][: len(ids)]
        return cls(ids[starts], ids[ends], videos[starts])

    def __len__(self) -> int:
        """How many clips."""
        return int((self.lasts - self.firsts + 1).sum())

    @property
    def last(self) -> int:
        """The highest id; 0 if there is no clip."""
        return int(self.lasts[-1]) if len(self.lasts) else 0

    def followed_by(self, later: "ClipRanges") -> "ClipRanges":
        """These and others, all of them of higher ids."""
        return ClipRanges(
            np.append(self.firsts, later.firsts),
            np.append(self.lasts, later.lasts),
            np.append(self.videos, later.videos),
        )

    def ids(self) -> Ids:
        """All clip ids, ascending."""
        lengths = self.lasts - self.firsts + 1
        before = np.cumsum(lengths) - lengths  # clips in earlier ranges
        return np.repeat(self.firsts - before, lengths) + np.arange(len(self))

    def of_videos(self, videos: Ids) -> "ClipRanges":
        """Those of the given videos only."""
        kept = np.isin(self.videos, videos)
        return ClipRanges(self.firsts[kept], self.lasts[kept], self.videos[kept])

    def videos_of(self, ids: Ids) -> Ids:
        """The video of each clip id, 0 where there is no such clip; (N,)."""
        if not len(self.firsts):
            return np.zeros_like(ids)
        rows = np.searchsorted(self.firsts, ids, "right") - 1
        return np.where((rows >= 0) & (ids <= self.lasts[rows]), self.videos[rows], 0)
