"""Whether frozen features retrieve the action, and whether it is the action or the place that they follow.

Sizes: B batch, V videos, D embedding, T frames of a clip, S pixels, Q queries, G gallery.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from indexer.evaluation import evaluate_retrieval
from training.render import render
from training.synthetic import Labelled
from training.views import View, plain_view

Embed = Callable[[Tensor], Tensor]  # (B, 3, T, S, S) RGB in [0, 1] to (B, D), in evaluation mode

_BATCH = 32  # clips
_TIE = 1e-8  # cosines nearer than this are equal, as in indexer.evaluation


def recall_at_1(
    data: Labelled, embed: Embed, frames: int, stride: float, size: int, clips: int = 3, still: bool = False
) -> float:
    """R@1 of the label, each video searching the videos of all other groups (leave-one-group-out).

    Features are the mean over a video's clips, compared by cosine. Features that are all alike score chance: the
    mean share of a video's candidates that have its label.

    Args:
        data: in which some label is found in two groups.
        embed: the frozen encoder.
        frames: T.
        stride: seconds from frame to frame.
        size: S.
        clips: of each video, evenly spread.
        still: repeat the middle frame of each clip, to tell what the look alone retrieves.
    """
    shown = (lambda batch: embed(_stilled(batch))) if still else embed
    features = clip_features(data, shown, frames, stride, size, clips).mean(1)
    rng = np.random.default_rng(0)  # of the interval, which is not used
    return evaluate_retrieval(features.numpy(), data.labels, data.groups, ks=(1,), rng=rng).recall[1]


@dataclass(frozen=True)
class BackgroundSwap:
    """How often the nearest video shows the same action, or the same background, and what chance would give."""

    action_match: float
    background_match: float
    action_chance: float
    background_chance: float


def background_swap(
    originals: Labelled, swapped: Labelled, embed: Embed, frames: int, stride: float, size: int, clips: int = 3
) -> BackgroundSwap:
    """Let each performance, moved to another background, find its nearest original, by action or by background.

    Its own original is left out, so that a match of the action is another performance of it. So are originals of
    the same action on the same background, which would match both ways and say nothing of what was followed: the
    candidates share the action, the background or neither. Who follows the background alone matches no action.

    Args:
        originals: groups are the backgrounds.
        swapped: video by video the same performances; groups are their new backgrounds.
        embed: the frozen encoder.
        frames: T.
        stride: seconds from frame to frame.
        size: S.
        clips: of each video, evenly spread; features are their mean.
    """
    if list(originals.labels) != list(swapped.labels):
        raise ValueError("swapped videos show the performances of the originals in their order, got other labels")
    queries, gallery = (
        normalize(clip_features(data, embed, frames, stride, size, clips).mean(1), dim=-1)
        for data in (swapped, originals)
    )
    action = _same(swapped.labels, originals.labels)
    background = _same(swapped.groups, originals.groups)
    candidates = ~(action & background | torch.eye(len(queries), dtype=torch.bool))
    if not candidates.any(1).all():
        raise ValueError("no video is left to be found; originals need several actions and backgrounds")
    similar = (queries @ gallery.mT).masked_fill(~candidates, -torch.inf)
    matches = [expected_hits(similar, right).mean().item() for right in (action, background)]
    chances = [
        ((right & candidates).double().sum(1) / candidates.sum(1)).mean().item() for right in (action, background)
    ]
    return BackgroundSwap(*matches, *chances)


def clip_features(data: Labelled, embed: Embed, frames: int, stride: float, size: int, clips: int) -> Tensor:
    """(V, clips, ...) float64 features of `plain_clips`; `embed` may give more axes than (B, D)."""
    shown = plain_clips(data, frames, stride, size, clips)
    with torch.inference_mode():
        features = torch.cat([embed(batch).cpu().double() for batch in shown])
    return features.reshape(-1, clips, *features.shape[1:])


def plain_clips(data: Labelled, frames: int, stride: float, size: int, clips: int) -> Iterator[Tensor]:
    """Batches of clips of the whole picture, video after video, each video's evenly spread over it.

    In a video too short for a clip the stride shrinks until it fits, as in training; a frame held at the end would
    tell which way time runs.
    """
    shown = [(video, view) for video in data.videos for view in _spread(len(video) / data.fps, frames, stride, clips)]
    for start in range(0, len(shown), _BATCH):
        videos, views = zip(*shown[start : start + _BATCH], strict=True)
        yield render(videos, views, data.fps, size)


def expected_hits(similar: Tensor, right: Tensor) -> Tensor:
    """(..., Q) chance that the most similar of (..., Q, G) is right; among equals each is as likely.

    Raises:
        ValueError: a similarity is not a number.
    """
    if similar.isnan().any():
        raise ValueError("similarities are numbers, got NaN; have the features diverged?")
    best = similar >= similar.amax(-1, keepdim=True) - _TIE
    return (best & right).double().sum(-1) / best.sum(-1)


def _spread(seconds: float, frames: int, stride: float, clips: int) -> list[View]:
    stride = min(stride, seconds / frames)
    slack = seconds - stride * frames
    return [plain_view(slack * (k + 0.5) / clips, stride, frames) for k in range(clips)]


def _stilled(clips: Tensor) -> Tensor:
    middle = clips.shape[2] // 2
    return clips[:, :, middle : middle + 1].expand_as(clips)


def _same(names: Sequence[str], others: Sequence[str]) -> Tensor:
    return torch.tensor([[name == other for other in others] for name in names])
