"""The ablation: every arm with several seeds, measured on videos that none has seen; python -m training.ablate --help.

Finished runs are rows of results.jsonl, unfinished ones folders with their state: the same command goes on.
"""

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from encoder.checkpoint import load_encoder
from encoder.config import EncoderConfig
from encoder.errors import WorldError
from encoder.model import Encoder
from training.arms import ARMS, Arm
from training.cache import FrameCache
from training.corpus import Corpus, Manifest, divide, make_corpus, read_frames
from training.evidence import measure, order_accuracy
from training.recipes import Recipe, Schedule, tiny
from training.tables import to_markdown
from training.train import fit_to_videos, train


@dataclass(frozen=True)
class Grid:
    """What is run, but for arm and seed."""

    recipe: Recipe  # its objective is the arm's
    manifests: tuple[Manifest, ...]
    videos_per_action: int  # drawn
    clips: int  # measured of each video

    def of(self, arm: Arm) -> Recipe:
        """The recipe of an arm."""
        return replace(self.recipe, objective=arm.objective) if arm.objective else self.recipe

    def key(self, arm: Arm) -> str:
        """Tells rows of this grid from those of another in the same file."""
        real = [(manifest.name, manifest.unseen) for manifest in self.manifests]
        made_of = [self.of(arm).to_json(), real, self.videos_per_action, self.clips]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]


def main() -> None:
    """Run what is asked for and print the tables."""
    options = _options()
    quick = options.quick
    with TemporaryDirectory() as scratch:
        out = options.out or Path(scratch)
        encoder = EncoderConfig(
            width=8 if quick else 16, blocks=1 if quick else 2, look_dim=0, motion_weight=1.0, centred=not options.rgb
        )
        grid = Grid(
            recipe=replace(tiny(), encoder=encoder, schedule=Schedule(batch=16 if quick else 32, steps=options.steps)),
            manifests=options.manifest,
            videos_per_action=2 if quick else 8,
            clips=1 if quick else 3,
        )
        try:
            rows = run_grid(grid, options.arms, range(options.seeds), out, options.processes)
        except WorldError as error:
            sys.exit(str(error))
        print(to_markdown(rows, options.arms))  # noqa: T201 - the result


def run_grid(grid: Grid, arms: Sequence[Arm], seeds: Sequence[int], out: Path, processes: int) -> list[dict[str, Any]]:
    """Run what results.jsonl in `out` lacks, several runs at once with a thread each, and return all rows."""
    out.mkdir(parents=True, exist_ok=True)
    results = out / "results.jsonl"
    wanted = [(arm, seed) for seed in seeds for arm in arms]  # a table with fewer seeds is there early
    rows = [row for row in _rows(results, {(arm.name, grid.key(arm)) for arm in arms}) if row["seed"] in set(seeds)]
    done = {(row["arm"], row["seed"]) for row in rows}
    left = [(arm, seed) for arm, seed in wanted if (arm.name, seed) not in done]
    if not left:
        return rows
    started = time.monotonic()
    fps, size = grid.recipe.cache_fps, grid.recipe.cache_size
    frames = read_frames(grid.manifests, out / "frames", fps, size, report=_progress)
    divide(grid.manifests, frames)  # the processes do it again: an error there would not reach the user in a sentence
    for count, row in enumerate(_run_all(grid, frames, left, out / "runs", processes), 1):
        rows.append(row)
        with results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        left_s = (time.monotonic() - started) / count * (len(left) - count)
        _tell(f"{row['arm']} seed {row['seed']}: {count} of {len(left)} runs, {left_s / 60:.0f} min left")
    return rows


def _rows(results: Path, keys: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """The rows with one of the pairs of arm and key; what a kill left of a last line is cut off."""
    text = results.read_bytes() if results.exists() else b""
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        os.truncate(results, len(whole))
    rows = [json.loads(line) for line in whole.splitlines()]
    return [row for row in rows if (row["arm"], row["key"]) in keys]


def _run_all(
    grid: Grid, frames: FrameCache, left: Sequence[tuple[Arm, int]], runs: Path, processes: int
) -> Iterator[dict[str, Any]]:
    """Yield the row of each run as it ends; where one fails, no other is begun."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(grid, frames))
    try:
        begun = [pool.submit(_run, grid, arm, seed, runs) for arm, seed in left]
        yield from (finished.result() for finished in as_completed(begun))
    finally:
        pool.shutdown(cancel_futures=True)


_corpus: Corpus | None = None  # of this process: too large to send with each run


def _start(grid: Grid, frames: FrameCache) -> None:
    global _corpus
    torch.set_num_threads(1)
    _corpus = make_corpus(grid.manifests, frames, grid.videos_per_action)


def _run(grid: Grid, arm: Arm, seed: int, runs: Path) -> dict[str, Any]:
    """Train one arm with one seed, and measure it."""
    assert _corpus is not None
    recipe, out, started = grid.of(arm), runs / f"{arm.name}-{seed}-{grid.key(arm)}", time.monotonic()
    if arm.objective:
        path = train(recipe, _corpus.training, out, seed, resume=True)
        encoder = load_encoder(path).encoder
    else:
        torch.manual_seed(seed)
        encoder = Encoder(recipe.encoder)
        fit_to_videos(encoder, recipe, _corpus.training, seed, torch.device("cpu"))
    trained = time.monotonic()
    found = measure(encoder, recipe, _corpus.held_out, grid.clips)
    if arm.objective and arm.objective.direction:
        found["order"] = order_accuracy(out / "state.pt", recipe, _corpus.held_out.main)
    if wrong := [name for name, value in found.items() if not math.isfinite(value)]:
        raise RuntimeError(f"{arm.name} seed {seed} measured no number for {', '.join(wrong)}")
    times = {"trained_s": round(trained - started, 1), "measured_s": round(time.monotonic() - trained, 1)}
    return {"arm": arm.name, "seed": seed, "key": grid.key(arm), **times, "found": found}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.ablate", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="all arms in minutes on drawn videos, to see them work")
    parser.add_argument(
        "--manifest", nargs=2, action="append", default=[], metavar=("CSV", "UNSEEN"),
        help="real videos, and a pattern of the groups that are kept back; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="results and runs, to be gone on with [nothing is kept]"
    )
    parser.add_argument("--arms", type=_arms, default=ARMS, metavar="A1,A4,...", help="only these")
    parser.add_argument("--seeds", type=_count, help="runs of each arm [3; 1 if quick]")
    parser.add_argument("--steps", type=_count, help="of each run [300; 20 if quick]")
    parser.add_argument("--rgb", action="store_true", help="the network sees RGB, not frames less their mean over time")
    parser.add_argument("--processes", type=_count, default=os.cpu_count() or 1, help="runs at once, a thread each")
    options = parser.parse_args()
    try:
        options.manifest = tuple(Manifest(Path(path), unseen) for path, unseen in options.manifest)
    except ValueError as error:
        parser.error(str(error))
    options.seeds = options.seeds or (1 if options.quick else 3)
    options.steps = options.steps or (20 if options.quick else 300)
    return options


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"one or more, got {text}")
    return int(text)


def _arms(names: str) -> list[Arm]:
    known = {arm.name: arm for arm in ARMS}
    if unknown := [name for name in names.split(",") if name not in known]:
        raise argparse.ArgumentTypeError(f"no arm {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def _progress(what: str, done: int, of_all: int) -> None:
    if done % 100 == 0 or done == of_all:
        _tell(f"{done} of {of_all} {what}")


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is where it belongs


if __name__ == "__main__":
    main()
