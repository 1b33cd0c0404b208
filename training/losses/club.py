"""Mutual information lowered by its variational upper bound (MI-B): embeddings against low-level descriptors.

Sizes: B batch, N cells, D embedding, Y = 14 descriptor. vCLUB, Cheng et al. 2020, https://arxiv.org/abs/2006.12013,
eq. 7; which variables it is applied to is ours, since the paper's formula was not open to us.
"""

import math

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import adaptive_avg_pool3d, one_hot

DESCRIPTOR = 14  # RGB mean and deviation, eight orientations of gradients
_ORIENTATIONS = 8


class Club(nn.Module):
    """q_psi(y | r) = N(mu_psi(r), I), and the bound on I(r; y) that it gives."""

    def __init__(self, dim: int, hidden: int = 64) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, DESCRIPTOR))

    def fit_loss(self, embeddings: Tensor, descriptors: Tensor) -> Tensor:
        """Squared error of predicting (B, N, Y) from (B, N, D); trains psi alone, r gets no gradient."""
        error: Tensor = (self.mean(embeddings.detach()) - descriptors).square().sum(-1).mean()
        return error

    def upper_bound(self, embeddings: Tensor, descriptors: Tensor) -> Tensor:
        """I = mean_i [mean_j |y_j - mu(r_i)|^2 / 2 - |y_i - mu(r_i)|^2 / 2], y_j from other videos, in nats.

        Gradients reach the embeddings alone; psi is frozen. B is two or more.
        """
        frozen = {name: weight.detach() for name, weight in self.mean.named_parameters()}
        mean: Tensor = functional_call(self.mean, frozen, (embeddings,))
        own = (descriptors - mean).square().sum(-1)
        # The mean over j of |y_j - m|^2 is |m|^2 - 2 m . mean(y) + mean(|y|^2), over the cells of other videos.
        centre, power = _of_others(descriptors.mean(1)), _of_others(descriptors.square().sum(-1).mean(1))
        others = mean.square().sum(-1) - 2 * (mean * centre[:, None]).sum(-1) + power[:, None]
        return (others - own).mean() / 2


def _of_others(each: Tensor) -> Tensor:
    """The mean over all other videos of what is given (B, ...) for each."""
    return (each.sum(0) - each) / (len(each) - 1)


def information_loss(bound: Tensor) -> Tensor:
    """max(0, I) / 14: an estimate below zero says nothing, and must not be driven lower."""
    return bound.clamp(min=0) / DESCRIPTOR


def low_level(clips: Tensor, cells: tuple[int, int, int]) -> Tensor:
    """Describe what a cell's pixels look like: RGB mean, RGB deviation, gradient orientations.

    Args:
        clips: (B, 3, T, H, W) RGB in [0, 1].
        cells: T_f, H_f, W_f.

    Returns:
        (B, N, Y) with N = T_f H_f W_f; the orientations, weighed by the gradient's size, sum to one, or to zero
        where the picture is flat.
    """
    mean = adaptive_avg_pool3d(clips, cells)
    spread = (adaptive_avg_pool3d(clips.square(), cells) - mean.square()).clamp(min=0).sqrt()
    grey = clips.mean(1)
    across, down = torch.zeros_like(grey), torch.zeros_like(grey)
    across[..., 1:-1] = (grey[..., 2:] - grey[..., :-2]) / 2
    down[..., 1:-1, :] = (grey[..., 2:, :] - grey[..., :-2, :]) / 2
    turn = (torch.atan2(down, across) / (2 * math.pi) % 1 * _ORIENTATIONS).long().clamp(max=_ORIENTATIONS - 1)
    votes = one_hot(turn, _ORIENTATIONS).movedim(-1, 1) * torch.hypot(across, down).unsqueeze(1)
    votes = adaptive_avg_pool3d(votes, cells)
    votes = votes / votes.sum(1, keepdim=True).clamp(min=1e-6)
    return torch.cat([mean, spread, votes], 1).flatten(2).mT


def standardise(descriptors: Tensor) -> Tensor:
    """Zero mean and unit variance of each of the Y dimensions over all cells of the batch."""
    centred = descriptors - descriptors.mean((0, 1))
    return centred / centred.square().mean((0, 1)).sqrt().clamp(min=1e-3)
