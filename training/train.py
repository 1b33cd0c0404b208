"""The training loop: videos in, an encoder out.

A batch is decided by the seed and its number (training/batches.py), and a saved run holds all else that a step depends
on (training/run.py), so a run that was killed and resumed gives the same weights on a CPU, bit for bit, as an unbroken
one.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from encoder.checkpoint import save_encoder
from training.batches import Batches, Frames, stream
from training.curves import draw_curves, read_metrics
from training.errors import TrainingError
from training.monitor import Monitor
from training.probe import half_recall, plain_clips
from training.processes import Group, joined, local_device, wait_for_all
from training.recipes import Recipe
from training.run import Run
from training.whitening import fit_heads

_SAVE_EVERY_S = 60.0  # what a kill costs at most
_PROBES = 20  # a run
_PROBED, _WHITENED = 256, 2560  # videos of a probe, clips that heads are fitted to

Report = Callable[[str, int, int], None]  # (what is counted, done, of all)


def train(
    recipe: Recipe,
    videos: Sequence[Frames],
    out: Path,
    seed: int = 0,
    report: Report | None = None,
    resume: bool = False,
    device: str | None = None,
    loaders: int = 0,
) -> Path:
    """Train an encoder and return its checkpoint, `out`/encoder.safetensors.

    Args:
        recipe: what to train by.
        videos: (N, H, W, 3) frames at `recipe.cache_fps`.
        out: folder for state.pt, metrics.jsonl, curves.png, TensorBoard's events and the encoder.
        seed: of everything random; zero or more.
        report: called with ("steps", done, of all).
        resume: go on from the state in `out`, if there is one.
        device: torch device; None for a GPU where there is one.
        loaders: processes that render views ahead; 0 renders them between the steps.

    Raises:
        TrainingError: the run can't start or go on.
    """
    steps, accumulate = recipe.schedule.steps_for(len(videos)), recipe.schedule.accumulate
    identity, state = f"{len(videos)} of {sum(map(len, videos))} frames", out / "state.pt"
    with joined(place := local_device(device)) as group:
        _check(recipe, len(videos), out, resume, group)
        run = Run(recipe, steps, seed, place, group)
        if state.exists():
            run.load(state, identity)
        out.mkdir(parents=True, exist_ok=True)
        batches = Batches(
            videos, recipe.cache_fps, recipe.views, recipe.clip.size, recipe.schedule.batch, seed,
            recipe.objective.two_scales, recipe.objective.direction, group.rank, group.size,
            run.step * accumulate, (steps - run.step) * accumulate,
        )  # fmt: skip
        monitor, saved = Monitor(), time.monotonic()
        with (
            closing(stream(batches, loaders, place.type == "cuda")) as passes,
            closing(Log(out, run.step, group)) as log,
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
                    report("steps", run.step, steps)
        if group.leads:
            _finish(run, videos, out / "encoder.safetensors")
        wait_for_all()
    return out / "encoder.safetensors"


def _check(recipe: Recipe, videos: int, out: Path, resume: bool, group: Group) -> None:
    batch = recipe.schedule.batch
    if (out / "state.pt").exists() and not resume:
        raise TrainingError(f"{out} holds a training run; go on with it by --resume, or give another folder")
    if videos < 2:
        raise TrainingError("one video can't be contrasted with others; give two or more to train on")
    if batch > videos:
        raise TrainingError(
            f"a batch of {batch} is larger than the collection of {videos} videos; give --batch {videos} or less"
        )
    if batch % group.size:
        raise TrainingError(
            f"a batch of {batch} can't be shared equally by {group.size} processes; give another --batch"
        )


def _probe(run: Run, videos: Sequence[Frames]) -> float:
    encoder = run.student.encoder.eval()
    recall = half_recall(encoder, videos[:_PROBED], run.recipe.cache_fps, run.recipe.clip, run.device)
    run.student.train()
    return recall


def _finish(run: Run, videos: Sequence[Frames], path: Path) -> None:
    """Fit the encoder's heads to clips from all over the videos, and write it."""
    recipe, encoder = run.recipe, run.student.encoder.eval()
    rng = np.random.default_rng(run.seed)
    chosen = [videos[i] for i in rng.permutation(np.resize(np.arange(len(videos)), _WHITENED))]
    clips = plain_clips(chosen, recipe.cache_fps, recipe.clip, rng.random(_WHITENED).tolist())
    fit_heads(encoder, (each.to(run.device) for each in clips))
    save_encoder(encoder, recipe.clip, path)


class Log:
    """The metrics of a run, a JSON line a step, and the same for TensorBoard; silent but in the leading process."""

    def __init__(self, out: Path, step: int, group: Group) -> None:
        self._path, self._leads = out / "metrics.jsonl", group.leads
        if self._leads:
            kept = [row for row in read_metrics(self._path) if row["step"] < step]  # later ones are done again
            self._path.write_text("".join(json.dumps(row) + "\n" for row in kept))
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
