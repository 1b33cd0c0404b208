"""R3D-18 and R(2+1)D-18: residual networks of 18 layers whose convolutions see time too.

A Closer Look at Spatiotemporal Convolutions for Action Recognition, Tran et al. 2018,
https://arxiv.org/abs/1711.11248. Parameters are named as in torchvision's video models, so that public weights fit
(see `load_public_weights`); the classification head is left out.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from encoder.backbones.lattice import HALVING, POINT, SAME, Backbone, Maps, Window

_STEM = Window((3, 7, 7), (1, 2, 2), (1, 3, 3))
_WIDTHS = (64, 64, 128, 256, 512)  # of the stem and the four layers

Convolve = Callable[[int, int, int, Window], nn.Module]  # channels in, between and out


class _ResNet18(Backbone):
    """Stem and four layers of two blocks: stride 16 in space, 8 in time; the regions' map has 8 and 4."""

    to_regions = (_STEM, HALVING, HALVING)
    to_final = (HALVING,)

    def __init__(self, stem: nn.Module, convolve: Convolve) -> None:
        super().__init__()
        self.region_channels, self.channels = _WIDTHS[3:]
        self.stem = stem
        widths = list(pairwise(_WIDTHS))
        self.layer1, self.layer2, self.layer3, self.layer4 = (_layer(*width, convolve) for width in widths)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _maps(self, clips: Tensor) -> Maps:
        regions = self.layer3(self.layer2(self.layer1(self.stem(clips))))
        return Maps(regions, self.layer4(regions))


class R3D18(_ResNet18):
    """R3D-18: every convolution sees 3 x 3 x 3 cells of time and space; the stem's sees 3 x 7 x 7."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(_conv(3, 64, _STEM), nn.BatchNorm3d(64), nn.ReLU(inplace=True)), _full)


class R2Plus1D18(_ResNet18):
    """R(2+1)D-18: every convolution over space is followed by one over time."""

    def __init__(self) -> None:
        # The stem of the public weights is 45 wide between the two, where the formula of section 3.5 says 83.
        stem = [*_split(3, 45, 64, _STEM), nn.BatchNorm3d(64), nn.ReLU(inplace=True)]
        super().__init__(nn.Sequential(*stem), _split)


class _Block(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, before: int, after: int, convolve: Convolve) -> None:
        super().__init__()
        window = SAME if before == after else HALVING
        # As many parameters as 3 x 3 x 3 has (section 3.5), for the first convolution; the public weights have the
        # same width in the second.
        between = 27 * before * after // (9 * before + 3 * after)
        first, second = convolve(before, between, after, window), convolve(after, between, after, SAME)
        self.conv1 = nn.Sequential(first, nn.BatchNorm3d(after), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(second, nn.BatchNorm3d(after))
        self.downsample = nn.Identity() if before == after else _shortcut(before, after)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(self.downsample(maps) + self.conv2(self.conv1(maps)))


def _layer(before: int, after: int, convolve: Convolve) -> nn.Sequential:
    return nn.Sequential(_Block(before, after, convolve), _Block(after, after, convolve))


def _shortcut(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(_conv(before, after, Window(POINT.kernel, HALVING.stride)), nn.BatchNorm3d(after))


def _full(before: int, between: int, after: int, window: Window) -> nn.Module:
    return _conv(before, after, window)


def _split(before: int, between: int, after: int, window: Window) -> nn.Sequential:
    first, second = _conv(before, between, window.spatial), _conv(between, after, window.temporal)
    return nn.Sequential(first, nn.BatchNorm3d(between), nn.ReLU(inplace=True), second)


def _conv(before: int, after: int, window: Window) -> nn.Conv3d:
    return nn.Conv3d(before, after, *window, bias=False)
