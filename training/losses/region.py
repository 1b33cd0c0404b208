"""Soft spatio-temporal region contrast: a cell finds the cells of another view that show the same place and time.

Sizes: B batch, N M cells of the two views' maps, K cells of other videos, D embedding. The idea is the paper's
(https://arxiv.org/abs/2203.16632); coverage, the three kinds of target and the weights are ours, since its
formulas were not open to us.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

_COVERED = 0.5  # least share of a cell that the other view has to show for the cell to count


class Targets(NamedTuple):
    """What a cell should find in the other view."""

    shares: Tensor  # (B, N, M) p_ij; a row sums to one, or to zero where nothing is shared
    covered: Tensor  # (B, N) k_i, the share of the cell that lies in the other view


def coverage_targets(coverage: Tensor) -> Targets:
    """Soft targets p_ij = f_ij / k_i with k_i = sum_j f_ij, of the (B, N, M) coverage f [ours]."""
    covered = coverage.sum(-1)
    return Targets(coverage / covered.unsqueeze(-1).clamp(min=1e-6), covered)


def nearest_targets(coverage: Tensor, distance: Tensor) -> Targets:
    """Hard targets: the cell whose centre is nearest: what soft targets are judged by."""
    return Targets(one_hot(distance.argmin(-1), distance.shape[-1]).to(coverage), coverage.sum(-1))


def gaussian_targets(coverage: Tensor, distance: Tensor, width: float = 0.5) -> Targets:
    """Soft targets p_ij ~ exp(-d_ij^2 / 2 width^2) by the distance d of centres, in cells of the other view."""
    return Targets((-distance.square() / (2 * width**2)).softmax(-1), coverage.sum(-1))


def shuffled_targets(targets: Targets, rng: torch.Generator) -> Targets:
    """The same targets at wrong places, another permutation of cells a video: the control that has to lose."""
    count = targets.shares.shape[-1]
    order = torch.stack([torch.randperm(count, generator=rng) for _ in targets.shares]).to(targets.shares.device)
    return Targets(targets.shares.gather(2, order.unsqueeze(1).expand_as(targets.shares)), targets.covered)


def region_contrast(
    cells: Tensor,
    others: Tensor,
    targets: Targets,
    weights: Tensor | None = None,
    negatives: Tensor | None = None,
    temperature: float = 0.1,
) -> Tensor:
    """KL divergence of what each cell finds from what it should: sum_i w_i k_i KL(p_i || q_i) / sum_i w_i k_i.

    q_i is the softmax of cosine similarities over the temperature, among the other view's cells and `negatives`.
    Rows with k_i < 0.5 do not count. The KL is reported, not the cross-entropy, whose floor is the entropy of p.

    Args:
        cells: (B, N, D) u, that search; need not be normalised.
        others: (B, M, D) v, that are searched; get no gradient.
        targets: of the N cells among the M.
        weights: (B, N) w; None for ones.
        negatives: (B, K, D) cells of other videos, for each video; get no gradient.
        temperature: > 0.
    """
    query = normalize(cells, dim=-1)
    keys = others if negatives is None else torch.cat([others, negatives], 1)
    logits = query @ normalize(keys.detach(), dim=-1).mT / temperature
    found = logits.log_softmax(-1)[..., : others.shape[1]]
    divergence = (torch.xlogy(targets.shares, targets.shares) - targets.shares * found).sum(-1)
    share = targets.covered * (targets.covered >= _COVERED)
    if weights is not None:
        share = share * weights
    return (share * divergence).sum() / share.sum().clamp(min=1e-6)


def sample_negatives(cells: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Draw `count` cells of the other videos of the batch for each video: (B, M, D) to (B, count, D); B >= 2."""
    batch, size = cells.shape[:2]
    shift = torch.randint(1, batch, (batch, count), generator=rng)
    video = (torch.arange(batch)[:, None] + shift) % batch
    cell = torch.randint(0, size, (batch, count), generator=rng)
    return cells[video.to(cells.device), cell.to(cells.device)]


def motion_weights(energy: Tensor, still: float = 0.5) -> Tensor:
    """(B, N) row weights s + (1 - s) e, e the frame-difference energy of a cell over its view's greatest [ours].

    The same place at another time is the negative that forces motion; where nothing moves it is a false one, and
    weighs s, `still`.
    """
    return still + (1 - still) * energy / energy.amax(1, keepdim=True).clamp(min=1e-6)
