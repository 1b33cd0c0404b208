"""The training loop: videos in, an encoder out.

A batch is decided by the seed and its number (training/batches.py), and a saved run holds all else that a step depends
on (training/run.py), so a run that was killed and resumed gives the same weights on a CPU, bit for bit, as an unbroken
one.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from encoder.checkpoint import Checkpoint, save_encoder
from encoder.errors import VideoError, in_words
from encoder.model import Encoder
from encoder.whole import appearing_whole
from training.batches import MOMENTS, Batches, generator, stream
from training.cache import Frames, Report, build_cache
from training.curves import draw_curves, read_metrics
from training.errors import Stopped, TrainingError
from training.monitor import Monitor
from training.probe import half_recall, seen_twice
from training.processes import Group, joined, local_device, made_once, wait_for_all
from training.recipes import Recipe
from training.run import Run
from training.whitening import fit_heads

_SAVE_EVERY_S = 60.0  # what a kill costs at most
_PROBES = 10  # a run
_PROBED, _MOMENTS = 256, 2560  # videos of a probe, moments that heads are fitted to

_CPU, _ALONE = torch.device("cpu"), Group()


def train_files(
    recipe: Recipe,
    files: Sequence[Path],
    out: Path,
    seed: int = 0,
    report: Report | None = None,
    resume: bool = False,
    device: str | None = None,
    workers: int = 2,
    frames: Path | None = None,
    on_failed: Callable[[Sequence[VideoError]], None] | None = None,
    look_weights: Path | None = None,
    begins_with: Checkpoint | None = None,
) -> Path:
    """Decode video files to a cache of frames, as far as it lacks them, and `train` on it.

    Args:
        recipe: what to train by.
        files: the videos.
        out: as in `train`.
        seed: as in `train`.
        report: also called with ("videos read", done, of all).
        resume: as in `train`.
        device: torch device; None for a GPU where there is one.
        workers: files decoded at once, and, beside a GPU, processes that read views.
        frames: folder of the cache, which several runs may share; None for one in `out`.
        on_failed: called with the files that can't be read, if there are any.
        look_weights: as in `train`.
        begins_with: as in `train`.

    Raises:
        TrainingError: the run can't start or go on, or its folder can't be written.
        CacheError: the frames can't be kept.
    """
    place = local_device(device)
    with joined(place) as group:
        _check_folder(out, resume)
        fresh = not out.exists()
        cache = made_once(
            lambda: build_cache(files, frames or out / "frames", recipe.cache_fps, recipe.cache_size, workers, report),
            group,
        )
        if not cache:
            if fresh and group.leads:
                shutil.rmtree(out, ignore_errors=True)
            reason = cache.failed[0] if cache.failed else "there are none"
            raise TrainingError(f"none of the {len(files)} files given to train on can be read as video ({reason})")
        if cache.failed and on_failed and group.leads:
            on_failed(cache.failed)
        try:
            loaders = workers * (place.type == "cuda")
            return train(recipe, cache, out, seed, report, resume, place, loaders, group, look_weights, begins_with)
        except OSError as error:  # such as a full disk
            what = f"{in_words(error, out)}; what was saved before is kept, to be gone on with by --resume"
            raise TrainingError(what) from error


def train(
    recipe: Recipe,
    videos: Sequence[Frames],
    out: Path,
    seed: int = 0,
    report: Report | None = None,
    resume: bool = False,
    device: torch.device = _CPU,
    loaders: int = 0,
    group: Group = _ALONE,
    look_weights: Path | None = None,
    begins_with: Checkpoint | None = None,
) -> Path:
    """Train an encoder and return its checkpoint, `out`/encoder.safetensors.

    Args:
        recipe: what to train by.
        videos: (N, H, W, 3) frames at `recipe.cache_fps`.
        out: folder for state.pt, metrics.jsonl, curves.png, TensorBoard's events and the encoder.
        seed: of everything random; zero or more.
        report: called with ("steps", done, of all); may raise `Stopped`.
        resume: go on from the state in `out`, if there is one.
        device: of this process.
        loaders: processes that read the frames of views ahead; 0 reads them between the steps.
        group: the processes of the run.
        look_weights: ImageNet weights that the look part begins with; None for random ones.
        begins_with: an encoder whose networks a new run begins with, as far as they fit; one that is resumed has begun.

    Raises:
        TrainingError: the run can't start or go on.
        WeightsError: `look_weights` can't be read.
    """
    schedule, objective, state = recipe.schedule, recipe.objective, out / "state.pt"
    steps, identity = schedule.steps_for(len(videos)), _identity(videos)
    _check_folder(out, resume)
    _check_batch(schedule.batch, len(videos), group)
    run = Run(recipe, steps, seed, device, group)
    if state.exists():
        run.load(state, identity)
    else:
        if begins_with:
            run.begin_with(begins_with)
        if look_weights:
            run.load_look(look_weights)
    out.mkdir(parents=True, exist_ok=True)
    batches = Batches(
        videos, recipe.cache_fps, recipe.views, recipe.clip.size, schedule.batch, seed,
        objective.two_scales, group.rank, group.size,
        run.step * schedule.accumulate, (steps - run.step) * schedule.accumulate,
    )  # fmt: skip
    monitor, saved = Monitor(), time.monotonic()
    with (
        closing(stream(batches, loaders, pinned=device.type == "cuda")) as passes,
        closing(_Log(out, run.step, group)) as log,
    ):
        while run.step < steps:
            began, number = time.monotonic(), run.step
            row = run.advance(passes)
            monitor.check(number, row["loss"], row["spread"])
            if group.leads and (number % max(1, steps // _PROBES) == 0 or run.step == steps):
                row["recall"] = _probe(run, videos)
            log.write({"step": number, **row, "seconds": time.monotonic() - began})
            if group.leads and (run.step == steps or time.monotonic() - saved > _SAVE_EVERY_S):
                run.save(state, identity)
                draw_curves(out / "metrics.jsonl", out / "curves.png")
                saved = time.monotonic()
            if report and group.leads:
                try:
                    report("steps", run.step, steps)
                except Stopped:
                    run.save(state, identity)
                    draw_curves(out / "metrics.jsonl", out / "curves.png")
                    raise
    if group.leads:
        fit_to_videos(run.student.encoder, recipe, videos, seed, device)
        origin = {
            "recipe": asdict(recipe), "steps": steps, "seed": seed, "videos": len(videos),
            "began_with": asdict(run.beginning) if run.beginning else None,
        }  # fmt: skip
        save_encoder(run.student.encoder, recipe.clip, out / "encoder.safetensors", origin)
    wait_for_all()
    return out / "encoder.safetensors"


def _check_folder(out: Path, resume: bool) -> None:
    if out.exists() and not out.is_dir():
        raise TrainingError(f"{out} is a file; give a folder for the training run")
    if (out / "state.pt").exists() and not resume:
        raise TrainingError(f"{out} holds a training run; go on with it by --resume, or give another folder")


def _check_batch(batch: int, videos: int, group: Group) -> None:
    if videos < 2:
        raise TrainingError("only one video can be read, and it has no other to be told from; give two or more")
    if batch > videos:
        raise TrainingError(f"a batch of {batch} is larger than the {videos} videos; pass --batch {videos} or less")
    if batch % group.size:
        raise TrainingError(f"a batch of {batch} can't be shared by {group.size} processes; pass a multiple by --batch")


def _identity(videos: Sequence[Frames]) -> str:
    """Tells a collection from another: the lengths of all videos, and what the first pictures of some are."""
    digest = hashlib.sha256(np.array([len(video) for video in videos]).tobytes())
    for video in videos[:: 1 + len(videos) // 100]:
        digest.update(video[0].tobytes())
    return f"{len(videos)} videos {digest.hexdigest()[:12]}"


def _probe(run: Run, videos: Sequence[Frames]) -> float:
    encoder = run.student.encoder.eval()
    recall = half_recall(encoder, videos[:_PROBED], run.recipe.cache_fps, run.recipe.clip, run.device)
    run.student.train()
    return recall


def fit_to_videos(encoder: Encoder, recipe: Recipe, videos: Sequence[Frames], seed: int, device: torch.device) -> None:
    """Fit the encoder's heads to moments from all over the videos."""
    rng = np.random.default_rng(seed)
    chosen = [videos[i] for i in rng.permutation(np.resize(np.arange(len(videos)), _MOMENTS))]
    pairs = seen_twice(chosen, recipe.cache_fps, recipe.clip, recipe.views, generator(seed, MOMENTS))
    fit_heads(encoder.eval(), ((plain.to(device), seen.to(device)) for plain, seen in pairs))


class _Log:
    """The metrics of a run, a JSON line a step, and the same for TensorBoard; silent but in the leading process."""

    def __init__(self, out: Path, step: int, group: Group) -> None:
        self._path, self._leads = out / "metrics.jsonl", group.leads
        if self._leads:
            kept = [row for row in read_metrics(self._path) if row["step"] < step]  # later ones are done again
            with appearing_whole(self._path) as part:
                part.write_text("".join(json.dumps(row) + "\n" for row in kept))
            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step)

    def write(self, row: dict[str, float]) -> None:
        """Add a step."""
        if not self._leads:
            return
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in row.items():
            self._board.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._leads:
            self._board.close()
