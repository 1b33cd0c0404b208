"""What the pages of several reports are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from numpy.typing import NDArray

from app.report import text
from app.text import shown

_NAMED_CLASSES = 40  # with more, the names beside the confusion matrix would be too small to read
_FILTERS = {
    "percent": text.percent, "interval": text.interval, "points": text.points, "probability": text.probability,
    "judgement": text.judgement, "unbroken": text.unbroken, "shown": shown,
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A square of the confusion matrix that is not empty."""

    row: int
    column: int
    count: int
    share: float  # of the row
    says: str


def template(name: str) -> Template:
    """A template of this folder, which escapes what it is given and refuses to leave anything out."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    return environment.get_template(name)


def cells(names: Sequence[str], counts: NDArray[np.intp], verb: str, end: str = "") -> list[Cell]:
    """The squares; each says in words what it counts, as in `wave: 2 of 9 found drink first`."""
    made = []
    for row, column in np.argwhere(counts).tolist():
        count, total = int(counts[row, column]), int(counts[row].sum())
        says = f"{names[row]}: {count} of {total} {verb} {names[column]} {end}".rstrip()
        made.append(Cell(row, column, count, count / total, says))
    return made


def are_named(names: Sequence[str]) -> bool:
    """Whether there is room for the names beside the matrix."""
    return len(names) <= _NAMED_CLASSES


def most_confused(names: Sequence[str], counts: NDArray[np.intp], label: str) -> tuple[str, float] | None:
    """The wrong class that a class is most often taken for, and in what share of the cases; None if never."""
    place = list(names).index(label)
    wrong = counts[place].copy()
    total = wrong.sum()
    wrong[place] = 0
    return (names[int(wrong.argmax())], float(wrong.max() / total)) if wrong.any() else None
