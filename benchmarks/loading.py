"""Does rendering views hold up the training step? Steps on views from the frame cache against views already made.

    python -m benchmarks.loading FOLDER [--steps 12] [--rounds 5]

Both kinds of step run in turns in one process, the cache's pages in memory or not as the system has it.
"""

import argparse
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from training.batches import Batch, Batches, stream
from training.cache import FrameCache, build_cache
from training.processes import Group
from training.recipes import Recipe, small, tiny
from training.run import Run

LOADERS = 1


def main() -> None:
    """Print the ratio for the recipes that are made for a CPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="videos, as many as a batch or more")
    parser.add_argument("--steps", type=int, default=12, help="timed in each turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each kind; the median counts")
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.is_file())
    print(
        "| network | batch | a step on views already made | rendered between the steps | rendered by another process |"
    )
    print("|---|---:|---:|---:|---:|")
    for recipe in (tiny(), small()):
        with TemporaryDirectory() as folder:
            cache = build_cache(files, Path(folder), recipe.cache_fps, recipe.cache_size, 2, None)
            made, between, ahead = measure(recipe, cache, options.steps, options.rounds)
        print(
            f"| {recipe.encoder.width} channels | {recipe.schedule.batch} | {made:.2f} s "
            f"| {between / made:.2f} times | {ahead / made:.2f} times |"
        )


def measure(recipe: Recipe, cache: FrameCache, steps: int, rounds: int) -> tuple[float, float, float]:
    """Median seconds of a step: on one batch again and again, rendered between steps, rendered by a process."""
    run = Run(recipe, steps * rounds * 4, 0, torch.device("cpu"), Group())
    batches = Batches(
        cache, recipe.cache_fps, recipe.views, recipe.clip.size, recipe.schedule.batch, 0,
        count=(steps + 1) * rounds,
    )  # fmt: skip
    made, between, ahead = repeat(batches[0]), stream(batches, 0), stream(batches, LOADERS)
    times: tuple[list[float], ...] = ([], [], [])
    for _ in range(rounds):
        for kind, source in enumerate((made, between, ahead)):
            times[kind].append(_time(run, source, steps))
    return median(times[0]), median(times[1]), median(times[2])


def _time(run: Run, source: Iterator[Batch], steps: int) -> float:
    run.advance(source)  # warm, and a worker process has started
    began = time.perf_counter()
    for _ in range(steps):
        run.advance(source)
    return (time.perf_counter() - began) / steps


if __name__ == "__main__":
    main()
