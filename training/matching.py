"""Whether frozen maps find the same time, or the same place and time, in another view of the video.

Sizes: B batch, C channels, T H W grid, N cells of a local view, M of the global one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from encoder.backbones import Maps
from encoder.lattice import Lattice
from training.diagnostics import expected_hits
from training.render import render
from training.synthetic import Labelled
from training.views import Bounds, ViewSpec, cell_bounds, coverage, sample_views, time_coverage

MapsOf = Callable[[Tensor], Maps]  # of (B, 3, T, S, S) RGB in [0, 1], in evaluation mode

_BATCH = 4  # videos
_COVERED = 0.5  # least share of a cell that the global view has to show for the cell to count
_EDGE = 1e-4  # share of a cell below which two cells only meet at an edge, up to rounding


@dataclass(frozen=True)
class BinMatching:
    """How well local bins of time find themselves in the global view."""

    accuracy: float
    chance: float  # of a random one of the bins searched, about 2 / T
    kendall_tau: float  # of the order found: 1 right, 0 random or all alike, -1 reversed


def bin_matching(
    data: Labelled, maps: MapsOf, lattice: Lattice, spec: ViewSpec, size: int, rng: torch.Generator, videos: int = 100
) -> BinMatching:
    """Find for each bin of both local views, by cosine, a bin of the global view; right is what covers most of it.

    Views are drawn and coloured as in training, none reversed. Bins are the final map pooled over space, less
    their mean: what all of a view shows, such as its crop and colours, would hide what differs in time. A local
    view's mean also takes away which half of the global one it lies in. So both means are taken over the time that
    both show, and only the global bins that show some of it are searched; less the mean of all global bins, a
    smooth but perfect sense of time would be pulled to the wrong half. Local bins count that the global view
    covers by half or more.

    Tau is Kendall's over pairs of local bins that no one global bin is right for, found ties counting zero: it
    is 1 if all are right, and 0 if there are no such pairs.

    Args:
        data: what to draw videos from.
        maps: the frozen backbone.
        lattice: of its final map.
        spec: of the views.
        size: pixels of a view.
        rng: draws the videos and views.
        videos: at most.
    """
    hits, chances, steps = [], [], []
    for pair in _pairs(data.sample(videos, rng), maps, lattice, spec, size, rng):
        shares = time_coverage(pair.cells, pair.others).double()
        searched = (shares > _EDGE).any(1, keepdim=True)
        own, others = _bins(pair.local.final, shares.sum(2)), _bins(pair.whole.final, shares.sum(1))
        similar = (own @ others.mT).masked_fill(~searched, -torch.inf)
        right = shares >= shares.amax(-1, keepdim=True) - _EDGE
        counted = shares.sum(-1) >= _COVERED
        hits.append(expected_hits(similar, right)[counted])
        chances.append((right.double().sum(-1) / searched.sum(-1))[counted])
        steps.append(_steps(similar.argmax(-1), right, counted))
    tau = torch.cat(steps)
    return BinMatching(_mean(hits), _mean(chances), tau.mean().item() if len(tau) else 0.0)


@dataclass(frozen=True)
class RegionLocalisation:
    """How often local cells find a global cell that shows a part of them, and how often at least its place."""

    accuracy: float
    chance: float  # of a random global cell
    place_accuracy: float  # right place, at whatever time
    place_chance: float


def region_localisation(
    data: Labelled, maps: MapsOf, lattice: Lattice, spec: ViewSpec, size: int, rng: torch.Generator, videos: int = 100
) -> RegionLocalisation:
    """Find for each cell of both local views, by cosine, a cell of the global view; right is what covers a part.

    Views are drawn and coloured as in training, none reversed. Cells are those of the raw map of the regions; they
    count where the global view covers half or more.

    Args:
        data: what to draw videos from.
        maps: the frozen backbone.
        lattice: of its map of the regions.
        spec: of the views.
        size: pixels of a view.
        rng: draws the videos and views.
        videos: at most.
    """
    found: list[list[Tensor]] = [[], [], [], []]
    for pair in _pairs(data.sample(videos, rng), maps, lattice, spec, size, rng):
        own, others = (normalize(each.regions.flatten(2).mT, dim=-1) for each in (pair.local, pair.whole))
        similar, shares = own @ others.mT, coverage(pair.cells, pair.others)
        counted = shares.sum(-1) >= _COVERED
        right = shares > _EDGE
        by_time = right.reshape(*right.shape[:2], lattice.shape[0], -1)
        place = by_time.any(2, keepdim=True).expand_as(by_time).flatten(2)
        for answers, total in ((right, found[:2]), (place, found[2:])):
            total[0].append(expected_hits(similar, answers)[counted])
            total[1].append(answers.double().mean(-1)[counted])
    return RegionLocalisation(*map(_mean, found))


class _Pair(NamedTuple):
    """The maps of a local and of the global view of some videos, and where their cells lie."""

    local: Maps
    whole: Maps
    cells: Bounds
    others: Bounds


def _pairs(
    data: Labelled, maps: MapsOf, lattice: Lattice, spec: ViewSpec, size: int, rng: torch.Generator
) -> Iterator[_Pair]:
    """Each local view with the global one, for batches of videos."""
    for start in range(0, len(data.videos), _BATCH):
        videos = data.videos[start : start + _BATCH]
        drawn = [sample_views(len(video) / data.fps, rng, spec) for video in videos]
        shown = []
        for views in zip(*drawn, strict=True):  # all first, all second, all global ones
            with torch.inference_mode():
                found = maps(render(videos, views, data.fps, size))
            shown.append((Maps(*(each.cpu().double() for each in found)), cell_bounds(views, lattice, size)))
        whole, others = shown.pop()
        yield from (_Pair(local, whole, cells, others) for local, cells in shown)


def _bins(maps: Tensor, shared: Tensor) -> Tensor:
    """(B, T, C) unit vectors of a map's bins, less their mean weighed by the (B, T) share the other view shows."""
    bins = maps.mean((3, 4)).mT
    mean = (shared / shared.sum(1, keepdim=True)).unsqueeze(1) @ bins
    return normalize(bins - mean, dim=-1)


def _steps(found: Tensor, right: Tensor, counted: Tensor) -> Tensor:
    """1 for each pair of bins that no one global bin is right for if found in order, 0 if in one bin, else -1."""
    answers = right.double()
    pairs = (answers @ answers.mT == 0) & counted.unsqueeze(2) & counted.unsqueeze(1)
    return (found.unsqueeze(1) - found.unsqueeze(2)).sign().double()[pairs.triu(1)]


def _mean(parts: list[Tensor]) -> float:
    values = torch.cat(parts)
    if not len(values):
        raise ValueError("the global views cover no cell of the local ones by half; draw larger views")
    return values.mean().item()
