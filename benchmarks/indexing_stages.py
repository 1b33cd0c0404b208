"""The stages of indexing, the ways of decoding, and the naive way, measured in turns on the same files."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import cv2
import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.indexing_ways import decode_by_opencv, decode_by_pyav, seconds_of
from encoder.checkpoint import Checkpoint
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.decoding import DecodePool, Job
from encoder.model import Encoder
from encoder.runtime import embed_clips
from indexer.library import Library
from indexer.pipeline import encode_videos

CORES = os.cpu_count() or 1
NAIVE_S = 8.0  # seconds of video that are indexed naively
WAYS = ("PyAV, a process a core", "OpenCV, a process a core", "PyAV, all cores for each file")
STAGES = ("resize", "encode", "index")

Seconds = dict[str, list[float]]  # that each way and stage took, round by round


def table(sets: dict[str, list[Path]], checkpoint: Checkpoint, rounds: int) -> Iterator[str]:
    """Measure sets of videos and put the figures side by side; each line comes when it is known."""
    yield "| videos | decode, times real time | resize | encode | index | naive, times real time | index / naive |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    every: list[tuple[float, Seconds, float]] = []
    for name, files in sets.items():
        every.append(
            (sum(map(seconds_of, files)), measure(files, checkpoint, rounds), naive_rate(files[0], checkpoint))
        )
        yield row(name, *every[-1])
    lengths, taken, naive = zip(*every, strict=True)
    joined = {key: [sum(each) for each in zip(*(one[key] for one in taken), strict=True)] for key in taken[0]}
    naive_s = sum(length / rate for length, rate in zip(lengths, naive, strict=True))
    yield row("all", sum(lengths), joined, sum(lengths) / naive_s)


def row(name: str, length: float, taken: Seconds, naive: float) -> str:
    """One line: how fast the fastest way of decoding is, and how many times as long each stage takes."""
    way = min(WAYS, key=lambda way: median(taken[way]))
    ratios = [median(np.divide(taken[stage], taken[way])) for stage in STAGES]
    rate = length / median(taken[way])
    cells = [f"{rate:.1f} ({way})", *(f"{ratio:.2f}" for ratio in ratios), f"{naive:.2f}"]
    return f"| {name} | {' | '.join(cells)} | {length / median(taken['index']) / naive:.0f} |"


def measure(files: Sequence[Path], checkpoint: Checkpoint, rounds: int) -> Seconds:
    """Seconds that each way of decoding and each stage takes, in turns, forwards and backwards."""
    with ProcessPoolExecutor(CORES, get_context("spawn")) as processes, DecodePool(CORES) as pool:
        pool.start()
        turns: dict[str, Callable[[], object]] = {
            WAYS[0]: lambda: list(processes.map(decode_by_pyav, files)),
            WAYS[1]: lambda: list(processes.map(decode_by_opencv, files)),
            WAYS[2]: lambda: [decode_by_pyav(file, CORES) for file in files],
            "resize": lambda: [None for _ in pool.decode(jobs(files, checkpoint.spec))],
            "encode": lambda: [None for _ in encode_videos(jobs(files, checkpoint.spec), checkpoint, pool)],
            "index": partial(index, files, checkpoint),
        }
        taken: Seconds = {name: [] for name in turns}
        for number in range(rounds + 1):
            for name, turn in sorted(
                turns.items(), key=lambda each: list(turns).index(each[0]), reverse=number % 2 > 0
            ):
                began = time.perf_counter()
                turn()
                taken[name].append(time.perf_counter() - began)
    return {name: seconds[1:] for name, seconds in taken.items()}  # the first round warms up


def jobs(files: Sequence[Path], spec: ClipSpec) -> list[Job]:
    """All clips of all files."""
    return [Job(str(file), spec) for file in files]


def index(files: Sequence[Path], checkpoint: Checkpoint) -> None:
    """Index the files as a new library."""
    with TemporaryDirectory() as folder, Library.create(Path(folder) / "library", checkpoint) as library:
        report = library.add(files)
    if report.failed or report.indexed != len(files):
        raise SystemExit(f"not every file was indexed: {report}")


def naive_rate(file: Path, checkpoint: Checkpoint) -> float:
    """How many times real time a plain script indexes."""
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(network="r3d_18", look_dim=0, motion_weight=1, cells=(1, 1, 1))).eval()
    spec = checkpoint.spec
    began, clip, hop = time.perf_counter(), 16, round(spec.hop_s * 16 / spec.clip_s)
    vectors, fps = faiss.IndexFlatIP(encoder.config.dim), 16 / spec.clip_s
    frames: list[NDArray[np.uint8]] = []
    capture, now = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG), 0.0
    while now < NAIVE_S:
        found, picture = capture.read()
        if not found:
            break
        now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if now >= len(frames) / fps - 1e-6:
            frames.append(cv2.resize(picture, (112, 112))[..., ::-1].astype(np.uint8))
            if len(frames) >= clip and (len(frames) - clip) % hop == 0:
                vectors.add(embed_clips(encoder, np.stack(frames[-clip:])[None]))
    return now / (time.perf_counter() - began)
