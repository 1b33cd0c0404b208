"""The encoder's linear heads, fitted without labels: what tells moments apart, over what differs within one.

A moment seen twice, plainly and through another view, says which differences mean nothing. Features are scaled until
such differences are alike in all directions, and then the directions in which moments differ most are kept.

Whitening learnt from pairs, Mikolajczyk & Matas 2007, https://doi.org/10.1109/ICCV.2007.4408871; that the pairs come
from views instead of labels is ours.

Sizes: N moments, C features, K principal directions, D of the head.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

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
    for number, (head, sizes) in enumerate(zip(encoder.heads(), encoder.blocks(), strict=True)):
        plain, seen = (torch.cat([pair[side][number] for pair in found]).double() for side in (0, 1))
        head.weight.zero_()
        head.bias.zero_()
        most = head.out_features // len(sizes)
        for place, (one, other) in enumerate(
            zip(torch.split(plain, sizes, 1), torch.split(seen, sizes, 1), strict=True)
        ):
            weight, bias = _fit(one, other, most, shrinkage)
            rows = slice(place * most, place * most + len(weight))
            first = sum(sizes[:place])
            head.weight[rows, first : first + sizes[place]] = weight.float()
            head.bias[rows] = bias.float()


def _fit(plain: Tensor, seen: Tensor, most: int, shrinkage: float) -> tuple[Tensor, Tensor]:
    """(D, C) weights and (D,) bias from (N, C) features of one block, D at most `most` or as many as they vary in."""
    centre = plain.mean(0)
    directions = _principal(plain - centre, _DIRECTIONS)  # (K, C)
    differences = (plain - seen) @ directions.T
    within = differences.T @ differences / len(differences)
    within += shrinkage * within.diagonal().mean().clamp(min=1e-12) * torch.eye(len(within)).to(within)
    variances, axes = torch.linalg.eigh(within)
    scaled = (axes * variances.rsqrt()) @ axes.T @ directions  # (K, C): differences that mean nothing are now alike
    kept = _principal((plain - centre) @ scaled.T, most) @ scaled
    kept /= ((plain - centre) @ kept.T).square().sum(1).mean().clamp(min=1e-12).sqrt()  # blocks count alike
    return kept, -(kept @ centre)


def _principal(rows: Tensor, most: int) -> Tensor:
    """(K, C) directions in which centred (N, C) rows vary most, at most so many and only those in which they do."""
    _, spreads, directions = torch.linalg.svd(rows, full_matrices=False)
    kept: Tensor = directions[: min(most, int((spreads > 1e-9 * spreads[:1]).sum()))]
    return kept
