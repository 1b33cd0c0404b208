"""The small network that ships with the program: 2-D convolutions, frames that exchange features.

Sizes: B batch, C channels, T H W grid. Every cell of a map lies at the centre of the source block it stands
for: maps are made smaller by average pooling or by kernels as large as their stride, never by padded strided
convolutions, whose cells are centred elsewhere.
"""

import torch
from torch import Tensor, nn

from encoder.backbones.lattice import Backbone, Maps, Window

_QUARTER = Window((1, 4, 4), (1, 4, 4))
_HALF = Window((1, 2, 2), (1, 2, 2))


class TSM(Backbone):
    """2-D residual network with temporal shift: stride 16 in space, 1 in time.

    Temporal Shift Module, Lin et al. 2019, https://arxiv.org/abs/1811.08383, residual shift of 1/8 of the
    channels each way. The map of the regions is that of the second stage.
    """

    to_regions = (_QUARTER, _HALF)
    to_final = (_HALF,)

    def __init__(self, width: int = 32, blocks: int = 2, shifted: bool = True) -> None:
        """Make a network of three stages, `width`, 2 `width` and 4 `width` channels wide.

        Args:
            width: channels of the first stage.
            blocks: residual blocks a stage.
            shifted: let neighbouring frames exchange features; without it each frame is seen alone.
        """
        super().__init__()
        self.region_channels, self.channels = 2 * width, 4 * width
        patches = nn.Conv2d(3, width, 4, stride=4, bias=False)
        self.stem = nn.Sequential(patches, nn.BatchNorm2d(width), nn.ReLU())
        self.stages = nn.ModuleList(nn.ModuleList(Block(width << i, shifted) for _ in range(blocks)) for i in range(3))
        self.widen = nn.ModuleList(_widen(width << i) for i in range(2))

    def _maps(self, clips: Tensor) -> Maps:
        batch, _, time = clips.shape[:3]
        frames = clips.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        maps = [_over_frames(self.stages[0], self.stem(frames), time)]
        for widen, stage in zip(self.widen, self.stages[1:], strict=True):
            maps.append(_over_frames(stage, widen(maps[-1]), time))
        return Maps(*(each.reshape(batch, time, *each.shape[1:]).transpose(1, 2) for each in maps[1:]))


class Block(nn.Module):
    """Two 3x3 convolutions on shifted features, added to what came in."""

    def __init__(self, channels: int, shifted: bool) -> None:
        super().__init__()
        self.shifted = shifted
        first, second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.first = nn.Sequential(first, nn.BatchNorm2d(channels), nn.ReLU())
        self.second = nn.Sequential(second, nn.BatchNorm2d(channels))

    def forward(self, maps: Tensor, time: int) -> Tensor:
        """Change (B T, C, H, W) maps of clips of T = `time` frames."""
        mixed = shift(maps, time) if self.shifted else maps
        return torch.relu(maps + self.second(self.first(mixed)))


def shift(maps: Tensor, time: int) -> Tensor:
    """Move 1/8 of the channels one frame later and 1/8 one frame earlier; (B T, C, H, W), clip by clip.

    The ends are filled by their own frame, not with zeros, which would tell the network where a clip ends.
    """
    clips, fold = maps.reshape(-1, time, *maps.shape[1:]), maps.shape[1] // 8
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        # To be converted: OpenVINO assigns to a part of an array number by number.
        later = torch.cat([clips[:, :1, :fold], clips[:, :-1, :fold]], 1)
        sooner = torch.cat([clips[:, 1:, fold : 2 * fold], clips[:, -1:, fold : 2 * fold]], 1)
        return torch.cat([later, sooner, clips[:, :, 2 * fold :]], 2).flatten(0, 1)
    moved = clips.clone()  # keeps the order of channels and pixels in memory, which decides how fast convolutions are
    moved[:, 1:, :fold] = clips[:, :-1, :fold]
    moved[:, :-1, fold : 2 * fold] = clips[:, 1:, fold : 2 * fold]
    return moved.flatten(0, 1)


def _over_frames(stage: nn.Module, maps: Tensor, time: int) -> Tensor:
    for block in stage.children():
        maps = block(maps, time)
    return maps


def _widen(channels: int) -> nn.Module:
    mix = nn.Conv2d(channels, 2 * channels, 1, bias=False)
    return nn.Sequential(nn.AvgPool2d(2), mix, nn.BatchNorm2d(2 * channels), nn.ReLU())
