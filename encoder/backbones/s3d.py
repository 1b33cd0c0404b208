"""S3D: an Inception network whose convolutions see space first, then time.

Rethinking Spatiotemporal Feature Learning, Xie et al. 2018, https://arxiv.org/abs/1712.04851. Parameters are named
as in torchvision's video models, so that public weights fit (see `load_public_weights`); the classification head is
left out.
"""

import torch
from torch import Tensor, nn

from encoder.backbones.lattice import HALVING, POINT, SAME, Backbone, Maps, Window

_STEM = Window((7, 7, 7), (2, 2, 2), (3, 3, 3))
_LAST = Window((2, 2, 2), (2, 2, 2))  # has no cell in its middle: moves all that follow by half a cell of its input

Towers = tuple[int, tuple[int, int], tuple[int, int], int]  # channels (of the two convolutions) of the four towers


class S3D(Backbone):
    """S3D: stride 32 in space, 8 in time; the regions' map, of the last stage before stride 16, has 8 and 2."""

    to_regions = (_STEM, HALVING.spatial, HALVING.spatial)
    to_final = (HALVING, _LAST)

    def __init__(self) -> None:
        super().__init__()
        self.region_channels, self.channels = 480, 1024
        self.features = nn.Sequential(
            _separable(3, 64, _STEM),
            nn.MaxPool3d(*HALVING.spatial),
            _unit(64, 64, POINT),
            _separable(64, 192, SAME),
            nn.MaxPool3d(*HALVING.spatial),
            _Inception(192, (64, (96, 128), (16, 32), 32)),
            _Inception(256, (128, (128, 192), (32, 96), 64)),
            nn.MaxPool3d(*HALVING),
            _Inception(480, (192, (96, 208), (16, 48), 64)),
            _Inception(512, (160, (112, 224), (24, 64), 64)),
            _Inception(512, (128, (128, 256), (24, 64), 64)),
            _Inception(512, (112, (144, 288), (32, 64), 64)),
            _Inception(528, (256, (160, 320), (32, 128), 128)),
            nn.MaxPool3d(*_LAST),
            _Inception(832, (256, (160, 320), (32, 128), 128)),
            _Inception(832, (384, (192, 384), (48, 128), 128)),
        )

    def _maps(self, clips: Tensor) -> Maps:
        regions = self.features[:7](clips)
        return Maps(regions, self.features[7:](regions))


class _Inception(nn.Module):
    """Four towers side by side: a point, two separable convolutions behind a narrow point, and a maximum."""

    def __init__(self, before: int, towers: Towers) -> None:
        super().__init__()
        point, (mid1, after1), (mid2, after2), pooled = towers
        self.branch0 = _unit(before, point, POINT)
        self.branch1 = nn.Sequential(_unit(before, mid1, POINT), _separable(mid1, after1, SAME))
        self.branch2 = nn.Sequential(_unit(before, mid2, POINT), _separable(mid2, after2, SAME))
        self.branch3 = nn.Sequential(nn.MaxPool3d(*SAME), _unit(before, pooled, POINT))

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([self.branch0(maps), self.branch1(maps), self.branch2(maps), self.branch3(maps)], 1)


def _separable(before: int, after: int, window: Window) -> nn.Sequential:
    return nn.Sequential(_unit(before, after, window.spatial), _unit(after, after, window.temporal))


def _unit(before: int, after: int, window: Window) -> nn.Sequential:
    # The momentum that the public weights were trained with is a hundredth of torch's: the running statistics take some
    # thousands of steps to follow, so evaluate nothing that was trained for less.
    norm = nn.BatchNorm3d(after, eps=1e-3, momentum=1e-3)
    return nn.Sequential(nn.Conv3d(before, after, *window, bias=False), norm, nn.ReLU(inplace=True))
