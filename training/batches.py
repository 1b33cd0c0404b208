"""Batches of views, each decided by the seed and its number alone, whoever reads its frames.

Sizes: V = 3 views, B batch, T frames, S pixels.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.cache import Frames
from training.losses.adversary import random_values
from training.render import frames_shown, render_frames
from training.views import Views, ViewSpec, sample_clips, sample_views

VIEWS, LOSSES, WEIGHTS, PUPPETS, MOMENTS = range(5)  # what the streams of random numbers of a run are for


class Batch(NamedTuple):
    """What one process needs for one pass."""

    frames: Tensor  # (V B, T, H, W, 3) uint8 that the views show: all first ones, all second ones, all whole ones
    size: int  # S
    views: list[Views]  # B records
    swapped: Tensor  # (B,) whether the direction head gets the locals in the wrong order
    turned: Tensor  # (B,) whether it gets the global view's bins backwards
    recolouring: Tensor  # (B, PARAMETERS) random values, for the control of the adversary

    def clips(self, device: torch.device | None = None) -> Tensor:
        """Render the views there: (V, B, 3, T, S, S) RGB in [0, 1]."""
        views = [trio[i] for i in range(3) for trio in self.views]
        clips = render_frames(self.frames.to(device, non_blocking=True), views, self.size)
        return clips.reshape(3, -1, *clips.shape[1:])


@dataclass(frozen=True, eq=False)
class Batches(Dataset[Batch]):
    """The batches of a run, `len` of them, as a map from number to batch, so that any can be made anew."""

    videos: Sequence[Frames]
    fps: float  # of the videos
    spec: ViewSpec
    size: int  # pixels of a view
    batch: int  # videos in all processes together
    seed: int
    two_scales: bool = True
    rank: int = 0  # which of the processes this is
    processes: int = 1
    first: int = 0  # number of the batch that item 0 is
    count: int = 1

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, item: int) -> Batch:
        rng = generator(self.seed, VIEWS, self.first + item)
        chosen = torch.multinomial(self._shares, self.batch, generator=rng).tolist()
        views = [self._draw(len(self.videos[video]) / self.fps, rng) for video in chosen]
        swapped, turned = torch.rand(2, self.batch, generator=rng) < 0.5
        recolouring = random_values(self.batch, rng)
        own = slice(self.rank * self.batch // self.processes, (self.rank + 1) * self.batch // self.processes)
        videos = [self.videos[video] for video in chosen[own]] * 3
        frames = frames_shown(videos, [view[i] for i in range(3) for view in views[own]], self.fps)
        return Batch(frames, self.size, views[own], swapped[own], turned[own], recolouring[own])

    @cached_property
    def _shares(self) -> Tensor:
        """How often each video is drawn: a longer one has more to show, but is not to drown the others."""
        return torch.tensor([len(video) for video in self.videos], dtype=torch.float64).sqrt()

    def _draw(self, duration: float, rng: torch.Generator) -> Views:
        if self.two_scales:
            return sample_views(duration, rng, self.spec)
        return sample_clips(duration, rng, self.spec)


def stream(batches: Batches, workers: int, pinned: bool = False) -> Generator[Batch, None, None]:
    """Yield the batches in order, read ahead by worker processes; without workers, each when it is asked for."""
    if not workers:
        yield from (batches[item] for item in range(len(batches)))
        return
    yield from DataLoader(
        batches, batch_size=None, num_workers=workers, pin_memory=pinned, multiprocessing_context="spawn"
    )


def generator(seed: int, *numbers: int) -> torch.Generator:
    """A random generator for one purpose of the run of that seed: other numbers, another stream."""
    mixed = np.random.SeedSequence([seed, *numbers]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed[0] >> 1))
