"""EfficientNet-Lite0 against its published description, written down here a second time."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder.backbones import EfficientNetLite0
from encoder.transforms import normalise

Named = Iterator[tuple[str, tuple[int, ...]]]
Weights = dict[str, Tensor]

# Of each block: channels before, inside and after, size of the kernel, stride.
BLOCKS = [
    (32, 32, 16, 3, 1),
    (16, 96, 24, 3, 2),
    (24, 144, 24, 3, 1),
    (24, 144, 40, 5, 2),
    (40, 240, 40, 5, 1),
    (40, 240, 80, 3, 2),
    (80, 480, 80, 3, 1),
    (80, 480, 80, 3, 1),
    (80, 480, 112, 5, 1),
    (112, 672, 112, 5, 1),
    (112, 672, 112, 5, 1),
    (112, 672, 192, 5, 2),
    (192, 1152, 192, 5, 1),
    (192, 1152, 192, 5, 1),
    (192, 1152, 192, 5, 1),
    (192, 1152, 320, 3, 1),
]
SKIPS = [2, 4, 6, 7, 9, 10, 12, 13, 14]  # blocks to whose output their input is added
HEAD = 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000


def norm(key: str, width: int) -> Named:
    yield from ((f"{key}.{each}", (width,)) for each in ("weight", "bias", "running_mean", "running_var"))
    yield f"{key}.num_batches_tracked", ()


def published() -> Named:
    yield "conv_stem.weight", (32, 3, 3, 3)
    yield from norm("bn0", 32)
    for i, (before, inside, after, kernel, _) in enumerate(BLOCKS):
        if before != inside:
            yield f"blocks.{i}.expand_conv.weight", (inside, before, 1, 1)
            yield from norm(f"blocks.{i}.bn0", inside)
        yield f"blocks.{i}.depthwise_conv.weight", (inside, 1, kernel, kernel)
        yield from norm(f"blocks.{i}.bn1", inside)
        yield f"blocks.{i}.project_conv.weight", (after, inside, 1, 1)
        yield from norm(f"blocks.{i}.bn2", after)


def test_parameters_have_the_published_names_and_shapes_in_order():
    with torch.device("meta"):
        weights = EfficientNetLite0().state_dict()
    assert [(key, tuple(value.shape)) for key, value in weights.items()] == list(published())


def test_with_the_head_there_are_as_many_parameters_as_published():
    with torch.device("meta"):
        parameters = EfficientNetLite0().parameters()
    assert sum(each.numel() for each in parameters) + HEAD == 4_652_008


def lively(network: nn.Module) -> nn.Module:
    """The network with batch-norms that change what they see, in eval mode and double precision."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for each in (module.weight, module.bias, module.running_mean, module.running_var):
                nn.init.uniform_(each, 0.5, 1.5)
    return network.double().eval().requires_grad_(False)


def normed(maps: Tensor, weights: Weights, key: str) -> Tensor:
    mean, variance, scale, shift = (
        weights[f"{key}.{each}"].view(-1, 1, 1) for each in ("running_mean", "running_var", "weight", "bias")
    )
    return (maps - mean) / (variance + 1e-3).sqrt() * scale + shift


def convolved(maps: Tensor, kernel: Tensor, stride: int, groups: int = 1) -> Tensor:
    """A convolution padded to ceil(size / stride) cells, the odd one of the zeros at the end ('SAME')."""
    sides = []
    for size, extent in zip((maps.shape[3], maps.shape[2]), (kernel.shape[3], kernel.shape[2]), strict=True):
        zeros = max((-(-size // stride) - 1) * stride + extent - size, 0)
        sides += [zeros // 2, zeros - zeros // 2]
    return F.conv2d(F.pad(maps, sides), kernel, stride=stride, groups=groups)


def block(maps: Tensor, weights: Weights, i: int) -> Tensor:
    before, inside, _, _, stride = BLOCKS[i]
    found, key = maps, f"blocks.{i}"
    if before != inside:
        found = normed(convolved(found, weights[f"{key}.expand_conv.weight"], 1), weights, f"{key}.bn0").clamp(0, 6)
    found = convolved(found, weights[f"{key}.depthwise_conv.weight"], stride, groups=inside)
    found = normed(found, weights, f"{key}.bn1").clamp(0, 6)
    found = normed(convolved(found, weights[f"{key}.project_conv.weight"], 1), weights, f"{key}.bn2")
    return found + maps if i in SKIPS else found


def test_both_maps_of_a_frame_are_those_of_the_published_network():
    torch.manual_seed(0)
    network = lively(EfficientNetLite0(shifted=False))
    image, weights = torch.rand(2, 3, 96, 64, dtype=torch.double), network.state_dict()
    pixels = (255 * image - 127) / 128  # what the public weights were trained on
    maps = [normed(convolved(pixels, weights["conv_stem.weight"], 2), weights, "bn0").clamp(0, 6)]
    for i in range(16):
        maps.append(block(maps[-1], weights, i))
    found = network.maps(normalise(image)[:, :, None])
    torch.testing.assert_close(found.regions[:, :, 0], maps[5])
    torch.testing.assert_close(found.final[:, :, 0], maps[-1])


def test_frames_are_seen_alone_without_shift():
    network = lively(EfficientNetLite0(shifted=False))
    clips = torch.randn(1, 3, 4, 32, 32, dtype=torch.double)
    alone = torch.cat([network(clips[:, :, [t]]) for t in range(4)], 2)
    torch.testing.assert_close(network(clips), alone)


def test_each_block_with_a_skip_lets_features_move_one_frame():
    torch.manual_seed(0)
    network = lively(EfficientNetLite0())
    clips = torch.randn(1, 3, 21, 64, 64, dtype=torch.double)
    changed = clips.clone()
    changed[:, :, 10] *= -1
    for one, other, moved in zip(network.maps(clips), network.maps(changed), (2, len(SKIPS)), strict=True):
        reached = (one - other).abs().amax((0, 1, 3, 4)).nonzero().flatten().tolist()
        assert reached == list(range(10 - moved, 11 + moved))


def test_a_still_clip_looks_the_same_with_and_without_shift():
    torch.manual_seed(0)
    alone, together = lively(EfficientNetLite0(shifted=False)), lively(EfficientNetLite0())
    together.load_state_dict(alone.state_dict())
    still = torch.randn(1, 3, 1, 32, 32, dtype=torch.double).expand(-1, -1, 3, -1, -1)
    torch.testing.assert_close(alone(still), together(still))


def test_an_untrained_network_tells_clips_apart():
    torch.manual_seed(0)
    network = EfficientNetLite0().eval()
    with torch.inference_mode():
        one, other = network(torch.randn(2, 3, 2, 64, 64))
    assert 0.1 < (one - other).abs().mean() < 10
