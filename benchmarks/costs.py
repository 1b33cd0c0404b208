"""What encoders cost: speed beside the shipped one, size, and how long they load."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

from encoder.checkpoint import DEFAULT, Checkpoint, load_encoder

BATCH, THREADS, ROUNDS = 32, 2, 5


@dataclass(frozen=True)
class Cost:
    """What an encoder takes."""

    clips_per_s: float  # from uint8 clips to embeddings, on two threads, as `index` does it
    of_shipped: float  # that rate by the one of the shipped encoder, measured in turns with it
    megabytes: float  # of weights
    load_s: float  # from file to network, once torch is loaded and what can be kept of it is kept


def measure_costs(checkpoints: Mapping[str, Checkpoint]) -> dict[str, Cost]:
    """What each encoder takes."""
    shipped, *speeds = clips_per_s([load_encoder(DEFAULT), *checkpoints.values()])
    return {
        name: Cost(speed, speed / shipped, _megabytes(checkpoint), median(_load_s(name) for _ in range(ROUNDS)))
        for (name, checkpoint), speed in zip(checkpoints.items(), speeds, strict=True)
    }


def clips_per_s(checkpoints: Sequence[Checkpoint]) -> list[float]:
    """How many clips each embeds in a second; they take turns, so that a busy moment meets all alike."""
    rng, threads = np.random.default_rng(0), torch.get_num_threads()
    times: list[list[float]] = [[] for _ in checkpoints]
    torch.set_num_threads(THREADS)
    for _ in range(1 + ROUNDS):
        for each, checkpoint in zip(times, checkpoints, strict=True):
            spec = checkpoint.spec
            clips = rng.integers(0, 256, (BATCH, spec.frames, spec.size, spec.size, 3), np.uint8)
            began = time.perf_counter()
            checkpoint.embed(clips)
            each.append(time.perf_counter() - began)
    torch.set_num_threads(threads)
    return [BATCH / median(each[1:]) for each in times]  # the first one warms up


def _load_s(name: str) -> float:
    began = time.perf_counter()
    _ = load_encoder(name).embed
    return time.perf_counter() - began


def _megabytes(checkpoint: Checkpoint) -> float:
    return sum(weight.nbytes for weight in checkpoint.weights.values()) / 1e6
