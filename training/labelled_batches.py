"""Clips of labelled videos to learn classes from: each batch is decided by the seed and its number alone.

Sizes: B batch, T frames.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from encoder.clips import ClipSpec
from training.batches import generator
from training.cache import Frames
from training.render import frames_shown
from training.views import View, ViewSpec, plain_view, seen_anew

WEIGHTS, _ORDER, _CLIPS = range(3)  # what the streams of random numbers of a run are for
_FLIP = 0.0  # a mirrored sign, or one from left to right, can be another class [ours]


@dataclass(frozen=True)
class FineTuning:
    """How long and how fast to learn: Adam, whose rate falls three times."""

    epochs: int = 16
    clips: int = 10  # of each video, in an epoch and when it is tested
    batch: int = 32  # clips
    learning_rate: float = 1e-4
    drops: tuple[float, ...] = (6 / 16, 10 / 16, 14 / 16)  # shares of the steps after which the rate falls
    factor: float = 0.3  # to which it falls

    def __post_init__(self) -> None:
        if min(self.epochs, self.clips) < 1 or self.batch < 2 or self.learning_rate <= 0:
            raise ValueError(f"fine-tuning needs epochs, clips and a rate above zero and a batch of two, got {self}")

    def steps(self, videos: int) -> int:
        """Steps of a run on that many videos."""
        return self.epochs * max(1, videos * self.clips // self.batch)

    def rate(self, done: float) -> float:
        """Learning rate after a share of the steps."""
        return self.learning_rate * self.factor ** sum(done >= drop for drop in self.drops)


class LabelledVideos(NamedTuple):
    """Videos in memory with the numbers of their classes."""

    videos: Sequence[Frames]
    truth: Sequence[int]


class LabelledBatch(NamedTuple):
    """Clips still to be rendered."""

    frames: Tensor  # (B, T, H, W, 3) uint8
    views: list[View]
    truth: Tensor  # (B,)


@dataclass(frozen=True, eq=False)
class LabelledBatches(Dataset[LabelledBatch]):
    """The batches from one step to another, as a map from number to batch, so that any can be made anew."""

    data: LabelledVideos
    clip: ClipSpec
    fps: float
    schedule: FineTuning
    seed: int
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, item: int) -> LabelledBatch:
        if not 0 <= item < len(self):
            raise IndexError(item)
        step = self.first + item
        rng = generator(self.seed, _CLIPS, step)
        rows = self._rows(step)
        videos = [self.data.videos[row] for row in rows]
        views = [_augmented(len(video) / self.fps, self.clip, rng) for video in videos]
        return LabelledBatch(
            frames_shown(videos, views, self.fps), views, torch.tensor([self.data.truth[row] for row in rows])
        )

    def _rows(self, step: int) -> list[int]:
        """The videos of a step: in an epoch each comes as often as it has clips, in random order."""
        total = len(self.data.videos) * self.schedule.clips
        epoch, place = divmod(step, self.schedule.steps(len(self.data.videos)) // self.schedule.epochs)
        order = torch.randperm(total, generator=generator(self.seed, _ORDER, epoch))
        chosen = order[place * self.schedule.batch :][: self.schedule.batch] % len(self.data.videos)
        return [int(row) for row in chosen]


def stream_labelled(batches: LabelledBatches, loaders: int, pinned: bool) -> Generator[LabelledBatch, None, None]:
    """Yield the batches in order, read ahead by so many processes; with none, each when it is asked for."""
    if not loaders:
        yield from (batches[item] for item in range(len(batches)))
        return
    yield from DataLoader(
        batches, batch_size=None, num_workers=loaders, pin_memory=pinned, multiprocessing_context="spawn"
    )


def _augmented(duration: float, clip: ClipSpec, rng: torch.Generator) -> View:
    """A moment anywhere in a video, through a part of the picture, in other colours, a little off in tempo."""
    latest = max(0.0, duration - clip.clip_s)
    start = latest * torch.rand((), generator=rng, dtype=torch.float64).item()
    return seen_anew(
        plain_view(start, clip.frame_s, clip.frames), duration, rng, ViewSpec(frames=clip.frames, flip=_FLIP)
    )
