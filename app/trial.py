"""What a recognition is measured on: the videos that could be read, their features, and how they are divided."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from app.features import TRIVIAL, Arrays, Kept, clip_embeddings, trivial_features
from app.manifest import Manifest, ManifestError, ManifestRow
from app.report.recognition import RecognitionRow
from encoder.baselines import BASELINES
from encoder.checkpoint import Checkpoint
from encoder.decoding import DecodePool
from indexer.evaluation import Difference, paired_test
from indexer.recognition import RecognitionReport, evaluate_recognition
from indexer.update import Failure

Progress = Callable[[str, int, int], None]  # what is counted, done, of all
Scores = NDArray[np.float32]  # (S, V, C) of the tested videos
Fold = tuple[list[int], list[int]]  # rows that are learnt from, rows that are tested

_SEED = 0  # of the division and of the bootstrap


@dataclass(frozen=True)
class Trial:
    """Several ways to recognise the same videos are measured on it in the same way."""

    videos: Sequence[ManifestRow]  # that could be read
    classes: Sequence[str]
    features: Mapping[str, Sequence[NDArray[np.float32]]]  # name -> (n, D) of each video; the encoder's first
    folds: Sequence[Fold]
    untested: int  # videos whose class no video to learn from has
    failed: Sequence[Failure]

    @property
    def tested(self) -> list[int]:
        """Rows, ascending; each is tested in one fold."""
        return sorted(row for _, test in self.folds for row in test)

    @property
    def grouped(self) -> bool:
        """Whether the manifest says which videos belong together."""
        return self.videos[0].group is not None

    @property
    def truth(self) -> list[int]:
        """Number of the class of each video."""
        return [self.classes.index(row.label) for row in self.videos]

    @property
    def protocol(self) -> str:
        """What is learnt from and what is tested, in a sentence."""
        learnt, tested = len(self.folds[0][0]), len(self.tested)
        if self.videos[0].split:
            return f"Learnt from the {learnt} videos of split `gallery`, tested on the {tested} of split `query`."
        kind = "groups, such as people or recordings," if self.grouped else "videos"
        return f"The {kind} are divided into {len(self.folds)} parts; each is tested by what is learnt of the others."

    def key(self, *settings: str) -> str:
        """Tells what is learnt from what, and how, from anything else."""
        rows = [(str(row.path), row.label, row.group or "", row.split or "") for row in self.videos]
        return xxhash.xxh3_64_hexdigest(repr((rows, list(self.folds), settings)).encode(errors="surrogateescape"))

    def gather(self, by_fold: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(V, C) scores of the tested videos, from the (n, C) of each fold in the order of its rows."""
        place = {row: number for number, row in enumerate(self.tested)}
        scores = np.zeros((len(place), len(self.classes)), np.float32)
        for (_, test), part in zip(self.folds, by_fold, strict=True):
            scores[[place[row] for row in test]] = part
        return scores

    def rows(self, found: Mapping[str, Scores]) -> list[RecognitionRow]:
        """The reports of each way, by its name; all but the first are compared with it."""
        reports = {name: self._report(scores) for name, scores in found.items()}
        (first, judged), *beside = reports.items()
        return [RecognitionRow(first, judged)] + [
            RecognitionRow(name, report, _lead(judged, report)) for name, report in beside
        ]

    def _report(self, scores: Scores) -> RecognitionReport:
        rows = [self.videos[row] for row in self.tested]
        groups = [row.group or "" for row in rows] if self.grouped else None
        return evaluate_recognition(scores, self.classes, [row.label for row in rows], groups, _SEED)


def read_trial(
    manifest: Manifest, checkpoint: Checkpoint, pool: DecodePool, progress: Progress, folds: int, work: Path | None
) -> Trial:
    """Read the videos of a manifest and divide them.

    Args:
        manifest: of the videos.
        checkpoint: embeds them.
        pool: decodes.
        progress: called as videos are read.
        folds: parts that groups are divided into, if there is no split.
        work: folder in which features are kept; None for none.

    Raises:
        ManifestError: what could be read is not enough to measure anything.
    """
    paths, failed = [str(row.path) for row in manifest.rows], dict[str, str]()
    done = iter(range(1, 2 * len(paths) + 1))

    def read(found: Iterator[tuple[str, Arrays | None]]) -> dict[str, Arrays]:
        made = {}
        for path, arrays in found:
            progress("passes over the videos", next(done), 2 * len(paths))
            if arrays is not None:
                made[path] = arrays
        return made

    kept = [Kept.of(work, name) for name in (checkpoint.fingerprint, TRIVIAL)]
    trivial = read(trivial_features(paths, pool, kept[1], failed))
    embedded = read(clip_embeddings([path for path in paths if path in trivial], checkpoint, pool, kept[0], failed))
    videos = [row for row in manifest.rows if str(row.path) in embedded]
    classes = sorted({row.label for row in videos})
    if len(classes) < 2:
        raise ManifestError(f"{manifest.path} can't be measured: of what can be read there are {len(classes)} classes")
    divided, untested = _divide(manifest, videos, folds)
    return Trial(
        videos=videos,
        classes=classes,
        features={
            "encoder": [embedded[str(row.path)]["clips"] for row in videos],
            **{name: [trivial[str(row.path)][name] for row in videos] for name in BASELINES},
        },
        folds=divided,
        untested=untested,
        failed=[Failure(path, failed[path]) for path in paths if path in failed],
    )


def _divide(manifest: Manifest, videos: Sequence[ManifestRow], count: int) -> tuple[list[Fold], int]:
    """The folds, and how many videos are tested in none."""
    from training.folds import group_folds, learnt_only, split_fold

    labels = [row.label for row in videos]
    try:
        if videos[0].split:
            folds = [split_fold([row.split or "" for row in videos])]
        else:
            groups = [row.group or str(row.path) for row in videos]
            folds = group_folds(groups, count, np.random.default_rng(_SEED))
    except ValueError as error:
        raise ManifestError(f"{manifest.path} can't be measured: {error}") from error
    kept = [learnt_only(fold, labels) for fold in folds]
    tested = sum(len(fold.test) for fold in kept)
    if not tested:
        raise ManifestError(f"{manifest.path} can't be measured: no class is both learnt from and tested")
    untested = sum(len(fold.test) for fold in folds) - tested
    return [(fold.train, fold.test) for fold in kept if fold.test], untested


def _lead(judged: RecognitionReport, other: RecognitionReport) -> Difference:
    ours, theirs = judged.predictions, other.predictions
    return paired_test(ours.hits[:, 0], theirs.hits[:, 0], ours.owners, np.random.default_rng(_SEED))
