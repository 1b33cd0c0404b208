"""Mutual information lowered by an adversary on the view (MI-A): a learnt recolouring that cannot move a thing.

Sizes: B batch, T H W frames and pixels. That low-level information shared by overlapping regions is to be
minimised adversarially is the paper's (https://arxiv.org/abs/2203.16632); that the adversary acts on the view,
and its form, are ours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

_GRID = 4  # the gain field's cells along each side
PARAMETERS = 9 + 3 + 1 + _GRID * _GRID


@dataclass(frozen=True)
class Strength:
    """How far a recolouring may go; the random control has the same bounds."""

    mix: float = 0.2  # of each entry of the colour matrix away from the identity
    bias: float = 0.1  # added to RGB in [0, 1]
    gamma: float = 0.25  # of the exponent's logarithm
    gain: float = 0.25  # of the gain field's logarithm


def recolour(clips: Tensor, values: Tensor, strength: Strength) -> Tensor:
    """Change colours by a matrix and bias, then gamma, then a smooth gain field, every frame alike.

    Args:
        clips: (B, 3, T, H, W) RGB in [0, 1].
        values: (B, PARAMETERS) in [-1, 1]; all zeros change nothing but lift what is under 0.001.
        strength: what 1 stands for.

    Returns:
        (B, 3, T, H, W) in [0, 1].
    """
    mix, bias, gamma, gain = torch.split(values, [9, 3, 1, _GRID * _GRID], 1)
    matrix = torch.eye(3, device=clips.device, dtype=clips.dtype) + strength.mix * mix.reshape(-1, 3, 3)
    mixed = torch.einsum("bcd,bdthw->bcthw", matrix, clips) + strength.bias * bias.reshape(-1, 3, 1, 1, 1)
    power = (strength.gamma * gamma).exp().reshape(-1, 1, 1, 1, 1)
    curved = mixed.clamp(1e-3, 1) ** power  # the slope of a power is endless at zero
    field = (strength.gain * gain).exp().reshape(-1, 1, _GRID, _GRID)
    field = interpolate(field, clips.shape[-2:], mode="bilinear", align_corners=False)
    recoloured: Tensor = (curved * field.unsqueeze(2)).clamp(0, 1)
    return recoloured


def random_values(batch: int, rng: torch.Generator) -> Tensor:
    """(B, PARAMETERS) uniform in [-1, 1]: the control of matched strength, as wild as the adversary may be."""
    return 2 * torch.rand(batch, PARAMETERS, generator=rng) - 1


class ViewAdversary(nn.Module):
    """G_phi: looks at a clip's mean picture and says how to recolour it; trained to raise the encoder's loss."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        first, second = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 2 * width, 3, stride=2)
        self.layers = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(2 * width * 7 * 7, PARAMETERS)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, clips: Tensor) -> Tensor:
        """Map (B, 3, T, H, W) RGB in [0, 1] to the (B, PARAMETERS) values of a recolouring, in [-1, 1]."""
        values: Tensor = self.head(self.layers(adaptive_avg_pool2d(clips.mean(2), 16) - 0.45)).tanh()
        return values
