"""Local-global temporal order dependency: where local clips lie in the global video, and which way it runs.

Sizes: B batch, T bins in time, D embedding. The name is the paper's (https://arxiv.org/abs/2203.16632); the
matching generalises the hard diagonal of the first author's ICCV 2021 work; the direction task is ours.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

_TEMPERATURE = 0.07

_COVERED = 0.5  # least overlap, in local bins, for a bin of either view to count


def match_bins(local: Tensor, whole: Tensor, coverage: Tensor, temperature: float = _TEMPERATURE) -> Tensor:
    """Find each local bin among the global bins of its video, and the other way round.

    Mean of two KL divergences: p is the coverage scaled to sum to one over the searched bins, q the softmax of
    cosine similarities over the temperature. Bins that share less than half a local bin do not count.

    Args:
        local: (B, T, D) bins of a local view.
        whole: (B, T', D) bins of the global view.
        coverage: (B, T, T') share of each local bin that each global bin covers.
        temperature: > 0.
    """
    logits = normalize(local, dim=-1) @ normalize(whole, dim=-1).mT / temperature
    return (_divergence(logits, coverage) + _divergence(logits.mT, coverage.mT)) / 2


def _divergence(logits: Tensor, coverage: Tensor) -> Tensor:
    total = coverage.sum(-1)
    shares = coverage / total.unsqueeze(-1).clamp(min=1e-6)
    divergence = (torch.xlogy(shares, shares) - shares * logits.log_softmax(-1)).sum(-1)
    counted = (total >= _COVERED).to(logits)
    return (counted * divergence).sum() / counted.sum().clamp(min=1)


class DirectionHead(nn.Module):
    """Whether the locals' order runs against the way the global view runs, as one logit a video.

    It sees where among the global bins each local seems to lie, by cosine, and nothing else [ours]: given the
    embeddings themselves, an MLP that has to learn to compare them first stayed at 50 % in our runs.
    """

    def __init__(self, bins: int, hidden: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * bins, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, first: Tensor, second: Tensor, bins: Tensor) -> Tensor:
        """Judge (B, D) locals in the order given against (B, T, D) bins in the order shown: (B,) logits."""
        locals_ = normalize(torch.stack([first, second], 1), dim=-1)
        places = (locals_ @ normalize(bins, dim=-1).mT / _TEMPERATURE).softmax(-1)  # (B, 2, T)
        logits: Tensor = self.layers(places.flatten(1)).squeeze(1)
        return logits


def direction_loss(logits: Tensor, swapped: Tensor, reversed_: Tensor) -> Tensor:
    """Binary cross-entropy of `swapped` xor `reversed_`, (B,) booleans that are each true half of the time.

    Being an exclusive or, the label is a coin's toss for whoever sees the locals or the global view alone.
    """
    return binary_cross_entropy_with_logits(logits, (swapped ^ reversed_).to(logits))


def direction_accuracy(logits: Tensor, swapped: Tensor, reversed_: Tensor) -> float:
    """Share of videos whose direction is judged rightly; 0.5 by chance."""
    return ((logits > 0) == (swapped ^ reversed_)).float().mean().item()
