"""What a step minimises: the terms of the method, put together.

L = L_inst + l_r L_reg + l_o (L_match + L_dir / 2) + l_m L_MI. The terms are the paper's
(https://arxiv.org/abs/2203.16632), their formulas and weights ours, as each term's own file says.

Sizes: V = 3 views (first and second local, global), B batch, N cells, T bins in time, D embedding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool3d, normalize

from training.losses.club import Club, information_loss
from training.losses.instance import KeyQueue, decoupled_info_nce, info_nce, queue_info_nce
from training.losses.order import DirectionHead, direction_loss, match_bins
from training.losses.region import (
    Targets,
    coverage_targets,
    gaussian_targets,
    motion_weights,
    nearest_targets,
    region_contrast,
    sample_negatives,
    shuffled_targets,
)
from training.views import Bounds, coverage, distance, time_coverage

if TYPE_CHECKING:
    from training.student import Embedded

_PAIRS = ((0, 2), (1, 2), (2, 0), (2, 1))  # (searching, searched): each local and the global view, both ways


@dataclass(frozen=True)
class Objective:
    """Which terms there are, and how much each weighs; the defaults are the whole method (arm A12)."""

    instance: Literal["in batch", "decoupled", "queue"] | None = "in batch"
    two_scales: bool = True  # locals against the global view; without it three locals, as in plain contrast
    region: Literal["coverage", "nearest", "gaussian", "shuffled"] | None = "coverage"
    information: Literal["adversary", "random", "club"] | None = "club"
    match: bool = True
    direction: bool = True
    region_weight: float = 1.0  # l_r
    order_weight: float = 1.0  # l_o
    information_weight: float = 0.1  # l_m
    twins: float = 0.0  # weight of the contrast between puppets that move alike [ours]; 0 for none
    temperature: float = 0.1  # of instance and region contrast
    rows: int = 64  # cells of a view that search, drawn anew each step; the others are searched all the same
    negatives: int = 64  # cells of other videos that each cell is told from
    still: float = 0.05  # weight of a cell in which nothing moves; 1 to weigh all cells alike

    def __post_init__(self) -> None:
        if not (self.instance or self.region or self.match or self.direction or self.twins):
            raise ValueError(f"an objective has at least one term that trains the encoder, got {self}")
        if self.twins < 0:
            raise ValueError(f"the weight of twins is zero or more, got {self}")
        if self.temperature <= 0 or min(self.rows, self.negatives) < 1:
            raise ValueError(f"temperature, rows and negatives must be above zero, got {self}")


class Seen(NamedTuple):
    """All that the terms are computed from: one batch, of all processes together."""

    query: "Embedded"
    key: "Embedded"  # what is searched: the query itself, or a momentum encoder's
    regions: list[Bounds]  # V: where the N cells of each view lie
    bins: list[Bounds]  # V: where the T bins lie
    energy: Tensor | None  # (V, B, N) of frame differences in each cell; None to weigh all cells alike
    descriptors: Tensor | None  # (V, B, N, 14) of the cells, standardised
    swapped: Tensor  # (B,) whether the direction head gets the locals in the wrong order
    turned: Tensor  # (B,) whether it gets the global view's bins backwards
    twins: Tensor | None = None  # (2, B, D) puppets, row i of both moving alike


class Critics(nn.Module):
    """What judges embeddings and is dropped after training: the direction head, and MI-B's predictor."""

    def __init__(self, objective: Objective, channels: int, bins: int) -> None:
        super().__init__()
        self.direction = DirectionHead(bins) if objective.direction else None
        self.club = Club(channels) if objective.information == "club" else None


def terms(
    seen: Seen, objective: Objective, critics: Critics, queue: KeyQueue | None, rng: torch.Generator
) -> dict[str, Tensor]:
    """The value of each term by name; `total` weighs and adds them.

    Args:
        seen: the batch.
        objective: which terms.
        critics: of this run; the predictor has been fitted to this batch.
        queue: of momentum keys, for instance contrast with a queue.
        rng: draws cells.
    """
    found: dict[str, Tensor] = {}
    query, key = seen.query, seen.key
    if seen.twins is not None:
        one, other = seen.twins
        found["twins"] = (info_nce(one, other, objective.temperature) + info_nce(other, one, objective.temperature)) / 2
    if query.instance is not None and key.instance is not None:
        found["instance"] = _instance(query.instance, key.instance, objective, queue)
    if query.look is not None and key.look is not None:
        found["look"] = _contrast(query.look, key.look, lambda q, k: info_nce(q, k, objective.temperature))
    if query.regions is not None and key.regions is not None:
        found["region"] = _regions(seen, query.regions, key.regions, objective, rng)
    if query.bins is not None:
        if objective.match:
            found["match"] = _match(seen, query.bins)
        if critics.direction is not None:
            logits = direction_logits(seen, critics.direction)
            found["direction"] = direction_loss(logits, seen.swapped, seen.turned)
    if critics.club is not None:
        found["information"] = information_loss(critics.club.upper_bound(*_low_level(seen)))
    return found


def total(found: dict[str, Tensor], objective: Objective, ramp: float) -> Tensor:
    """The weighted sum of the terms; `ramp` in [0, 1] brings mutual information in slowly."""
    weights = {
        "region": objective.region_weight,
        "match": objective.order_weight,
        "direction": objective.order_weight / 2,
        "information": objective.information_weight * ramp,
        "twins": objective.twins,
    }
    return torch.stack([weights.get(name, 1.0) * value for name, value in found.items()]).sum()


def fit_loss(seen: Seen, club: Club) -> Tensor:
    """What MI-B's predictor minimises before its bound is used."""
    return club.fit_loss(*_low_level(seen))


def motion_energy(clips: Tensor, cells: tuple[int, int, int]) -> Tensor:
    """(B, N) mean absolute difference from frame to frame of (B, 3, T, H, W) clips in each cell of a map."""
    difference = clips.diff(dim=2).abs().mean(1)
    held = torch.cat([difference[:, :1], difference], 1) if clips.shape[2] > 1 else torch.zeros_like(clips[:, 0])
    return adaptive_avg_pool3d(held, cells).flatten(1)


def direction_logits(seen: Seen, head: DirectionHead) -> Tensor:
    """(B,) judgements from the bins, the locals exchanged where `swapped`, the global ones reversed where `turned`.

    The bins are reversed and not the pixels [ours]: contrast of locals with a global view that is played backwards
    would make features blind to direction.
    """
    bins = seen.query.bins
    assert bins is not None
    means = bins[:2].mean(2)
    exchanged = torch.where(seen.swapped[:, None], means.flip(0), means)
    logits: Tensor = head(exchanged[0], exchanged[1], torch.where(seen.turned[:, None, None], bins[2].flip(1), bins[2]))
    return logits


def _instance(query: Tensor, key: Tensor, objective: Objective, queue: KeyQueue | None) -> Tensor:
    temperature = objective.temperature
    if queue is not None:
        keys = queue.keys.clone()  # of earlier batches; this one's are pushed after the step
        return _contrast(query, key, lambda q, k: queue_info_nce(q, k, keys, temperature))
    if objective.instance == "decoupled":
        return _contrast(query, key, lambda q, k: decoupled_info_nce(q, k, temperature))
    return _contrast(query, key, lambda q, k: info_nce(q, k, temperature))


def _contrast(query: Tensor, key: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    return torch.stack([loss(query[one], key[other]) for one, other in _PAIRS]).mean()


def _regions(seen: Seen, query: Tensor, key: Tensor, objective: Objective, rng: torch.Generator) -> Tensor:
    losses = []
    for one, other in _PAIRS:
        rows = torch.randperm(query.shape[2], generator=rng)[: objective.rows].to(query.device)
        targets = _targets(seen.regions[one], seen.regions[other], rows, objective, rng)
        weights = motion_weights(seen.energy[one], objective.still)[:, rows] if seen.energy is not None else None
        losses.append(
            region_contrast(
                query[one][:, rows],
                key[other],
                targets,
                weights,
                sample_negatives(key[other], objective.negatives, rng),
                objective.temperature,
            )
        )
    return torch.stack(losses).mean()


def _targets(cells: Bounds, others: Bounds, rows: Tensor, objective: Objective, rng: torch.Generator) -> Targets:
    covered = coverage(cells, others, rows)
    match objective.region:
        case "nearest":
            return nearest_targets(covered, distance(cells, others, rows))
        case "gaussian":
            return gaussian_targets(covered, distance(cells, others, rows))
        case "shuffled":
            return shuffled_targets(coverage_targets(covered), rng)
        case _:
            return coverage_targets(covered)


def _match(seen: Seen, bins: Tensor) -> Tensor:
    pairs = [match_bins(bins[one], bins[2], time_coverage(seen.bins[one], seen.bins[2])) for one in (0, 1)]
    return torch.stack(pairs).mean()


def _low_level(seen: Seen) -> tuple[Tensor, Tensor]:
    """The (B, 2 N, C) cells of both locals as unit vectors, and their (B, 2 N, 14) descriptors."""
    assert seen.query.cells is not None
    assert seen.descriptors is not None
    cells, descriptors = (each[:2].transpose(0, 1).flatten(1, 2) for each in (seen.query.cells, seen.descriptors))
    return normalize(cells, dim=-1), descriptors
