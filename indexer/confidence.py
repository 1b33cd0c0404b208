"""What a score means: the chance that an answer is right, as it was among answers that are known to be right or wrong.

A fit belongs to one encoder and one mode of searching. It is a table of scores and chances, both ascending, between
which lines are drawn; `benchmarks.calibration` makes it, and this package keeps one file for each encoder.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = 1
FOLDER = Path(__file__).parent / "calibrations"


@dataclass(frozen=True)
class Fit:
    """Which chance goes with which score, and how that was found."""

    asks: str  # what an answer's confidence is the chance of
    scores: tuple[float, ...]
    chances: tuple[float, ...]
    answers: int  # that it was fitted on
    queries: int  # that these are answers of
    right: float  # share of the answers
    error: float  # expected calibration error among answers to queries of other groups than it was fitted on
    data: str  # what the queries are
    date: str  # of the fit, ISO 8601

    def __post_init__(self) -> None:
        for name, values in (("scores", self.scores), ("chances", self.chances)):
            if not values or any(before > after for before, after in pairwise(values)):
                raise ValueError(f"{name} must ascend, got {values}")
        if len(self.scores) != len(self.chances) or not 0 <= self.chances[0] <= self.chances[-1] <= 1:
            raise ValueError(f"each score needs a chance in [0, 1], got {self.scores} and {self.chances}")

    def chance(self, score: float) -> float:
        """That an answer of this score is right."""
        return float(np.interp(score, self.scores, self.chances))

    def in_words(self) -> str:
        """How it was fitted."""
        return (
            f"chance that it is {self.asks}, fitted on {self.answers:,} answers to {self.queries:,} queries "
            f"({self.data}; {self.right:.0%} right) on {self.date}; expected calibration error {self.error:.3f}"
        )


def fit_for(encoder: str, mode: str) -> Fit | None:
    """The fit of an encoder, by its fingerprint, for a mode of searching; None if there is none."""
    made = _file(encoder)
    if not made.is_file():
        return None
    document = json.loads(made.read_text(encoding="utf-8"))
    if document["format"] != FORMAT or mode not in document["modes"]:
        return None
    return _read(document["modes"][mode])


def why_none(encoder: str, mode: str) -> str:
    """Why answers have no confidence, and what to do."""
    return (
        f"no confidence: for encoder {encoder} and mode {mode} nobody has measured what a score means; "
        "benchmarks/calibration.py of the source code does"
    )


def write_fits(encoder: str, fits: dict[str, Fit]) -> Path:
    """Keep the fits of an encoder in this package, by mode; returns the file."""
    document = {"format": FORMAT, "encoder": encoder, "modes": {mode: asdict(fit) for mode, fit in fits.items()}}
    path = _file(encoder)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def _file(encoder: str) -> Path:
    return FOLDER / f"{encoder}.json"


def _read(fields: dict[str, Any]) -> Fit:
    numbers: dict[str, Sequence[float]] = {name: tuple(fields[name]) for name in ("scores", "chances")}
    return Fit(**{**fields, **numbers})
