"""The encoder's linear heads, fitted without labels: principal directions, scaled to one variance."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from encoder.model import Encoder


@torch.no_grad()
def fit_heads(encoder: Encoder, batches: Iterable[Tensor], floor: float = 0.01) -> None:
    """Make each head give the leading principal components of its features, uncorrelated and of one variance.

    Args:
        encoder: whose heads are replaced; in eval mode.
        batches: normalised (B, 3, T, H, W) clips; at least two in all.
        floor: directions of less than this share of the largest variance are scaled as if they had that much:
            they are mostly noise.
    """
    features = [torch.cat(part) for part in zip(*(encoder.features(batch) for batch in batches), strict=True)]
    for head, feature in zip(encoder.heads(), features, strict=True):
        _whiten(head, feature.double(), floor)


def _whiten(head: nn.Linear, feature: Tensor, floor: float) -> None:
    """Set a (D, C) head from (N, C) features; where there are fewer directions than D, the others give zeros."""
    centre = feature.mean(0)
    _, spreads, directions = torch.linalg.svd(feature - centre, full_matrices=False)
    count = min(head.out_features, int((spreads > 1e-9 * spreads.max()).sum()))
    variance = spreads.square() / (len(feature) - 1)
    scaled = directions[:count] * variance[:count].clamp(min=floor * variance.max()).rsqrt()[:, None]
    head.weight.zero_()
    head.bias.zero_()
    head.weight[:count] = scaled.float()
    head.bias[:count] = -(scaled @ centre).float()
