"""Cells lie where their lattice says, shown by what the networks see: the trap of strided convolutions and flips."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from encoder.backbones import R3D18, S3D, TSM, Backbone, EfficientNetLite0, R2Plus1D18


class Case(NamedTuple):
    """A network, and what one cell of it sees in samples of the clip: of the regions, and of the final map."""

    make: Callable[[], Backbone]
    frames: tuple[int, int]
    pixels: tuple[int, int]
    smallest: tuple[int, int, int]  # clip that has a cell
    clips: int  # over which the centroid is averaged; those of S3D spread, as its maxima see few samples


CASES = {  # a layer of kernel k adds (k - 1) strides to what is seen
    "TSM": Case(lambda: TSM(8, 1), (5, 7), (56, 128), (1, 16, 16), 4),
    "R3D18": Case(R3D18, (53, 109), (107, 219), (1, 1, 1), 2),
    "R2Plus1D18": Case(R2Plus1D18, (53, 109), (107, 219), (1, 1, 1), 2),
    "S3D": Case(S3D, (19, 99), (59, 379), (5, 17, 17), 4),
    "EfficientNetLite0": Case(EfficientNetLite0, (5, 19), (67, 851), (1, 32, 32), 4),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(scope="module")
def network(case):
    torch.manual_seed(0)
    return case.make().double().eval().requires_grad_(False)


@pytest.mark.parametrize("final", [False, True], ids=["regions", "final"])
@pytest.mark.parametrize("axis", [0, 1, 2], ids=["time", "height", "width"])
def test_a_cell_lies_in_the_middle_of_what_it_sees_in_mirrored_clips_too(case, network, final, axis):
    seen = (case.frames if axis == 0 else case.pixels)[final]
    lattice_of = network.final_lattice if final else network.region_lattice
    stride = lattice_of(16, 112, 112).stride[axis]
    # A strip as long as is needed to see all that a cell sees; across, the least there is.
    size = [*case.smallest]
    size[axis] = max(size[axis], seen + 2 * stride)
    lattice = lattice_of(*size)
    places = [lattice.centre[axis] + i * stride for i in range(lattice.shape[axis])]
    inside = [i for i, place in enumerate(places) if seen / 2 <= place <= size[axis] - seen / 2]
    cells = [inside[i % 2] for i in range(case.clips)]  # neighbours; every second clip is mirrored
    weights = influence(network, final, axis, size, cells)
    samples = torch.arange(size[axis], dtype=torch.double) + 0.5
    off = []
    for i, (cell, weight) in enumerate(zip(cells, weights, strict=True)):
        place, towards = (size[axis] - places[cell], -1) if i % 2 else (places[cell], 1)
        reached = weight.nonzero().flatten()
        assert (reached[0].item(), reached[-1].item() + 1) == (place - seen / 2, place + seen / 2)
        off.append(towards * ((weight @ samples / weight.sum()).item() - place))  # as the network sees it
    assert abs(sum(off) / len(off)) < stride / 4  # a lattice half a cell off would be stride / 2


def influence(network: Backbone, final: bool, axis: int, size: list[int], cells: list[int]) -> Tensor:
    """How much each sample along an axis of a random clip decides about a cell; one clip a cell.

    Every second clip is shown mirrored along the axis; the samples are counted in the clip as it was.
    """
    rng = torch.Generator().manual_seed(0)
    clips = torch.randn(len(cells), 3, *size, dtype=torch.double, generator=rng).requires_grad_()
    shown = torch.stack([clip.flip(1 + axis) if i % 2 else clip for i, clip in enumerate(clips)])
    maps = network.maps(shown)[final]
    watched = torch.stack([each.select(1 + axis, cell).sum() for each, cell in zip(maps, cells, strict=True)])
    (gradient,) = torch.autograd.grad(watched.sum(), clips)
    return gradient.abs().movedim(2 + axis, 1).flatten(2).sum(2)
