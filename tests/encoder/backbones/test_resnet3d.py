"""The residual networks against their published description, written down here a second time."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder.backbones import R3D18, R2Plus1D18

Named = Iterator[tuple[str, tuple[int, ...]]]
Weights = dict[str, Tensor]

WIDTHS = [(64, 64), (64, 128), (128, 256), (256, 512)]  # in and out, of the four layers
BETWEEN = [(144, 144), (230, 288), (460, 576), (921, 1152)]  # of R(2+1)D, in the two blocks of each layer
HEAD = 512 * 400 + 400  # of the 400 classes of Kinetics


def norm(key: str, width: int) -> Named:
    yield from ((f"{key}.{each}", (width,)) for each in ("weight", "bias", "running_mean", "running_var"))
    yield f"{key}.num_batches_tracked", ()


def full(key: str, before: int, _: int, after: int) -> Named:
    yield f"{key}.weight", (after, before, 3, 3, 3)


def split(key: str, before: int, between: int, after: int) -> Named:
    yield f"{key}.0.weight", (between, before, 1, 3, 3)
    yield from norm(f"{key}.1", between)
    yield f"{key}.3.weight", (after, between, 3, 1, 1)


def layers(convolution) -> Named:
    for layer, (widths, between) in enumerate(zip(WIDTHS, BETWEEN, strict=True), 1):
        for block, before in enumerate((widths[0], widths[1])):
            key, after = f"layer{layer}.{block}", widths[1]
            yield from convolution(f"{key}.conv1.0", before, between[block], after)
            yield from norm(f"{key}.conv1.1", after)
            yield from convolution(f"{key}.conv2.0", after, between[block], after)
            yield from norm(f"{key}.conv2.1", after)
            if before != after:
                yield f"{key}.downsample.0.weight", (after, before, 1, 1, 1)
                yield from norm(f"{key}.downsample.1", after)


def r3d() -> Named:
    yield "stem.0.weight", (64, 3, 3, 7, 7)
    yield from norm("stem.1", 64)
    yield from layers(full)


def r2plus1d() -> Named:
    yield "stem.0.weight", (45, 3, 1, 7, 7)
    yield from norm("stem.1", 45)
    yield "stem.3.weight", (64, 45, 3, 1, 1)
    yield from norm("stem.4", 64)
    yield from layers(split)


@pytest.mark.parametrize(("make", "named"), [(R3D18, r3d), (R2Plus1D18, r2plus1d)])
def test_parameters_have_the_published_names_and_shapes_in_order(make, named):
    with torch.device("meta"):
        weights = make().state_dict()
    assert [(key, tuple(value.shape)) for key, value in weights.items()] == list(named())


@pytest.mark.parametrize(("make", "published"), [(R3D18, 33_371_472), (R2Plus1D18, 31_505_325)])
def test_with_the_head_there_are_as_many_parameters_as_published(make, published):
    with torch.device("meta"):
        parameters = make().parameters()
    assert sum(each.numel() for each in parameters) + HEAD == published


def normed(maps: Tensor, weights: Weights, key: str) -> Tensor:
    mean, variance, scale, shift = (
        weights[f"{key}.{each}"].view(-1, 1, 1, 1) for each in ("running_mean", "running_var", "weight", "bias")
    )
    return (maps - mean) / (variance + 1e-5).sqrt() * scale + shift


def convolved(maps: Tensor, weights: Weights, key: str, stride: int | tuple[int, int, int]) -> Tensor:
    """One centred convolution, or, where the weights have two, first over space and then over time."""
    if f"{key}.0.weight" in weights:
        space = convolved(maps, weights, f"{key}.0", (1, stride, stride))
        return convolved(normed(space, weights, f"{key}.1").relu(), weights, f"{key}.3", (stride, 1, 1))
    kernel = weights[f"{key}.weight"]
    return F.conv3d(maps, kernel, stride=stride, padding=[size // 2 for size in kernel.shape[2:]])


def stem(clips: Tensor, weights: Weights) -> Tensor:
    maps = normed(convolved(clips, weights, "stem.0", (1, 2, 2)), weights, "stem.1").relu()
    if "stem.3.weight" in weights:
        maps = normed(convolved(maps, weights, "stem.3", 1), weights, "stem.4").relu()
    return maps


def block(maps: Tensor, weights: Weights, key: str) -> Tensor:
    thinned = f"{key}.downsample.0.weight" in weights
    stride, residue = 2 if thinned else 1, maps
    if thinned:
        residue = normed(convolved(maps, weights, f"{key}.downsample.0", 2), weights, f"{key}.downsample.1")
    maps = normed(convolved(maps, weights, f"{key}.conv1.0", stride), weights, f"{key}.conv1.1").relu()
    maps = normed(convolved(maps, weights, f"{key}.conv2.0", 1), weights, f"{key}.conv2.1")
    return (maps + residue).relu()


@pytest.mark.parametrize("make", [R3D18, R2Plus1D18])
def test_both_maps_are_those_of_the_published_network(make):
    torch.manual_seed(0)
    network = make().double().eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            for each in (module.weight, module.bias, module.running_mean, module.running_var):
                each.uniform_(0.5, 1.5)
    clips, weights = torch.randn(2, 3, 3, 20, 12, dtype=torch.double), network.state_dict()
    maps = [stem(clips, weights)]
    for layer in range(1, 5):
        maps.append(block(block(maps[-1], weights, f"layer{layer}.0"), weights, f"layer{layer}.1"))
    found = network.maps(clips)
    torch.testing.assert_close(found.regions, maps[3])
    torch.testing.assert_close(found.final, maps[4])
