"""What an encoder is made of; free of torch, so that a library opens without loading it."""

from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

Network = Literal["tsm", "r3d_18", "r2plus1d_18", "s3d", "efficientnet_lite0"]
LookNetwork = Literal["tsm", "efficientnet_lite0"]


@dataclass(frozen=True)
class EncoderConfig:
    """What an encoder is made of; saved in its checkpoint, since it changes the result."""

    width: int = 32  # channels of the first stage of a `tsm`
    blocks: int = 2  # residual blocks a stage of a `tsm`
    look_dim: int = 128  # 0 for an encoder without this part
    motion_dim: int = 128
    motion_weight: float = 0.5  # share of the cosine similarity that motion decides, in [0, 1]
    network: Network = "tsm"  # of the motion part
    centred: bool = True  # the motion part sees frames less their mean over time, not the frames
    cells: tuple[int, int, int] = (4, 2, 2)  # of time, height and width that the motion part's map is pooled to
    look_network: LookNetwork = "tsm"
    still: float = 0.0  # pixels' mean distance from their mean over time at which motion_weight counts by half
    region_cells: tuple[int, int, int] | None = None  # as `cells`, of the regions' map, if motion sees that as well

    def __post_init__(self) -> None:
        sizes = self.width, self.blocks, self.motion_dim, *self.cells, *(self.region_cells or ())
        if min(sizes) < 1 or self.look_dim < 0 or self.width % 8:
            raise ValueError(f"an encoder needs sizes above zero and a width divisible by 8, got {self}")
        if not 0 <= self.motion_weight <= 1:
            raise ValueError(f"motion_weight is a share in [0, 1], got {self.motion_weight}")
        if not 0 <= self.still < inf:
            raise ValueError(f"still is a difference of zero or more, got {self.still}")
        if not self.look_dim and self.motion_weight != 1:
            raise ValueError(f"without a look part motion_weight is 1, got {self.motion_weight}")
        if not self.look_dim and self.still:
            raise ValueError(f"without a look part still is 0, got {self.still}")
        for network, known in ((self.network, Network), (self.look_network, LookNetwork)):
            if network not in get_args(known):
                raise ValueError(f"the network is one of {', '.join(get_args(known))}, got {network!r}")
        object.__setattr__(self, "cells", tuple(self.cells))  # JSON gives a list
        if self.region_cells is not None:
            object.__setattr__(self, "region_cells", tuple(self.region_cells))

    @property
    def dim(self) -> int:
        """D, the length of an embedding."""
        return self.look_dim + self.motion_dim
