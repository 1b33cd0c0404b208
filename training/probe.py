"""Clips of videos in memory, and retrieval while training: whether half a video finds its other half."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.clips import ClipSpec
from encoder.model import Encoder
from encoder.transforms import normalise
from indexer.evaluation import evaluate_retrieval
from training.cache import Frames
from training.render import render
from training.views import View, ViewSpec, plain_view, seen_anew

_BATCH = 64


def half_recall(encoder: Encoder, videos: Sequence[Frames], fps: float, clip: ClipSpec, device: torch.device) -> float:
    """R@1 of the clip in the middle of each video's first half among the second halves of all; 1/N by chance.

    Args:
        encoder: its features before the heads are compared, each part as a unit vector.
        videos: N, two or more.
        fps: of their frames.
        clip: what the encoder is given.
        device: of the encoder.
    """
    halves = [_embed_all(encoder, videos, fps, clip, device, share) for share in (0.25, 0.75)]
    names = [str(number) for number in range(len(videos))] * 2
    split = ["query"] * len(videos) + ["gallery"] * len(videos)
    rng = np.random.default_rng(0)
    return evaluate_retrieval(np.concatenate(halves), names, split=split, ks=(1,), rng=rng).recall[1]


def plain_clips(
    videos: Sequence[Frames], fps: float, clip: ClipSpec, shares: Sequence[float], batch: int = _BATCH
) -> Iterator[Tensor]:
    """Yield normalised (B, 3, T, S, S) clips of the whole picture, one a video, in order.

    Args:
        videos: their frames.
        fps: of the frames.
        clip: how the encoder is given clips.
        shares: where in each video the middle of its clip lies, in [0, 1]; at its ends, as near as fits.
        batch: B.
    """
    for start in range(0, len(videos), batch):
        part = range(start, min(start + batch, len(videos)))
        views = [_view(len(videos[i]) / fps, clip, shares[i]) for i in part]
        yield normalise(render([videos[i] for i in part], views, fps, clip.size))


def seen_twice(
    videos: Sequence[Frames], fps: float, clip: ClipSpec, spec: ViewSpec, rng: torch.Generator, batch: int = _BATCH
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield normalised (B, 3, T, S, S) clips of a random moment of each video: plain, and through another view."""
    for start in range(0, len(videos), batch):
        part = videos[start : start + batch]
        durations = [len(video) / fps for video in part]
        shares = torch.rand(len(part), generator=rng).tolist()
        plain = [_view(duration, clip, share) for duration, share in zip(durations, shares, strict=True)]
        seen = [seen_anew(view, duration, rng, spec) for view, duration in zip(plain, durations, strict=True)]
        one, other = (normalise(render(part, views, fps, clip.size)) for views in (plain, seen))
        yield one, other


def _view(duration: float, clip: ClipSpec, share: float) -> View:
    start = min(max(0.0, share * duration - clip.clip_s / 2), max(0.0, duration - clip.clip_s))
    return plain_view(start, clip.frame_s, clip.frames)


@torch.inference_mode()
def _embed_all(
    encoder: Encoder, videos: Sequence[Frames], fps: float, clip: ClipSpec, device: torch.device, share: float
) -> NDArray[np.float32]:
    rows = []
    for clips in plain_clips(videos, fps, clip, [share] * len(videos)):
        parts = encoder.features(clips.to(device))
        rows.append(torch.cat([torch.nn.functional.normalize(part.float()) for part in parts], 1).cpu().numpy())
    return np.concatenate(rows)
