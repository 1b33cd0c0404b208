"""The small pictures of a whole video, as they are compared with those of others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from indexer.film import Film, Seconds

LOOK_S = 2.0  # from a moment on that is compared first
MOVES = 0.7  # grey levels by which pixels vary: what moves less can't be told from another take of the same place


@dataclass(frozen=True)
class Reel:
    """All small pictures of a video, and when its last one goes off."""

    film: Film
    end: float  # seconds
    fps: float

    @property
    def span(self) -> Span:
        """All of it."""
        return Span(0.0, self.end)

    def moving(self, moments: Seconds) -> NDArray[np.bool_]:
        """Whether enough moves in the few seconds after each of some moments to tell footage from other takes."""
        every, which = np.unique(moments, return_inverse=True)
        parts = [self.part(span.start, span.end).pictures for span in map(self.after, every.tolist())]
        return np.array([len(part) > 0 and part.std(0).mean() > MOVES for part in parts], np.bool_)[which]

    def after(self, moment: float) -> Span:
        """A few seconds from a moment on, or up to the end."""
        start = max(0.0, min(moment, self.end - LOOK_S))
        return Span(start, min(self.end, start + LOOK_S))

    def part(self, start: float, end: float) -> Film:
        """The pictures from one time to another."""
        first, last = np.searchsorted(self.film.times, [start - 1e-6, end - 1e-6])
        return Film(self.film.times[first:last], self.film.pictures[first:last])

    def turned(self, span: Span) -> Span:
        """When a part of it is shown, if it runs backwards."""
        return Span(max(0.0, self.end - span.end), self.end - span.start)

    def backwards(self) -> "Reel":
        """The last picture first."""
        return Reel(self.part(0.0, self.end).backwards(self.span), self.end, self.fps)
