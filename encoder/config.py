"""What an encoder is made of; free of torch, so that a library opens without loading it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderConfig:
    """What an encoder is made of; saved in its checkpoint, since it changes the result."""

    width: int = 32  # channels of the backbones' first stage
    blocks: int = 2  # residual blocks a stage
    look_dim: int = 128
    motion_dim: int = 128
    motion_weight: float = 0.5  # share of the cosine similarity that motion decides, in [0, 1]

    def __post_init__(self) -> None:
        if min(self.width, self.blocks, self.look_dim, self.motion_dim) < 1 or self.width % 8:
            raise ValueError(f"an encoder needs sizes above zero and a width divisible by 8, got {self}")
        if not 0 <= self.motion_weight <= 1:
            raise ValueError(f"motion_weight is a share in [0, 1], got {self.motion_weight}")

    @property
    def dim(self) -> int:
        """D, the length of an embedding."""
        return self.look_dim + self.motion_dim
