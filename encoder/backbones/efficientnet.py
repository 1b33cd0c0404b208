"""EfficientNet-Lite0, a network for images, on every frame of a clip; frames may exchange features.

EfficientNet, Tan & Le 2019, https://arxiv.org/abs/1905.11946, in the variant Lite0: ReLU6, no squeeze-and-excitation.
Parameters are named as in public ImageNet weights, less the leading underscores (see `load_imagenet_weights`); the
1280 channels of the classifier are left out.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import pad, relu6

from encoder.backbones.lattice import Backbone, Late, Maps
from encoder.backbones.tsm import shift

_HALF3 = Late((1, 3, 3), (1, 2, 2), (0, 0, 0))
_HALF5 = Late((1, 5, 5), (1, 2, 2), (0, 1, 1))
# The weights want (255 RGB - 127) / 128, where clips are (RGB - 0.45) / 0.225 (see `normalise`).
_SCALE, _OFFSET = 0.225 * 255 / 128, (0.45 * 255 - 127) / 128


class _Stage(NamedTuple):
    after: int  # channels
    blocks: int
    kernel: int
    stride: int  # of the first block
    wider: int = 6  # times as many channels inside a block


_STEM = 32
_STAGES = (
    _Stage(16, 1, 3, 1, wider=1),
    _Stage(24, 2, 3, 2),
    _Stage(40, 2, 5, 2),
    _Stage(80, 3, 3, 2),
    _Stage(112, 3, 5, 1),
    _Stage(192, 4, 5, 2),
    _Stage(320, 1, 3, 1),
)
_TO_REGIONS = 5  # blocks


class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 with temporal shift: stride 32 in space, 1 in time; the regions' map has 8.

    Stride 2 is padded as TensorFlow pads an even size, more at the end, whatever the size: cells lie half a cell after
    the middle of their block, the last one of a map at the edge of the frame.
    """

    to_regions = (_HALF3, _HALF3, _HALF5)
    to_final = (_HALF3, _HALF5)

    def __init__(self, shifted: bool = True) -> None:
        """Make the network; with `shifted`, neighbouring frames exchange features as in `TSM`."""
        super().__init__()
        self.region_channels, self.channels = 40, 320
        self.conv_stem, self.bn0 = _Convolution(3, _STEM, 3, 2), _norm(_STEM)
        self.blocks, before = nn.ModuleList(), _STEM
        for stage in _STAGES:
            for i in range(stage.blocks):
                self.blocks.append(_Block(before, stage, 1 if i else stage.stride, shifted))
                before = stage.after

    def _maps(self, clips: Tensor) -> Maps:
        batch, _, time = clips.shape[:3]
        frames = clips.transpose(1, 2).flatten(0, 1) * _SCALE + _OFFSET
        maps = [relu6(self.bn0(self.conv_stem(frames)))]
        for block in self.blocks:
            maps.append(block(maps[-1], time))
        found = maps[_TO_REGIONS], maps[-1]
        return Maps(*(each.reshape(batch, time, *each.shape[1:]).transpose(1, 2) for each in found))


class _Block(nn.Module):
    """Widen, convolve each channel alone, narrow; added to what came in where nothing changes its size."""

    def __init__(self, before: int, stage: _Stage, stride: int, shifted: bool) -> None:
        super().__init__()
        inside = before * stage.wider
        self.widens = stage.wider > 1
        self.skips = before == stage.after and stride == 1
        self.shifted = shifted and self.skips
        if self.widens:
            self.expand_conv, self.bn0 = _Convolution(before, inside), _norm(inside)
        self.depthwise_conv = _Convolution(inside, inside, stage.kernel, stride, groups=inside)
        self.bn1 = _norm(inside)
        self.project_conv, self.bn2 = _Convolution(inside, stage.after), _norm(stage.after)

    def forward(self, maps: Tensor, time: int) -> Tensor:
        inside = shift(maps, time) if self.shifted else maps
        if self.widens:
            inside = relu6(self.bn0(self.expand_conv(inside)))
        inside = relu6(self.bn1(self.depthwise_conv(inside)))
        narrow: Tensor = self.bn2(self.project_conv(inside))
        return maps + narrow if self.skips else narrow


class _Convolution(nn.Conv2d):
    """A convolution whose map has the size of its input or, for stride 2, half of it, padded at the end first."""

    def __init__(self, before: int, after: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(before, after, kernel, stride, padding, groups=groups, bias=False)
        # By fan-out, as in the original; torch's default makes 16 blocks of it give next to nothing, untrained.
        nn.init.normal_(self.weight, std=(2 * groups / (after * kernel**2)) ** 0.5)
        start = kernel // 2 - 1
        self.late = (start, start + 1) * 2 if stride == 2 else None

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(pad(input, self.late) if self.late else input)


def _norm(channels: int) -> nn.BatchNorm2d:
    # The momentum that the public weights were trained with: running statistics follow in some hundreds of steps.
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
