"""Labelled small videos in memory, and the synthetic collection as such, rendered without any encoding.

Sizes: N frames of a video, H W pixels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from training.actions import ACTIONS
from training.backgrounds import BACKGROUNDS
from training.cache import Frames
from training.collection import Plan
from training.scenes import Scene, render


@dataclass(frozen=True, eq=False)
class Labelled:
    """Small videos, what each shows and where it comes from; equal only to itself."""

    videos: Sequence[Frames]  # (N, H, W, 3) each
    labels: Sequence[str]
    groups: Sequence[str]  # subject, source or place, which must not answer for the label
    fps: float

    def __post_init__(self) -> None:
        if not len(self.videos) == len(self.labels) == len(self.groups):
            counts = len(self.videos), len(self.labels), len(self.groups)
            raise ValueError(f"each video has a label and a group, got {counts} of them")
        if not self.fps > 0 or not all(len(video) for video in self.videos):
            raise ValueError(f"videos have frames and fps above zero, got {self.fps=}")

    def take(self, rows: Iterable[int]) -> "Labelled":
        """These videos alone, in this order."""
        kept = list(rows)
        labels, groups = ([column[row] for row in kept] for column in (self.labels, self.groups))
        return Labelled([self.videos[row] for row in kept], labels, groups, self.fps)

    def sample(self, count: int, rng: torch.Generator) -> "Labelled":
        """At most `count` of the videos, drawn at random."""
        return self.take(torch.randperm(len(self.videos), generator=rng)[:count].tolist())


def synthetic_collection(seed: int, videos_per_action: int, size: int, fps: float, seconds: float = 4.0) -> Labelled:
    """Render every action on the backgrounds in turn, half of it by a camera that stands still.

    Labels are the actions and groups the backgrounds.

    Args:
        seed: the same seed and sizes give the same frames.
        videos_per_action: 8 or more use every background for every action.
        size: pixels of both sides, even.
        fps: a whole number.
        seconds: of each video.
    """
    return _rendered(_scenes(seed, videos_per_action, size, fps, seconds), fps)


def swapped_backgrounds(seed: int, videos_per_action: int, size: int, fps: float, seconds: float = 4.0) -> Labelled:
    """The performances of `synthetic_collection`, frame for frame and in that order, each in another place.

    Groups are the new backgrounds, drawn from the seed.
    """
    scenes = _scenes(seed, videos_per_action, size, fps, seconds)
    moves = np.random.default_rng([seed, 2]).integers(1, len(BACKGROUNDS), len(scenes))
    places = [BACKGROUNDS.index(scene.background) + move for scene, move in zip(scenes, moves, strict=True)]
    swapped = [BACKGROUNDS[place % len(BACKGROUNDS)] for place in places]
    return _rendered([replace(scene, background=new) for scene, new in zip(scenes, swapped, strict=True)], fps)


def one_of_each_pair(collection: Labelled) -> Labelled:
    """The videos of those actions whose exact time reversal is an action too, that one left out.

    Forwards and backwards, the whole collection shows the same: nothing in it tells which way time runs.
    """
    forwards = {action.reverse_of for action in ACTIONS}
    return collection.take(row for row, label in enumerate(collection.labels) if label in forwards)


def _scenes(seed: int, videos_per_action: int, size: int, fps: float, seconds: float) -> list[Scene]:
    if fps != int(fps):
        raise ValueError(f"synthetic videos have whole frames a second, got {fps=}")
    planned = Plan(seed, seconds, seconds, size, size).scenes(videos_per_action)
    return [replace(scene, fps=int(fps)) for scene in planned]


def _rendered(scenes: Sequence[Scene], fps: float) -> Labelled:
    videos = [np.stack([frame for frame, _ in render(scene)]) for scene in scenes]
    return Labelled(videos, [scene.action.name for scene in scenes], [scene.background.name for scene in scenes], fps)
