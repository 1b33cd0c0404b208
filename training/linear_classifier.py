"""The linear probe of the field: a linear classifier on frozen features, after a batch-norm without weights.

Sizes: N rows (clips), D features, C classes, V videos.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

Predict = Callable[[Tensor], Tensor]  # (N, D) to (N, C) probabilities


@dataclass(frozen=True)
class ProbeSchedule:
    """How the probe is fitted: SGD whose rate falls to a tenth twice."""

    epochs: int = 100
    drops: tuple[int, ...] = (60, 80)
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-3
    batch: int = 256


def fit_classifier(
    features: Tensor, truth: Tensor, classes: int, rng: torch.Generator, schedule: ProbeSchedule | None = None
) -> Predict:
    """Fit a linear classifier; returns what predicts.

    Args:
        features: (N, D), two rows or more.
        truth: (N,) class numbers.
        classes: C.
        rng: draws the first weights and the order of the rows.
        schedule: None for the protocol of the field.
    """
    if len(features) < 2 or not features.isfinite().all():
        raise ValueError(f"a probe is fitted on two or more rows of finite numbers, got {tuple(features.shape)}")
    schedule = schedule or ProbeSchedule()
    norm, linear = nn.BatchNorm1d(features.shape[1], affine=False), nn.Linear(features.shape[1], classes)
    nn.init.normal_(linear.weight, std=0.01, generator=rng)
    nn.init.zeros_(linear.bias)
    optimiser = torch.optim.SGD(
        linear.parameters(), schedule.learning_rate, schedule.momentum, weight_decay=schedule.weight_decay
    )
    falling = torch.optim.lr_scheduler.MultiStepLR(optimiser, list(schedule.drops))
    for _ in range(schedule.epochs):
        parts = -(-len(features) // schedule.batch)
        for rows in torch.randperm(len(features), generator=rng).tensor_split(parts):  # none of a single row
            optimiser.zero_grad()
            cross_entropy(linear(norm(features[rows])), truth[rows]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        falling.step()
    norm.eval()

    def predict(rows: Tensor) -> Tensor:
        with torch.inference_mode():
            probabilities: Tensor = linear(norm(rows)).softmax(1)
        return probabilities

    return predict


def mean_of_videos(probabilities: Tensor, videos: Tensor, count: int) -> Tensor:
    """(V, C) means over the clips of each video.

    Args:
        probabilities: (N, C) of clips.
        videos: (N,) which of the V videos a clip is of; each has one or more.
        count: V.
    """
    sums = torch.zeros(count, probabilities.shape[1]).index_add_(0, videos, probabilities)
    return sums / torch.bincount(videos, minlength=count).unsqueeze(1)
