"""The encoder's linear heads, fitted without labels: what tells moments apart, over what differs within one.

A moment seen twice, plainly and through another view, says which differences mean nothing. Features are scaled until
such differences are alike in all directions, and then the directions in which moments differ most are kept.

Whitening learnt from pairs, Mikolajczyk & Matas 2007, https://doi.org/10.1109/ICCV.2007.4408871; that the pairs come
from views instead of labels is ours.

Sizes: N moments, C features, K principal directions, D of the head.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from encoder.model import Encoder

_DIRECTIONS = 400  # K at most: the others hold noise, and K x K differences have to be known well


@torch.no_grad()
def fit_heads(encoder: Encoder, moments: Iterable[tuple[Tensor, Tensor]], shrinkage: float = 0.5) -> None:
    """Replace each head of the encoder by one fitted to its features.

    Args:
        encoder: in eval mode.
        moments: batches of normalised (B, 3, T, H, W) clips, plain and as otherwise seen, row by row the same moments;
            at least two in all.
        shrinkage: how much of the mean variance is added to that of every direction; > 0.
    """
    found = [(encoder.features(plain), encoder.features(seen)) for plain, seen in moments]
    for number, head in enumerate(encoder.heads()):
        plain, seen = (torch.cat([pair[side][number] for pair in found]).double() for side in (0, 1))
        _fit(head, plain, seen, shrinkage)


def _fit(head: nn.Linear, plain: Tensor, seen: Tensor, shrinkage: float) -> None:
    """Set a (D, C) head from (N, C) features; where there are fewer directions than D, the others give zeros."""
    centre = plain.mean(0)
    directions = _principal(plain - centre, _DIRECTIONS)  # (K, C)
    differences = (plain - seen) @ directions.T
    within = differences.T @ differences / len(differences)
    within += shrinkage * within.diagonal().mean().clamp(min=1e-12) * torch.eye(len(within)).to(within)
    variances, axes = torch.linalg.eigh(within)
    scaled = (axes * variances.rsqrt()) @ axes.T @ directions  # (K, C): differences that mean nothing are now alike
    kept = _principal((plain - centre) @ scaled.T, head.out_features) @ scaled
    head.weight.zero_()
    head.bias.zero_()
    head.weight[: len(kept)] = kept.float()
    head.bias[: len(kept)] = -(kept @ centre).float()


def _principal(rows: Tensor, most: int) -> Tensor:
    """(K, C) directions in which centred (N, C) rows vary most, at most so many and only those in which they do."""
    _, spreads, directions = torch.linalg.svd(rows, full_matrices=False)
    kept: Tensor = directions[: min(most, int((spreads > 1e-9 * spreads.max()).sum()))]
    return kept
