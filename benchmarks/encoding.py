"""Clips a second that each runtime of an encoder is good for, on this machine's processor.

    python -m benchmarks.encoding [--encoder NAME|FILE ...] [--untrained WIDTHxFRAMESxSIZE[+lite0] ...] [--rounds 5]

Clips of 8-bit RGB in, vectors out. The runtimes take turns in one process; the ratios hold where other work slows
all of them, the numbers of clips do not. OpenVINO is measured where it is installed.
"""

import argparse
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.checkpoint import Checkpoint, load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder
from encoder.parts import Runtime
from encoder.runtime import embed_clips, torch_runtime

CLIPS = 32


def main() -> None:
    """Print a table: one row an encoder and runtime."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", nargs="*", default=[], help="shipped encoders or checkpoint files")
    parser.add_argument("--untrained", nargs="*", default=[], help="such as 32x8x96 or 32x8x96+lite0")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each runtime; the median counts")
    options = parser.parse_args()
    print("| encoder | runtime | clips a second | times as many as plain torch | least cosine to plain torch |")
    print("|---|---|---:|---:|---:|")
    with TemporaryDirectory() as folder:
        checkpoints = [load_encoder(name) for name in options.encoder]
        checkpoints += [untrained(name, Path(folder)) for name in options.untrained]
        for checkpoint in checkpoints:
            runtimes = dict(all_runtimes(checkpoint, Path(folder)))
            for name, rate, gain, cosine in measure(runtimes, clips_for(checkpoint.spec), options.rounds):
                print(f"| {checkpoint.name} | {name} | {rate:.0f} | {gain:.2f} | {cosine:.5f} |", flush=True)


def untrained(name: str, folder: Path) -> Checkpoint:
    """An encoder with random weights, described by its width, frames and size."""
    found = re.fullmatch(r"(\d+)x(\d+)x(\d+)(\+lite0)?", name)
    if not found:
        raise SystemExit(f"--untrained takes WIDTHxFRAMESxSIZE or WIDTHxFRAMESxSIZE+lite0, got {name}")
    width, frames, size = (int(each) for each in found.groups()[:3])
    config = EncoderConfig(width=width, look_network="efficientnet_lite0" if found[4] else "tsm")
    torch.manual_seed(0)
    save_encoder(Encoder(config), ClipSpec(frames=frames, size=size), folder / name)
    return load_encoder(folder / name)


def all_runtimes(checkpoint: Checkpoint, cache: Path) -> Iterator[tuple[str, Runtime]]:
    """Every way to run an encoder that this machine has, plain torch first."""
    yield "torch, plain", partial(embed_clips, checkpoint.encoder)
    yield "torch, as used", torch_runtime(checkpoint.encoder)
    if find_spec("openvino"):
        from encoder.converted import openvino_runtime

        yield "OpenVINO, as used", openvino_runtime(checkpoint, cache)
        yield "OpenVINO, float32", openvino_runtime(checkpoint, cache, "f32")


def clips_for(spec: ClipSpec) -> NDArray[np.uint8]:
    """Coarse coloured noise, each clip moving at its own pace."""
    side = -(-spec.size // 8)
    coarse = np.random.default_rng(0).integers(0, 256, (CLIPS, side, side, 3), dtype=np.uint8)
    pictures = coarse.repeat(8, 1).repeat(8, 2)[:, : spec.size, : spec.size]
    moments = range(spec.frames)
    return np.stack([[np.roll(each, (1 + i % 7) * t, 1) for t in moments] for i, each in enumerate(pictures)])


def measure(
    runtimes: dict[str, Runtime], clips: NDArray[np.uint8], rounds: int
) -> Iterator[tuple[str, float, float, float]]:
    """Name, clips a second, ratio to the first runtime's, and least cosine to its vectors; medians over the rounds."""
    vectors = {name: embed(clips) for name, embed in runtimes.items()}  # warm, too
    times: dict[str, list[float]] = {name: [] for name in runtimes}
    for _ in range(rounds):
        for name, embed in runtimes.items():
            times[name].append(_time(embed, clips))
    first = next(iter(runtimes))
    for name in runtimes:
        gain = median(plain / mine for plain, mine in zip(times[first], times[name], strict=True))
        cosine = float((vectors[first] * vectors[name]).sum(1).min())
        yield name, len(clips) / median(times[name]), gain, cosine


def _time(embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]], clips: NDArray[np.uint8]) -> float:
    began = time.perf_counter()
    embed(clips)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
