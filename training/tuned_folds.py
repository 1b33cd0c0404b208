"""Fine-tuning over several folds and seeds, gone on with where it was stopped."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.clips import ClipSpec
from encoder.model import Encoder
from encoder.whole import appearing_whole
from training.cache import FrameCache, Report, build_cache
from training.errors import TrainingError
from training.finetuning import finetune
from training.folds import Fold
from training.labelled_batches import FineTuning, LabelledVideos


@dataclass(frozen=True)
class TunedFolds:
    """Runs of one encoder on the same labelled videos."""

    encoder: Encoder
    clip: ClipSpec
    frames: FrameCache
    truth: Sequence[int]  # of each video
    classes: int
    schedule: FineTuning
    device: torch.device
    workers: int  # processes that read clips ahead, beside a GPU
    folder: Path  # for runs under way and outcomes
    key: str  # tells these runs from others in the folder

    def scores(
        self, folds: Sequence[Fold], seeds: int, report: Report | None = None
    ) -> list[list[NDArray[np.float32]]]:
        """For each seed and fold, (n, C) scores of what is tested there; what is in the folder is not made again.

        Args:
            folds: rows of the videos.
            seeds: runs on each fold.
            report: called with ("steps", done, of all runs).

        Raises:
            TrainingError: a run can't go on.
        """
        steps = [self.schedule.steps(len(fold.train)) for fold in folds]
        outcomes: list[list[NDArray[np.float32]]] = [[] for _ in range(seeds)]
        before, total = 0, seeds * sum(steps)
        for seed, of_seed in enumerate(outcomes):
            for number, fold in enumerate(folds):
                tell = partial(_tell, report, before, total) if report else None
                of_seed.append(self._outcome(fold, f"{number}-{seed}", seed, tell))
                before += steps[number]
        return outcomes

    def _outcome(self, fold: Fold, name: str, seed: int, report: Report | None) -> NDArray[np.float32]:
        kept = self.folder / f"{self.key}-{name}.npy"
        if not kept.exists():
            train = LabelledVideos([self.frames[row] for row in fold.train], [self.truth[row] for row in fold.train])
            tests = [self.frames[row] for row in fold.test]
            scores = finetune(
                self.encoder, self.clip, train, tests, self.classes, self.frames.fps, seed, self.schedule, self.device,
                kept.with_suffix(".pt"), report, self.workers * (self.device.type == "cuda"),
            )  # fmt: skip
            content = io.BytesIO()
            np.save(content, scores)
            with appearing_whole(kept) as part:
                part.write_bytes(content.getbuffer())
        elif report:
            report("steps", self.schedule.steps(len(fold.train)), 0)
        found: NDArray[np.float32] = np.load(kept)
        return found


def read_labelled(paths: Sequence[Path], clip: ClipSpec, folder: Path, workers: int, report: Report) -> FrameCache:
    """Decode videos to small frames, twice as many and a little larger than clips show, as far as `folder` lacks them.

    Raises:
        CacheError: the folder can't be used.
        TrainingError: a file can't be read.
    """
    frames = build_cache(paths, folder, 2 * clip.fps, clip.size * 7 // 6, workers, report)
    if frames.failed:
        raise TrainingError(f"{frames.failed[0]}; take it out of the manifest")
    return frames


def _tell(report: Report, before: int, total: int, unit: str, done: int, _: int) -> None:
    report(unit, before + done, total)
