"""Linear probes on frozen features: whether they tell the direction of time, and how much they tell of low level.

Sizes: N rows, D features, Y targets, B batch, T frames of a clip, S pixels.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from training.diagnostics import Embed, clip_features, plain_clips
from training.losses.club import low_level
from training.matching import MapsOf
from training.synthetic import Labelled

_CELLS = 128  # of each video; cells next to each other say nearly the same


def fit_ridge(inputs: Tensor, targets: Tensor, penalty: float = 0.01) -> Callable[[Tensor], Tensor]:
    """Fit ridge regression with an intercept in closed form, in float64; returns what predicts (N, Y) from (N, D).

    Inputs are standardised; those that do not vary count for nothing.

    Args:
        inputs: (N, D).
        targets: (N, Y).
        penalty: of the squared weights against the mean squared error; > 0.

    Raises:
        ValueError: an input or a target is not finite.
    """
    inputs, targets = inputs.double(), targets.double()
    if not (inputs.isfinite().all() and targets.isfinite().all()):
        raise ValueError("a probe is fitted on finite numbers only; have the features diverged?")
    centre, spread, middle = inputs.mean(0), inputs.std(0, correction=0), targets.mean(0)
    spread = spread.where(spread > 1e-6 * centre.abs(), torch.inf)
    rows = (inputs - centre) / spread
    gram = rows.mT @ rows / len(rows) + penalty * torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    weights = torch.linalg.solve(gram, rows.mT @ (targets - middle) / len(rows))
    return lambda new: (new.double() - centre) / spread @ weights + middle


def reversal_accuracy(
    data: Labelled,
    embed: Embed,
    frames: int,
    stride: float,
    size: int,
    rng: torch.Generator,
    clips: int = 3,
    penalty: float = 0.1,
) -> float:
    """How often a linear probe tells a clip from its time reversal, 0.5 by chance.

    Ridge regression to +1 and -1, fitted on half of the groups and tested on the other, both ways round. Where all
    is as frequent backwards, as in the synthetic collection, no probe can do better than chance: pass
    `training.synthetic.one_of_each_pair` of it.

    Args:
        data: of two groups or more.
        embed: the frozen encoder.
        frames: T.
        stride: seconds from frame to frame.
        size: S.
        rng: halves the groups.
        clips: of each video, evenly spread.
        penalty: of the ridge.
    """
    half = _half_of_groups(data.groups, rng)
    features = clip_features(data, lambda x: torch.stack([embed(x), embed(x.flip(2))], 1), frames, stride, size, clips)
    signs = torch.tensor([1.0, -1.0]).expand(features.shape[:-1]).unsqueeze(-1)
    hits = []
    for fitted in (half, ~half):
        predict = fit_ridge(features[fitted].flatten(0, 2), signs[fitted].flatten(0, 2), penalty)
        hits.append((predict(features[~fitted]) > 0) == (signs[~fitted] > 0))
    return torch.cat(hits).double().mean().item()


def low_level_r2(
    data: Labelled,
    maps: MapsOf,
    frames: int,
    stride: float,
    size: int,
    rng: torch.Generator,
    videos: int = 100,
    penalty: float = 0.01,
) -> float:
    """How much of what a cell's pixels look like a fresh linear probe reads from the map of the regions, as R2.

    Mean over the descriptors of `low_level` that vary; each one's R2 is the same standardised or not. Fitted on half
    of the videos, tested on the other. 1 for all of it, about 0 for nothing, and below where the probe misleads.
    Cells are described as blocks that tile the clip; those of padded, strided layers lie up to half a cell aside.

    Args:
        data: of two videos or more.
        maps: the frozen backbone.
        frames: T.
        stride: seconds from frame to frame.
        size: S.
        rng: draws the videos and which cells of them are looked at.
        videos: at most, one clip of each.
        penalty: of the ridge.
    """
    pairs: list[tuple[Tensor, Tensor]] = []
    for clips in plain_clips(data.sample(videos, rng), frames, stride, size, clips=1):
        with torch.inference_mode():
            regions = maps(clips).regions.cpu()
        time, height, width = regions.shape[2:]
        cells = regions.flatten(2).mT, low_level(clips, (time, height, width))
        kept = torch.randperm(cells[0].shape[1], generator=rng)[:_CELLS]
        pairs += zip(*(each[:, kept] for each in cells), strict=True)
    middle = len(pairs) // 2
    (inputs, targets), (unseen, truth) = (
        [torch.cat(column) for column in zip(*part, strict=True)] for part in (pairs[:middle], pairs[middle:])
    )
    return _r2(fit_ridge(inputs, targets, penalty)(unseen), truth.double())


def _r2(predicted: Tensor, truth: Tensor) -> float:
    """Mean over the columns that vary of 1 - squared error / variance; 0 if none does."""
    variance = truth.var(0, correction=0)
    varies = variance > 1e-8
    if not varies.any():
        return 0.0
    error = (predicted - truth).square().mean(0)
    return (1 - error / variance)[varies].mean().item()


def _half_of_groups(groups: Sequence[str], rng: torch.Generator) -> Tensor:
    """(N,) whether the group of a row is in the first half, drawn at random."""
    names = sorted(set(groups))
    if len(names) < 2:
        raise ValueError(f"a probe is fitted on some groups and tested on others, got {names}")
    first = {names[i] for i in torch.randperm(len(names), generator=rng)[: len(names) // 2].tolist()}
    return torch.tensor([group in first for group in groups])
