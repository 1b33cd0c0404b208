"""Deterministic preprocessing of clips for inference; training's random views are in `training`."""

from torch import Tensor

_MEAN, _STD = 0.45, 0.225  # of all channels, as the field's Kinetics models have it (SlowFast, PyTorchVideo)


def clips_to_tensor(frames: Tensor) -> Tensor:
    """Turn (B, T, H, W, 3) uint8 RGB clips into (B, 3, T, H, W) float32 network input."""
    return normalise(frames.permute(0, 4, 1, 2, 3).float() / 255)


def normalise(clips: Tensor) -> Tensor:
    """Shift and scale RGB in [0, 1] to about zero mean and unit variance."""
    return (clips - _MEAN) / _STD
