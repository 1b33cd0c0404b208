"""Compare encoders on videos that they were not trained on: what they find, how fast, how large.

    python -m benchmarks.candidates CHECKPOINT... --manifest CSV UNSEEN [--sources DIR] [--share 0.5,0.8] [--out DIR]

R@1 in per cent. The videos of a manifest's unseen groups search each other for their class, a query's own group left
out; with --sources, parts of long files search for another part of the same file. A video is the mean of ten clips.
Intervals are 95 %, a bootstrap over groups or files; `above` is the paired difference to the baseline that finds most.
In --out stay the decoded pictures, so that the next encoder with the same clips costs no decoding, and candidates.json.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.pictures import Pictures, clips_to_encode, stretched_clips
from benchmarks.trials import Features, Found, Trial, find, parts_of_files, unseen_videos
from encoder.baselines import BASELINES
from encoder.checkpoint import DEFAULT, Checkpoint, load_encoder
from encoder.clips import ClipSpec
from encoder.decoding import DecodePool
from encoder.errors import WorldError, in_words
from encoder.model import Encoder
from encoder.runtime import embed_clips
from training.corpus import Manifest
from training.whole import appearing_whole

WHOLE = ClipSpec(frames=32, fps=8, size=64, hop=32)  # of each video the trivial baselines see 32 frames
BATCH, THREADS, ROUNDS = 32, 2, 5


@dataclass(frozen=True)
class Cost:
    """What an encoder takes."""

    clips_per_s: float  # from uint8 clips to embeddings, on two threads
    of_shipped: float  # that rate by the one of the shipped encoder, measured in turns with it
    megabytes: float  # of weights
    load_s: float  # from file to network, once torch is loaded


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    found: dict[str, Found]  # by trial
    share: float | None = None  # of motion, where it is an encoder
    cost: Cost | None = None

    def to_json(self) -> dict[str, Any]:
        """All numbers."""
        found = {name: each.to_json() for name, each in self.found.items()}
        return {"name": self.name, "share": self.share, "found": found, "cost": self.cost and asdict(self.cost)}


def main() -> None:
    """Print the table and write candidates.json."""
    options = _options()
    with TemporaryDirectory() as scratch, DecodePool(THREADS) as pool:
        out = options.out or Path(scratch)
        try:
            trials = [unseen_videos(manifest) for manifest in options.manifest]
            trials += [parts_of_files(options.sources, options.without, _tell)] if options.sources else []
            checkpoints = {name: load_encoder(name) for name in options.checkpoints}
            rows = compare(checkpoints, trials, options.share, measure_costs(checkpoints), pool, out / "pictures")
            with appearing_whole(out / "candidates.json") as partial:
                partial.write_text(json.dumps([row.to_json() for row in rows], indent=1))
        except WorldError as error:
            sys.exit(str(error))
        except OSError as error:
            sys.exit(in_words(error))
    print(to_markdown(rows))


def compare(
    checkpoints: Mapping[str, Checkpoint],
    trials: Sequence[Trial],
    shares: Sequence[float],
    costs: Mapping[str, Cost],
    pool: DecodePool,
    kept: Path,
) -> list[Row]:
    """A row for each encoder, by its own share of motion and by the given ones, then one for each baseline."""
    baselines: dict[str, dict[str, Found]] = {}  # trial -> baseline
    found: dict[tuple[str, float], dict[str, Found]] = {}  # encoder and share -> trial
    for trial in trials:
        _tell(f"{trial.name}, {len(trial.parts)} videos: baselines")
        features = trivial_features(stretched_clips(trial.parts, WHOLE, pool, kept))
        baselines[trial.name] = {name: find(trial, vectors, {}) for name, vectors in features.items()}
        for name, checkpoint in checkpoints.items():
            _tell(f"{trial.name}, {len(trial.parts)} videos: {name}")
            seen = clips_to_encode(trial.parts, checkpoint.spec, pool, kept)
            for share, vectors in at_shares(checkpoint, seen, shares):
                found.setdefault((name, share), {})[trial.name] = find(trial, vectors, baselines[trial.name])
    rows = [Row(name, by_trial, share, costs.get(name)) for (name, share), by_trial in found.items()]
    return rows + [Row(name, {trial: by_name[name] for trial, by_name in baselines.items()}) for name in BASELINES]


def trivial_features(seen: Pictures) -> dict[str, Features]:
    """What each trivial baseline makes of videos of one clip each."""
    clips = [seen[number : number + 1][0] for number in range(len(seen.clips))]
    return {name: np.stack([feature(clip) for clip in clips]) for name, feature in BASELINES.items()}


def at_shares(checkpoint: Checkpoint, seen: Pictures, shares: Sequence[float]) -> Iterator[tuple[float, Features]]:
    """Yield the features of all videos by the encoder's own share of motion, then by the others; encodes once.

    An encoder without a look part has no other share.
    """
    own, look = checkpoint.config.motion_weight, checkpoint.config.look_dim
    if not look:
        yield own, mean_embeddings(checkpoint.encoder, seen)
        return
    evenly = replace(checkpoint, config=replace(checkpoint.config, motion_weight=0.5))
    vectors = mean_embeddings(evenly.encoder, seen)
    for share in dict.fromkeys([own, *shares]):
        yield share, np.hstack([vectors[:, :look] * (2 - 2 * share) ** 0.5, vectors[:, look:] * (2 * share) ** 0.5])


def mean_embeddings(encoder: Encoder, seen: Pictures) -> Features:
    """The mean embedding of the clips of each video."""
    starts = range(0, len(seen.clips), BATCH)
    rows = np.concatenate([embed_clips(encoder, seen[start : start + BATCH]) for start in starts])
    return np.stack([rows[seen.videos == video].mean(0) for video in np.unique(seen.videos)])


def measure_costs(checkpoints: Mapping[str, Checkpoint]) -> dict[str, Cost]:
    """What each encoder takes."""
    shipped, *speeds = clips_per_s([load_encoder(DEFAULT), *checkpoints.values()])
    return {
        name: Cost(speed, speed / shipped, _megabytes(checkpoint), median(_load_s(name) for _ in range(ROUNDS)))
        for (name, checkpoint), speed in zip(checkpoints.items(), speeds, strict=True)
    }


def clips_per_s(checkpoints: Sequence[Checkpoint]) -> list[float]:
    """How many clips each encodes in a second; they take turns, so that a busy moment meets all alike."""
    rng, threads = np.random.default_rng(0), torch.get_num_threads()
    times: list[list[float]] = [[] for _ in checkpoints]
    torch.set_num_threads(THREADS)
    for _ in range(1 + ROUNDS):
        for each, checkpoint in zip(times, checkpoints, strict=True):
            spec = checkpoint.spec
            clips = rng.integers(0, 256, (BATCH, spec.frames, spec.size, spec.size, 3), np.uint8)
            began = time.perf_counter()
            embed_clips(checkpoint.encoder, clips)
            each.append(time.perf_counter() - began)
    torch.set_num_threads(threads)
    return [BATCH / median(each[1:]) for each in times]  # the first one warms up


def _load_s(name: str) -> float:
    began = time.perf_counter()
    _ = load_encoder(name).encoder
    return time.perf_counter() - began


def _megabytes(checkpoint: Checkpoint) -> float:
    return sum(weight.nbytes for weight in checkpoint.weights.values()) / 1e6


def to_markdown(rows: Sequence[Row]) -> str:
    """One table: a line an encoder and share, then the baselines, then chance."""
    trials = rows[0].found
    head = ["encoder", "share of motion"]
    for name, found in trials.items():
        head += [f"{name}, {found.queries} queries", "above", *found.by_source]
    head += ["clips/s", "of the shipped", "MB", "loads in s"]
    chance = ["chance", "", *(cell for found in trials.values() for cell in _chance(found)), "", "", "", ""]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *map(_cells, rows), chance]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row) -> list[str]:
    cells = [row.name, "" if row.share is None else f"{row.share:g}"]
    for found in row.found.values():
        cells += [f"{100 * found.recall[1]:.1f} {_interval(found.interval)}", _above(found)]
        cells += [f"{100 * value:.1f}" for value in found.by_source.values()]
    if row.cost is None:
        return cells + [""] * 4
    cost = row.cost
    return [*cells, f"{cost.clips_per_s:.0f}", f"{cost.of_shipped:.2f}", f"{cost.megabytes:.1f}", f"{cost.load_s:.2f}"]


def _above(found: Found) -> str:
    if not found.above:
        return ""
    least = min(found.above.values(), key=lambda above: above.difference)
    return f"{100 * least.difference:+.1f} {_interval(least.interval, '+')}"


def _chance(found: Found) -> list[str]:
    return [f"{100 * found.chance:.1f}", "", *("" for _ in found.by_source)]


def _interval(interval: tuple[float, float], sign: str = "") -> str:
    return "[" + ", ".join(f"{100 * bound:{sign}.1f}" for bound in interval) + "]"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.candidates", description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="a file, or the name of a shipped encoder")
    parser.add_argument(
        "--manifest", nargs=2, action="append", default=[], metavar=("CSV", "UNSEEN"),
        help="labelled videos, and a pattern of the groups that no encoder was trained on; may be repeated",
    )  # fmt: skip
    parser.add_argument("--sources", type=Path, metavar="DIR", help="a folder of files for each source")
    parser.add_argument(
        "--without",
        type=re.compile,
        default="(?!)",
        metavar="PATTERN",
        help="passes over files of --sources in whose path it is found",
    )
    parser.add_argument("--share", type=_shares, default=[], metavar="S,...", help="other shares of motion, in [0, 1]")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keeps pictures and results [nothing is kept]")
    options = parser.parse_args()
    if not options.manifest and not options.sources:
        parser.error("nothing to measure on; give --manifest or --sources")
    try:
        options.manifest = [Manifest(Path(path), unseen) for path, unseen in options.manifest]
    except ValueError as error:
        parser.error(str(error))
    return options


def _shares(text: str) -> list[float]:
    shares = [float(share) for share in text.split(",")]
    if not all(0 <= share <= 1 for share in shares):
        raise argparse.ArgumentTypeError(f"shares lie in [0, 1], got {text}")
    return shares


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
