"""What is asked of a library: examples of what is looked for, what counts as an answer, which videos may answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from encoder.clips import Span


class Mode(StrEnum):
    """What counts as an answer."""

    SIMILAR = "similar"  # the same scene, by look and motion; copies first
    COPY = "copy"  # the same footage, edited or not, and nothing else
    MOTION = "motion"  # what moves the same way, whatever it looks like
    LOOK = "look"  # what looks the same, however it moves


@dataclass(frozen=True)
class VideoRef:
    """A video that is in the library already, by its id, which is never given twice."""

    video_id: int


@dataclass(frozen=True)
class Example:
    """What is looked for, or what is not: a clip or a picture in a file, or a video of the library."""

    what: str | Path | VideoRef
    span: Span | None = None  # the part of it that counts, in seconds; None for all


Examples = str | Path | Example | Sequence[str | Path | Example]  # a bare path is all of that file


@dataclass(frozen=True)
class Filters:
    """Which videos may answer: those that pass every filter that is given."""

    folder: str | Path | None = None  # that a file of the video lies in, at any depth, or that file
    since: datetime | None = None  # added then or later; with a time zone
    until: datetime | None = None  # added before; with a time zone
    min_duration: float | None = None  # seconds
    max_duration: float | None = None  # seconds
    min_height: int | None = None  # pixels as shown
    max_height: int | None = None  # pixels as shown

    def __post_init__(self) -> None:
        if any(moment and moment.tzinfo is None for moment in (self.since, self.until)):
            raise ValueError(f"dates need a time zone, got {self.since=}, {self.until=}")
        if self.since and self.until and self.since >= self.until:
            raise ValueError(f"since must be before until, got {self.since} and {self.until}")
        self._check("duration", self.min_duration, self.max_duration)
        self._check("height", self.min_height, self.max_height)

    def _check(self, name: str, low: float | None, high: float | None) -> None:
        if not (low or 0) >= 0 or not (high or 0) >= 0:  # not a number is refused too
            raise ValueError(f"bounds of the {name} are 0 or more, got {low} and {high}")
        if low is not None and high is not None and low > high:
            raise ValueError(f"the least {name} must not be above the greatest, got {low:g} and {high:g}")

    @property
    def given(self) -> bool:
        """Whether there is any filter."""
        return self != Filters()


def examples(given: Examples) -> list[Example]:
    """What was given as a list."""
    several = [given] if isinstance(given, str | Path | Example) else given
    return [one if isinstance(one, Example) else Example(one) for one in several]
