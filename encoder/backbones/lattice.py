"""The two maps of a backbone, and where their cells lie, worked out from the layers that make a map smaller.

Sizes: B batch, C channels, T H W grid.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from encoder.lattice import Lattice

Sizes = tuple[int, int, int]  # along time, height and width


class Window(NamedTuple):
    """What a convolution or a pooling sees and how far it steps, along time, height and width.

    In the order of the arguments of `nn.Conv3d` and `nn.MaxPool3d`.
    """

    kernel: Sizes
    stride: Sizes = (1, 1, 1)
    padding: Sizes = (0, 0, 0)

    @property
    def end(self) -> Sizes:
        """The padding after the last cell."""
        return self.padding

    @property
    def spatial(self) -> "Window":
        """The part along height and width."""
        return Window((1, *self.kernel[1:]), (1, *self.stride[1:]), (0, *self.padding[1:]))

    @property
    def temporal(self) -> "Window":
        """The part along time."""
        return Window((self.kernel[0], 1, 1), (self.stride[0], 1, 1), (self.padding[0], 0, 0))


class Late(Window):
    """A window that is padded by one cell more at the end of rows and columns than at their start."""

    @property
    def end(self) -> Sizes:
        """The padding after the last cell."""
        return self.padding[0], self.padding[1] + 1, self.padding[2] + 1


POINT = Window((1, 1, 1))
SAME = Window((3, 3, 3), padding=(1, 1, 1))
HALVING = Window((3, 3, 3), (2, 2, 2), (1, 1, 1))


class Maps(NamedTuple):
    """The maps of one pass."""

    regions: Tensor  # (B, C, T', H', W'), stride 8 in space
    final: Tensor  # (B, C, T', H', W')


class Backbone(nn.Module):
    """A network that gives a map of stride 8 in space, for regions, and a final, coarser one."""

    channels: int  # of the final map
    region_channels: int
    to_regions: Sequence[Window]  # layers that move or thin out the cells; those of stride 1 that keep the size do not
    to_final: Sequence[Window]  # from the map of the regions on

    def forward(self, clips: Tensor) -> Tensor:
        """Map (B, 3, T, H, W) to the final map, (B, C, T', H', W')."""
        return self.maps(clips).final

    def maps(self, clips: Tensor) -> Maps:
        """Map (B, 3, T, H, W) to both maps.

        Raises:
            ValueError: these are no such clips, or too small ones.
        """
        if clips.ndim != 5 or clips.shape[1] != 3:
            raise ValueError(f"clips are (B, 3, T, H, W), got {tuple(clips.shape)}")
        time, height, width = clips.shape[2:]
        self.final_lattice(time, height, width)  # raises where the clips are too small
        return self._maps(clips)

    def region_lattice(self, time: int, height: int, width: int) -> Lattice:
        """Where the cells of the map of the regions lie, for clips of that size."""
        return compose((time, height, width), self.to_regions)

    def final_lattice(self, time: int, height: int, width: int) -> Lattice:
        """Where the cells of the final map lie, for clips of that size."""
        return compose((time, height, width), (*self.to_regions, *self.to_final))

    def _maps(self, clips: Tensor) -> Maps:
        raise NotImplementedError


def compose(size: Sizes, windows: Sequence[Window]) -> Lattice:
    """The lattice of a map that layers with these windows, one after the other, make of an input of that size.

    Cell 0 of a layer sees cells -padding to kernel - padding - 1 of the layer before, so it lies at their middle,
    (kernel - 1)/2 - padding cells from cell 0 of the layer before; padding at the end moves nothing.

    Raises:
        ValueError: no cell is left.
    """
    axes = [_axis(size[i], [(w.kernel[i], w.stride[i], w.padding[i], w.end[i]) for w in windows]) for i in range(3)]
    cells, stride, centre = zip(*axes, strict=True)
    if min(cells) < 1:
        raise ValueError(f"clips of {size} frames, rows and columns are too small for this network: no cell is left")
    return Lattice(cells, stride, centre)


def _axis(size: int, windows: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, float]:
    cells, distance, centre = size, 1, 0.5
    for kernel, stride, padding, end in windows:
        # Where no cell is left, padding alone makes none.
        cells = max(0, (cells + padding + end - kernel) // stride + 1) if cells else 0
        centre += distance * ((kernel - 1) / 2 - padding)
        distance *= stride
    return cells, distance, centre
