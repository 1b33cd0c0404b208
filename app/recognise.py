"""Measure how well an encoder lets classes be recognised: by linear probes on frozen features, or by fine-tuning."""

import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.manifest import Manifest
from app.probes import probe_scores
from app.report.recognition import Recognition
from app.trial import Progress, Scores, Trial, read_trial
from app.versions import versions
from encoder.checkpoint import Checkpoint
from encoder.decoding import DecodePool

FOLDS = 10  # groups are divided into so many parts, or into as many as there are
_PROBE = (
    "A linear classifier on the frozen features of ten clips of each video; the classes of a video are scored by the "
    "mean over its clips. SGD, 100 epochs, rate 0.1 that falls to a tenth at 60 and 80, weight decay 0.001, batch-norm "
    "before it."
)
_FINETUNING = (
    "The whole network and a linear classifier are trained: Adam, rate 0.0001, {epochs} epochs of ten clips of each "
    "video, parts of the picture in other colours, not mirrored; the rate falls to 0.3 at 6, 10 and 14 sixteenths. The "
    "classes of a video are scored by the mean over ten clips of the whole picture."
)


def recognise_by_probe(
    manifest: Manifest,
    checkpoint: Checkpoint,
    pool: DecodePool,
    command: str,
    progress: Progress,
    seeds: int = 3,
    folds: int = FOLDS,
    work: Path | None = None,
) -> Recognition:
    """Fit linear classifiers to frozen embeddings and to the trivial baselines; test them on videos of other groups.

    Args:
        manifest: what to measure on; without a split, its groups are divided.
        checkpoint: the encoder.
        pool: decodes.
        command: what the report says to run to get it again.
        progress: called with what is counted, how many are done, of all.
        seeds: classifiers of each kind; they differ in their first weights and the order of what they see.
        folds: parts that the groups are divided into; each is tested once.
        work: folder in which features are kept, so that a run can be gone on with.

    Raises:
        ManifestError: what could be read is not enough to measure anything.
    """
    started, date = time.monotonic(), datetime.now(UTC)
    trial = read_trial(manifest, checkpoint, pool, progress, folds, work)
    found = probe_scores(trial, seeds, progress)
    return _recognition(manifest, checkpoint, trial, found, _PROBE, seeds, command, started, date)


def recognise_by_finetuning(
    manifest: Manifest,
    checkpoint: Checkpoint,
    pool: DecodePool,
    command: str,
    progress: Progress,
    seeds: int = 1,
    folds: int = FOLDS,
    work: Path | None = None,
    epochs: int = 16,
    device: str | None = None,
    workers: int = 1,
) -> Recognition:
    """Train the whole encoder on the classes; its linear probe and those of the trivial baselines are shown beside it.

    Args:
        manifest: as in `recognise_by_probe`, and so are the others not named here.
        checkpoint: what is begun with.
        pool: decodes.
        command: for the report.
        progress: called with what is counted, how many are done, of all.
        seeds: runs on each fold.
        folds: parts that the groups are divided into.
        work: folder for features, frames and runs; None for one that is removed at the end.
        epochs: of the schedule, which stretches with them.
        device: torch device; None for a GPU where there is one.
        workers: files decoded at once, and, beside a GPU, processes that read clips.

    Raises:
        ManifestError: what could be read is not enough to measure anything.
        TrainingError: a run can't go on.
        CacheError: the frames can't be kept.
    """
    started, date = time.monotonic(), datetime.now(UTC)
    _require_device(device)
    with TemporaryDirectory() if work is None else nullcontext(work) as place:
        trial = read_trial(manifest, checkpoint, pool, progress, folds, Path(place))
        probed = probe_scores(trial, seeds, progress)
        tuned = _finetuned(trial, checkpoint, seeds, epochs, Path(place), device, workers, progress)
    found = {"fine-tuned": tuned, "linear probe": probed.pop("encoder"), **probed}
    method = _FINETUNING.format(epochs=epochs)
    return _recognition(manifest, checkpoint, trial, found, method, seeds, command, started, date)


def _require_device(name: str | None) -> None:
    """Refuse a device that is not there before the work begins."""
    import torch

    from training.errors import TrainingError

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without it
        raise TrainingError(f"device {name!r} can't be used here; give cpu, or cuda where there is a GPU") from error


def _finetuned(
    trial: Trial,
    checkpoint: Checkpoint,
    seeds: int,
    epochs: int,
    work: Path,
    device: str | None,
    workers: int,
    progress: Progress,
) -> Scores:
    """What networks trained on each fold say of its tested videos, (S, V, C)."""
    from training.folds import Fold
    from training.labelled_batches import FineTuning
    from training.processes import local_device
    from training.tuned_folds import TunedFolds, read_labelled

    schedule, spec = FineTuning(epochs=epochs), checkpoint.spec
    runs = TunedFolds(
        checkpoint.encoder,
        spec,
        read_labelled([row.path for row in trial.videos], spec, work / "frames", workers, progress),
        trial.truth,
        len(trial.classes),
        schedule,
        local_device(device),
        workers,
        work / "runs",
        trial.key(checkpoint.fingerprint, str(schedule)),
    )
    scores = runs.scores([Fold(*fold) for fold in trial.folds], seeds, progress)
    return np.stack([trial.gather(by_fold) for by_fold in scores])


def _recognition(
    manifest: Manifest,
    checkpoint: Checkpoint,
    trial: Trial,
    found: dict[str, Scores],
    method: str,
    seeds: int,
    command: str,
    started: float,
    date: datetime,
) -> Recognition:
    judged, *beside = trial.rows(found)
    return Recognition(
        manifest=manifest.path.name,
        protocol=trial.protocol,
        method=method,
        encoder=checkpoint.name,
        fingerprint=checkpoint.fingerprint,
        spec=checkpoint.spec,
        judged=judged,
        beside=beside,
        samples=[trial.videos[row] for row in trial.tested],
        grouped=trial.grouped,
        folds=len(trial.folds),
        seeds=seeds,
        untested=trial.untested,
        failed=trial.failed,
        seconds=time.monotonic() - started,
        date=date,
        command=command,
        versions=versions(),
    )
