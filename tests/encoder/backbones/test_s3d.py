"""S3D against its published description, written down here a second time."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder.backbones import S3D

Named = Iterator[tuple[str, tuple[int, ...]]]
Weights = dict[str, Tensor]

# Inception modules by their place among the features: channels of the first tower, of the two convolutions of the
# second and third, and of the fourth.
INCEPTIONS = {
    5: (64, 96, 128, 16, 32, 32),
    6: (128, 128, 192, 32, 96, 64),
    8: (192, 96, 208, 16, 48, 64),
    9: (160, 112, 224, 24, 64, 64),
    10: (128, 128, 256, 24, 64, 64),
    11: (112, 144, 288, 32, 64, 64),
    12: (256, 160, 320, 32, 128, 128),
    14: (256, 160, 320, 32, 128, 128),
    15: (384, 192, 384, 48, 128, 128),
}
# Poolings by their place: kernel, stride and padding.
SPATIAL = ((1, 3, 3), (1, 2, 2), (0, 1, 1))
POOLINGS = {1: SPATIAL, 4: SPATIAL, 7: (3, 2, 1), 13: (2, 2, 0)}
HEAD = 1024 * 400 + 400  # of the 400 classes of Kinetics


def unit(key: str, before: int, after: int, kernel: tuple[int, int, int] = (1, 1, 1)) -> Named:
    yield f"{key}.0.weight", (after, before, *kernel)
    yield from ((f"{key}.1.{each}", (after,)) for each in ("weight", "bias", "running_mean", "running_var"))
    yield f"{key}.1.num_batches_tracked", ()


def separable(key: str, before: int, after: int, kernel: int = 3) -> Named:
    yield from unit(f"{key}.0", before, after, (1, kernel, kernel))
    yield from unit(f"{key}.1", after, after, (kernel, 1, 1))


def s3d() -> Named:
    yield from separable("features.0", 3, 64, 7)
    yield from unit("features.2", 64, 64)
    yield from separable("features.3", 64, 192)
    before = 192
    for place, (a, b, c, d, e, f) in INCEPTIONS.items():
        key = f"features.{place}"
        yield from unit(f"{key}.branch0", before, a)
        yield from unit(f"{key}.branch1.0", before, b)
        yield from separable(f"{key}.branch1.1", b, c)
        yield from unit(f"{key}.branch2.0", before, d)
        yield from separable(f"{key}.branch2.1", d, e)
        yield from unit(f"{key}.branch3.1", before, f)
        before = a + c + e + f
    assert before == 1024


def test_parameters_have_the_published_names_and_shapes_in_order():
    with torch.device("meta"):
        weights = S3D().state_dict()
    assert [(key, tuple(value.shape)) for key, value in weights.items()] == list(s3d())


def test_with_the_head_there_are_as_many_parameters_as_published():
    with torch.device("meta"):
        parameters = S3D().parameters()
    assert sum(each.numel() for each in parameters) + HEAD == 8_320_048


def through_unit(maps: Tensor, weights: Weights, key: str, stride: tuple[int, int, int] = (1, 1, 1)) -> Tensor:
    kernel = weights[f"{key}.0.weight"]
    maps = F.conv3d(maps, kernel, stride=stride, padding=[size // 2 for size in kernel.shape[2:]])
    mean, variance, scale, shift = (
        weights[f"{key}.1.{each}"].view(-1, 1, 1, 1) for each in ("running_mean", "running_var", "weight", "bias")
    )
    return ((maps - mean) / (variance + 1e-3).sqrt() * scale + shift).relu()


def through_separable(maps: Tensor, weights: Weights, key: str, stride: int = 1) -> Tensor:
    maps = through_unit(maps, weights, f"{key}.0", (1, stride, stride))
    return through_unit(maps, weights, f"{key}.1", (stride, 1, 1))


def inception(maps: Tensor, weights: Weights, key: str) -> Tensor:
    towers = [through_unit(maps, weights, f"{key}.branch0")]
    for branch in (f"{key}.branch1", f"{key}.branch2"):
        towers.append(through_separable(through_unit(maps, weights, f"{branch}.0"), weights, f"{branch}.1"))
    pooled = F.max_pool3d(maps, 3, stride=1, padding=1)
    return torch.cat([*towers, through_unit(pooled, weights, f"{key}.branch3.1")], 1)


def layer(place: int, maps: Tensor, weights: Weights) -> Tensor:
    key = f"features.{place}"
    if place in INCEPTIONS:
        return inception(maps, weights, key)
    if place in POOLINGS:
        return F.max_pool3d(maps, *POOLINGS[place])
    if place == 2:
        return through_unit(maps, weights, key)
    return through_separable(maps, weights, key, stride=2 if place == 0 else 1)


def test_both_maps_are_those_of_the_published_network():
    torch.manual_seed(0)
    network = S3D().double().eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            for each in (module.weight, module.bias, module.running_mean, module.running_var):
                each.uniform_(0.5, 1.5)
    clips, weights = torch.randn(2, 3, 9, 50, 34, dtype=torch.double), network.state_dict()
    maps = [clips]
    for place in range(16):
        maps.append(layer(place, maps[-1], weights))
    found = network.maps(clips)
    torch.testing.assert_close(found.regions, maps[7])  # after two modules of Inception
    torch.testing.assert_close(found.final, maps[16])
