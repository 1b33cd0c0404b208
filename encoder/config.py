"""What an encoder is made of; free of torch, so that a library opens without loading it."""

from dataclasses import dataclass
from typing import Literal, get_args

Network = Literal["tsm", "r3d_18", "r2plus1d_18", "s3d"]


@dataclass(frozen=True)
class EncoderConfig:
    """What an encoder is made of; saved in its checkpoint, since it changes the result."""

    width: int = 32  # channels of the first stage of a `tsm`
    blocks: int = 2  # residual blocks a stage of a `tsm`
    look_dim: int = 128  # 0 for an encoder without this part
    motion_dim: int = 128
    motion_weight: float = 0.5  # share of the cosine similarity that motion decides, in [0, 1]
    network: Network = "tsm"  # of the motion part; the look part is always a `tsm`
    centred: bool = True  # the motion part sees frames less their mean over time, not the frames
    cells: tuple[int, int, int] = (4, 2, 2)  # of time, height and width that the motion part's map is pooled to

    def __post_init__(self) -> None:
        if min(self.width, self.blocks, self.motion_dim, *self.cells) < 1 or self.look_dim < 0 or self.width % 8:
            raise ValueError(f"an encoder needs sizes above zero and a width divisible by 8, got {self}")
        if not 0 <= self.motion_weight <= 1:
            raise ValueError(f"motion_weight is a share in [0, 1], got {self.motion_weight}")
        if not self.look_dim and self.motion_weight != 1:
            raise ValueError(f"without a look part motion_weight is 1, got {self.motion_weight}")
        if self.network not in get_args(Network):
            raise ValueError(f"the network is one of {', '.join(get_args(Network))}, got {self.network!r}")
        object.__setattr__(self, "cells", tuple(self.cells))  # JSON gives a list

    @property
    def dim(self) -> int:
        """D, the length of an embedding."""
        return self.look_dim + self.motion_dim
