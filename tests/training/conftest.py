"""A recipe small enough for a test, and videos to train on by it."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from training.batches import Batch, Batches, stream
from training.cache import Frames
from training.objective import Objective
from training.recipes import Recipe, Schedule
from training.views import ViewSpec


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """The whole method, with the adversary, on an encoder of two small parts: four steps of four videos."""
    return Recipe(
        encoder=EncoderConfig(width=8, blocks=1, look_dim=8, motion_dim=8),
        clip=ClipSpec(frames=4, fps=4, size=32, hop=2),
        views=ViewSpec(frames=4, shortest_stride=0.125, longest_stride=0.375),
        objective=Objective(information="adversary", rows=16, negatives=16),
        schedule=Schedule(batch=4, steps=4),
        cache_fps=8,
        cache_size=36,
    )


@pytest.fixture(scope="session")
def films() -> list[Frames]:
    """Six coarse patterns that drift, each its own way; 8 to 40 frames of 36 x 36 pixels."""
    rng = np.random.default_rng(0)
    return [_drifting(length, rng) for length in (8, 12, 16, 20, 30, 40)]


@pytest.fixture(scope="session")
def passes(films) -> Callable[..., Iterator[Batch]]:
    """passes(recipe, first=0) -> the batches of a run of seed 0, from that number on."""

    def stream_of(recipe: Recipe, first: int = 0) -> Iterator[Batch]:
        two_scales = recipe.objective.two_scales
        size, batch = recipe.clip.size, recipe.schedule.batch
        made = Batches(films, recipe.cache_fps, recipe.views, size, batch, 0, two_scales, first=first, count=99)
        return stream(made, 0)

    return stream_of


def _drifting(length: int, rng: np.random.Generator) -> Frames:
    pattern = np.kron(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
    down, across = rng.integers(-2, 3, 2)
    return np.stack([np.roll(pattern, (k * down, k * across), (0, 1)) for k in range(length)])
