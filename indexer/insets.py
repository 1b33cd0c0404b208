"""Where a query shows one video inside another: a picture in picture, or a picture between bars.

The border of an inset is a rectangle whose sides stay where they are while the pictures on both sides of them change.
So do few edges of a scene that was filmed; those that do cost a search time, not its answer (see `search`).

Sizes: N pictures, S their side, P pairs of grid lines.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_GRID = 64  # pixels: side of the thumbnails that rectangles are looked for in, where pictures are not smaller
_LOOKED_AT = 24  # pictures, evenly spread
_SHOWN = 0.75  # of the pictures must show an edge
_SHARP = 8.0  # grey levels by which an edge exceeds its surroundings: edges above count alike
_BESIDE = 2  # pixels from an edge to its surroundings: it may itself lie across two
_EVIDENT = 0.6  # of a full score: what every side of a rectangle must have in the mean along it
_SMALLEST = 0.2  # of the picture's side
_ALIKE = 0.7  # intersection over union of boxes of which one is enough
_MOST = 2
_LOOKED_THROUGH = 200  # rectangles, for different ones
_EVEN = 12.0  # grey levels from the darkest to the lightest pixel of a bar, outliers aside
_THINNEST_BAR = 0.03  # of the picture's side


@dataclass(frozen=True)
class Box:
    """A part of the picture, in fractions of its sides."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError(f"a box lies within [0, 1] and is not empty, got {self}")

    @property
    def area(self) -> float:
        """Share of the picture."""
        return (self.right - self.left) * (self.bottom - self.top)

    def alike(self, other: "Box") -> float:
        """Intersection over union."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        shared = max(0.0, width) * max(0.0, height)
        return shared / (self.area + other.area - shared)


def cut(pictures: NDArray[np.uint8], box: Box, size: int) -> NDArray[np.uint8]:
    """What a box shows of (N, S, S, 3) pictures, as (N, size, size, 3)."""
    side = pictures.shape[1]
    top, bottom, left, right = (round(side * edge) for edge in (box.top, box.bottom, box.left, box.right))
    parts = pictures[:, top : max(bottom, top + 1), left : max(right, left + 1)]
    how = cv2.INTER_AREA if min(parts.shape[1:3]) >= size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(part, (size, size), interpolation=how) for part in parts]).astype(np.uint8)


def without_bars(pictures: NDArray[np.uint8]) -> Box | None:
    """The picture between bars of one colour at the edges of (N, S, S, 3) pictures; None where there are none."""
    some = pictures[_some(len(pictures))]
    last = pictures.shape[1] - 1
    if not (_even(some[:, ::last], 2).any() or _even(some[:, :, ::last], 1).any()):  # most often, told at once
        return None
    rows, columns = (_even(some, axis) for axis in (2, 1))
    (top, bottom), (left, right) = _between(rows), _between(columns)
    smallest = _SMALLEST * pictures.shape[1]
    if min(bottom - top, right - left) < smallest or (top, bottom, left, right) == (0, len(rows), 0, len(columns)):
        return None
    return Box(left / len(columns), top / len(rows), right / len(columns), bottom / len(rows))


def insets(pictures: NDArray[np.uint8]) -> list[Box]:
    """The rectangles of (N, S, S, 3) pictures that look most like the border of another video, best first."""
    side = min(_GRID, pictures.shape[1])
    upright, level = _lasting_edges(_thumbnails(pictures, side))
    first, second = np.triu_indices(side + 1, round(_SMALLEST * side))  # of grid lines
    beside, above = _along(upright, first, second), _along(level, first, second)  # (P, lines)
    rows, columns = _rectangles(beside >= _EVIDENT, above >= _EVIDENT, first, second)
    edges = np.stack([first[columns], first[rows], second[columns], second[rows]])
    scores = np.stack([
        beside[rows, edges[0]], above[columns, edges[1]], beside[rows, edges[2]], above[columns, edges[3]],
    ])  # fmt: skip
    inner = np.isfinite(scores)  # not on the picture's own border
    kept = inner.sum(0) >= 2
    means = np.where(inner, scores, 0).sum(0) / inner.sum(0).clip(min=1)
    order = np.flatnonzero(kept)[np.argsort(-means[kept], kind="stable")]
    whole = Box(0.0, 0.0, 1.0, 1.0)
    return _distinct([whole, *(Box(*(edges[:, i] / side).tolist()) for i in order[:_LOOKED_THROUGH])])[1 : _MOST + 1]


def _rectangles(
    beside: NDArray[np.bool_], above: NDArray[np.bool_], first: NDArray[np.intp], second: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which pair of level lines and which pair of upright lines are evident along each other."""
    level, upright = (np.flatnonzero(_together(lines)[first, second]) for lines in (above, beside))
    ends = [each[:, None] for each in (first[level], second[level])]
    found = above[upright, ends[0]] & above[upright, ends[1]]
    for end in (first[upright], second[upright]):
        found &= beside[level[:, None], end]
    rows, columns = np.nonzero(found)
    return level[rows], upright[columns]


def _together(lines: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any of the (P, lines) has both, for each two lines."""
    counts = lines.astype(np.float32)
    return np.asarray(counts.T @ counts > 0)


def _distinct(boxes: list[Box]) -> list[Box]:
    """The boxes that are not much the same as one before them."""
    different: list[Box] = []
    for box in boxes:
        if all(box.alike(other) < _ALIKE for other in different):
            different.append(box)
    return different


def _thumbnails(pictures: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    small = [cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in pictures[_some(len(pictures))]]
    return np.stack(small).astype(np.float32)


def _some(count: int) -> NDArray[np.intp]:
    """The pictures that are looked at, of so many."""
    return np.unique(np.linspace(0, count - 1, _LOOKED_AT).round().astype(np.intp))


def _lasting_edges(pictures: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How sharp most pictures are across each upright line, (row, line), and across each level one, (column, line)."""
    return _across(pictures), _across(pictures.swapaxes(1, 2))


def _across(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 0 to 1, (row, upright line); above all at the picture's own border, which can be that of an inset too."""
    red, green, blue = np.moveaxis(np.abs(np.diff(pictures, axis=2)), -1, 0)
    most = np.maximum(np.maximum(red, green), blue)  # far sooner than the maximum along so short an axis
    steps = np.quantile(most, 1 - _SHOWN, axis=0)
    around = np.pad(steps, ((0, 0), (_BESIDE, _BESIDE)), mode="edge")
    ridge = steps - (around[:, : -2 * _BESIDE] + around[:, 2 * _BESIDE :]) / 2  # texture is as sharp all over
    sharp = ridge.clip(0, _SHARP) / _SHARP
    return np.pad(sharp, ((0, 0), (1, 1)), constant_values=np.inf)


def _along(edges: NDArray[np.float32], first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.float32]:
    """The mean of each line's edges from grid line `first` to `second`, (P, lines)."""
    finite = np.where(np.isfinite(edges), edges, 0)
    sums = np.pad(finite.cumsum(0), ((1, 0), (0, 0)))
    means = (sums[second] - sums[first]) / (second - first)[:, None]
    means[:, [0, -1]] = np.inf
    return np.asarray(means, np.float32)


def _even(pictures: NDArray[np.uint8], axis: int) -> NDArray[np.bool_]:
    """Which rows (axis 2 goes along them) or columns (axis 1) have one colour all along and all the time."""
    low, high = np.quantile(pictures, (0.02, 0.98), axis=(0, axis))
    return np.asarray((high - low).max(-1) <= _EVEN)


def _between(even: NDArray[np.bool_]) -> tuple[int, int]:
    """The first line after the even ones at the start and the first of those at the end, if they are worth it."""
    busy = np.flatnonzero(~even)
    if not len(busy):
        return 0, len(even)
    thin = _THINNEST_BAR * len(even)
    start, stop = int(busy[0]), int(busy[-1]) + 1
    return start if start >= thin else 0, stop if len(even) - stop >= thin else len(even)
