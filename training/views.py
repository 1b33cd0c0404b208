"""Views of a video and where their cells lie in it: the controllable augmentations, as geometry without pixels.

Sizes: B batch, T frames of a view, T_f H_f W_f cells of a feature map, N M cells in all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from encoder.lattice import Lattice


@dataclass(frozen=True)
class Box:
    """A part of the picture, in fractions of its width and height from the top left corner."""

    x0: float
    y0: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = self.x0 >= 0 and self.y0 >= 0 and max(self.x0 + self.width, self.y0 + self.height) <= 1 + 1e-9
        if not inside or min(self.width, self.height) <= 0:
            raise ValueError(f"a box lies inside the picture and has an area, got {self}")


@dataclass(frozen=True)
class Photometry:
    """How a view's colours are changed, all its frames alike; the defaults change nothing."""

    brightness: float = 0.0  # added to RGB in [0, 1]
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0  # radians around the grey axis
    grey: bool = False
    blur: float = 0.0  # share of each pixel that its 3x3 neighbourhood gives, in [0, 1]


@dataclass(frozen=True)
class View:
    """The augmentation record: which part of a video a view shows, and how.

    Frame j shows the time start + stride (j + 1/2), so a view covers [start, start + stride frames).
    """

    box: Box
    start: float  # seconds from the video's first frame
    stride: float  # seconds from frame to frame
    frames: int  # T
    flipped: bool = False  # left and right
    reversed: bool = False  # in time
    photometry: Photometry = Photometry()

    def __post_init__(self) -> None:
        if self.frames < 1 or not 0 < self.stride < math.inf or not math.isfinite(self.start):
            raise ValueError(f"a view has a finite start and frames and stride above zero, got {self}")

    @property
    def span(self) -> float:
        """Seconds covered."""
        return self.frames * self.stride

    def times(self) -> list[float]:
        """The source time of each frame, in the order they are shown."""
        times = [self.start + self.stride * (j + 0.5) for j in range(self.frames)]
        return times[::-1] if self.reversed else times


class Views(NamedTuple):
    """The views of one video in one step: two locals and the global one that spans both."""

    first: View
    second: View
    whole: View


@dataclass(frozen=True)
class ViewSpec:
    """From what views are drawn."""

    frames: int = 8  # T of every view
    shortest_stride: float = 1 / 16  # seconds, of the locals; the global view's is twice the locals'
    longest_stride: float = 3 / 16
    local_area: tuple[float, float] = (0.3, 1.0)  # of the picture
    global_area: tuple[float, float] = (0.6, 1.0)
    flip: float = 0.5  # probability
    jitter: float = 1.0  # strength of the colour changes; 0 for none

    def __post_init__(self) -> None:
        if self.frames < 1 or not 0 < self.shortest_stride <= self.longest_stride:
            raise ValueError(f"views need frames and strides above zero, got {self}")


def sample_views(duration: float, rng: torch.Generator, spec: ViewSpec, reverse: bool = False) -> Views:
    """Draw a global view of stride 2 s and a local view of stride s in each half of its span.

    s ~ U[1, 3] base strides, starts jittered by up to an eighth of the span and clipped inside it [ours]. In a
    video too short for the span, the strides shrink until it fits.

    Args:
        duration: of the video, in seconds.
        rng: drawn from.
        spec: what to draw from.
        reverse: play all three views backwards half of the time.
    """
    stride = _stride(duration, 2 * spec.frames, rng, spec)
    span = 2 * spec.frames * stride
    start = _uniform(rng, 0, max(0.0, duration - span))
    early, late = (_uniform(rng, -span / 8, span / 8) for _ in range(2))
    first = start + max(0.0, early)
    second = start + span / 2 + min(0.0, late)
    whole = _view(start, 2 * stride, spec.global_area, rng, spec)
    one, two = (_view(begin, stride, spec.local_area, rng, spec) for begin in (first, second))
    backwards = reverse and _chance(rng, 0.5)
    return Views(*(replace(view, reversed=backwards) for view in (one, two, whole)))


def sample_clips(duration: float, rng: torch.Generator, spec: ViewSpec) -> Views:
    """Draw three clips anywhere in a video: the one-scale views of plain instance contrast (arm A1).

    They have the strides of a global view and the boxes of local ones.
    """
    stride = 2 * _stride(duration, 2 * spec.frames, rng, spec)
    starts = [_uniform(rng, 0, max(0.0, duration - spec.frames * stride)) for _ in range(3)]
    return Views(*(_view(start, stride, spec.local_area, rng, spec) for start in starts))


def plain_view(start: float, stride: float, frames: int) -> View:
    """The whole picture, its colours as they are: what evaluation sees."""
    return View(Box(0, 0, 1, 1), start, stride, frames)


def seen_anew(view: View, duration: float, rng: torch.Generator, spec: ViewSpec) -> View:
    """Another view of the same moment: a part of the picture, in other colours, a little off in time and tempo.

    Args:
        view: of the moment.
        duration: of the video, in seconds.
        rng: drawn from.
        spec: flips and colours are drawn as for training.
    """
    stride = view.stride * math.exp(_uniform(rng, math.log(5 / 6), math.log(6 / 5)))
    start = view.start + _uniform(rng, -view.span / 12, view.span / 12)
    fits = max(0.0, duration - stride * view.frames)
    return _view(min(max(0.0, start), fits), stride, (0.5, 1.0), rng, spec)


def _view(start: float, stride: float, area: tuple[float, float], rng: torch.Generator, spec: ViewSpec) -> View:
    box, flipped = _box(rng, area), _chance(rng, spec.flip)
    return View(box, start, stride, spec.frames, flipped, photometry=_tint(rng, spec))


def _stride(duration: float, frames: int, rng: torch.Generator, spec: ViewSpec) -> float:
    fits = max(duration, 1e-3) / frames
    return min(fits, _uniform(rng, spec.shortest_stride, min(spec.longest_stride, max(spec.shortest_stride, fits))))


def _box(rng: torch.Generator, area: tuple[float, float]) -> Box:
    share, aspect = _uniform(rng, *area), math.exp(_uniform(rng, math.log(3 / 4), math.log(4 / 3)))
    width, height = min(1.0, math.sqrt(share * aspect)), min(1.0, math.sqrt(share / aspect))
    return Box(_uniform(rng, 0, 1 - width), _uniform(rng, 0, 1 - height), width, height)


def _tint(rng: torch.Generator, spec: ViewSpec) -> Photometry:
    by = spec.jitter
    return Photometry(
        brightness=_uniform(rng, -0.2, 0.2) * by,
        contrast=1 + _uniform(rng, -0.4, 0.4) * by,
        saturation=1 + _uniform(rng, -0.6, 0.6) * by,
        hue=_uniform(rng, -0.3, 0.3) * by,
        grey=_chance(rng, 0.2 * by),
        blur=max(0.0, _uniform(rng, -1, 1)) * by,
    )


def _uniform(rng: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * torch.rand((), generator=rng, dtype=torch.float64).item()


def _chance(rng: torch.Generator, probability: float) -> bool:
    return _uniform(rng, 0, 1) < probability


class Bounds(NamedTuple):
    """The source intervals of each view's cells, separable: a cell (a, b, c) covers t[a] x y[b] x x[c]."""

    t: Tensor  # (B, T_f, 2) seconds, ascending within a cell
    y: Tensor  # (B, H_f, 2) fractions of the picture
    x: Tensor  # (B, W_f, 2)


def cell_bounds(views: Sequence[View], lattice: Lattice, size: int) -> Bounds:
    """Where in the video the cells of a feature map lie, under crop, flip, stride and reversal.

    Args:
        views: B records of views `size` pixels wide and high.
        lattice: of the map: where its cells lie in the view.
        size: pixels.
    """
    t, y, x = (
        _edges(lattice, axis, extent).expand(len(views), -1, 2)
        for axis, extent in enumerate((views[0].frames, size, size))
    )
    t = _mirror(t, [view.reversed for view in views])
    x = _mirror(x, [view.flipped for view in views])
    return Bounds(
        _onto(t, [view.start for view in views], [view.span for view in views]),
        _onto(y, [view.box.y0 for view in views], [view.box.height for view in views]),
        _onto(x, [view.box.x0 for view in views], [view.box.width for view in views]),
    )


def _edges(lattice: Lattice, axis: int, extent: int) -> Tensor:
    """(cells, 2) where the cells begin and end along an axis, as fractions of the view."""
    centres = lattice.centre[axis] + lattice.stride[axis] * torch.arange(lattice.shape[axis], dtype=torch.float64)
    half = lattice.stride[axis] / 2
    return torch.stack([centres - half, centres + half], 1) / extent


def _mirror(edges: Tensor, mirrored: list[bool]) -> Tensor:
    return torch.where(torch.tensor(mirrored).view(-1, 1, 1), 1 - edges.flip(-1), edges)


def _onto(edges: Tensor, starts: list[float], lengths: list[float]) -> Tensor:
    start, length = (torch.tensor(each, dtype=torch.float64).view(-1, 1, 1) for each in (starts, lengths))
    return (start + length * edges).float()


def coverage(cells: Bounds, others: Bounds, rows: Tensor | None = None) -> Tensor:
    """The share of each cell that each cell of another view covers: (B, N, M), |i and j| / |i|.

    Args:
        cells: N of each of B views.
        others: M of each.
        rows: numbers of those of the N that are wanted; None for all.
    """
    t, y, x = _of_rows([_covered(own, other) for own, other in zip(cells, others, strict=True)], rows)
    return torch.einsum("bnu,bnz,bnw->bnuzw", t, y, x).flatten(2)


def time_coverage(cells: Bounds, others: Bounds) -> Tensor:
    """`coverage` in time alone: (B, T_f, T_f')."""
    return _covered(cells.t, others.t)


def _covered(own: Tensor, other: Tensor) -> Tensor:
    own, other = own[:, :, None], other[:, None]
    shared = torch.minimum(own[..., 1], other[..., 1]) - torch.maximum(own[..., 0], other[..., 0])
    return shared.clamp(min=0) / (own[..., 1] - own[..., 0])


def distance(cells: Bounds, others: Bounds, rows: Tensor | None = None) -> Tensor:
    """How far apart the centres of cells lie, measured in cells of the other view: (B, N, M); rows as in `coverage`."""
    t, y, x = _of_rows([_apart(own, other) for own, other in zip(cells, others, strict=True)], rows)
    return (t[..., :, None, None] + y[..., None, :, None] + x[..., None, None, :]).sqrt().flatten(2)


def _apart(own: Tensor, other: Tensor) -> Tensor:
    gap = own.mean(-1)[:, :, None] - other.mean(-1)[:, None]
    return (gap / (other[..., 1] - other[..., 0])[:, None]).square()


def _of_rows(axes: list[Tensor], rows: Tensor | None) -> list[Tensor]:
    """What (B, cells, others) along time, height and width say of each of the N cells, or of some: (B, N, others)."""
    shape = [axis.shape[1] for axis in axes]
    if rows is None:
        rows = torch.arange(prod(shape), device=axes[0].device)
    return [axis[:, place] for axis, place in zip(axes, torch.unravel_index(rows, shape), strict=True)]
