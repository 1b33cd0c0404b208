"""Measure retrieval of an encoder on a manifest, trivial baselines beside it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.features import TRIVIAL, Kept, clip_embeddings, counter, trivial_features
from app.lookups import measure_lookups
from app.manifest import Manifest, ManifestError, ManifestRow
from app.report.evaluation import Evaluation, EvaluationRow, Lead
from app.report.published import published_for
from app.versions import versions
from encoder.baselines import BASELINES
from encoder.checkpoint import Checkpoint
from encoder.decoding import DecodePool
from indexer.answers import first_answers
from indexer.evaluation import RetrievalReport, centred, evaluate_retrieval, paired_test
from indexer.update import Failure

Features = dict[str, NDArray[np.float32]]  # by path: one vector a video


def evaluate(
    manifest: Manifest,
    checkpoint: Checkpoint,
    pool: DecodePool,
    command: str,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
    others: Sequence[Checkpoint] = (),
    work: Path | None = None,
) -> Evaluation:
    """Embed every video of a manifest with the encoder and each baseline, and measure retrieval.

    Args:
        manifest: what to evaluate on.
        checkpoint: the encoder that is judged; a video is the mean of 10 of its clips.
        pool: decodes.
        command: what the report says to run to get it again.
        progress: called with (videos done, of all), each video counting once an encoder and once for the baselines.
        seed: of the bootstrap.
        others: encoders that it is compared with.
        work: folder in which features are kept, so that a run can be gone on with.

    Raises:
        ManifestError: what could be read is not enough to measure anything.
    """
    started, date = time.monotonic(), datetime.now(UTC)
    paths = [str(row.path) for row in manifest.rows]
    made = _features(paths, [checkpoint, *others], pool, progress, work)
    rows = [row for row in manifest.rows if str(row.path) not in made.failed]
    if not rows:
        raise ManifestError(f"none of the {len(manifest.rows)} videos of {manifest.path} can be read")
    trial = _Trial(manifest, rows, seed)
    own, *further = (trial.stack(features) for features in made.encoded)
    judged = EvaluationRow("encoder", trial.measure(own))
    return Evaluation(
        manifest=manifest.path.name,
        protocol=manifest.protocol,
        encoder=checkpoint.name,
        fingerprint=checkpoint.fingerprint,
        spec=checkpoint.spec,
        judged=judged,
        baselines=[trial.compare(name, trial.stack(features), judged) for name, features in made.trivial.items()],
        centred=trial.compare("encoder, centred", centred(own, trial.split), judged),
        others=[
            trial.compare(name, vectors, judged, one.fingerprint)
            for name, vectors, one in zip(_names(checkpoint, others), further, others, strict=True)
        ],
        samples=rows,
        answers=first_answers(own, trial.labels, trial.groups, trial.split),
        lookups=measure_lookups([made.clips[str(row.path)] for row in rows if row.split != "query"]),
        failed=[Failure(path, made.failed[path]) for path in paths if path in made.failed],
        published=published_for(manifest),
        seconds=time.monotonic() - started,
        date=date,
        seed=seed,
        command=command,
        versions=versions(),
    )


@dataclass(frozen=True)
class _Made:
    """What was made of the videos that could be read."""

    clips: Features  # (n, D) of each video, by the first encoder
    encoded: list[Features]  # by each encoder
    trivial: dict[str, Features]  # by each baseline
    failed: dict[str, str]  # path -> why it can't be read


class _Trial:
    """The rows that could be read, to measure several embeddings of them in the same way."""

    def __init__(self, manifest: Manifest, rows: Sequence[ManifestRow], seed: int) -> None:
        self._manifest, self._seed = manifest, seed
        self._paths = [str(row.path) for row in rows]
        self.labels = [row.label for row in rows]
        self.groups = [row.group or "" for row in rows] if rows[0].group else None
        self.split = [row.split or "" for row in rows] if rows[0].split else None

    def stack(self, features: Features) -> NDArray[np.float32]:
        """One vector a row."""
        return np.stack([features[path] for path in self._paths])

    def measure(self, vectors: ArrayLike) -> RetrievalReport:
        """Measure; the same owners are drawn for all."""
        rng = np.random.default_rng(self._seed)
        try:
            return evaluate_retrieval(vectors, self.labels, self.groups, self.split, rng=rng)
        except ValueError as error:
            raise ManifestError(f"{self._manifest.path} can't be evaluated: {error}") from error

    def compare(
        self, name: str, vectors: ArrayLike, judged: EvaluationRow, fingerprint: str | None = None
    ) -> EvaluationRow:
        """Measure, and test the judged row against it."""
        report = self.measure(vectors)
        ours, theirs = judged.report.scores, report.scores
        at_1 = list(report.recall).index(1)
        lead = Lead(
            paired_test(ours.hits[:, at_1], theirs.hits[:, at_1], ours.owners, np.random.default_rng(self._seed)),
            paired_test(ours.precision, theirs.precision, ours.owners, np.random.default_rng(self._seed)),
        )
        return EvaluationRow(name, report, lead, fingerprint)


def _names(judged: Checkpoint, others: Sequence[Checkpoint]) -> list[str]:
    """What the others are called; with their fingerprint where two have the same name."""
    names = [one.name for one in (judged, *others)]
    return [f"{one.name} ({one.fingerprint})" if names.count(one.name) > 1 else one.name for one in others]


def _features(
    paths: Sequence[str],
    encoders: Sequence[Checkpoint],
    pool: DecodePool,
    progress: Callable[[int, int], None] | None,
    work: Path | None,
) -> _Made:
    made = _Made({}, [], {name: {} for name in BASELINES}, {})
    done = counter(progress, (len(encoders) + 1) * len(paths))
    for one in encoders:
        made.encoded.append({})
        for path, arrays in clip_embeddings(paths, one, pool, Kept.of(work, one.fingerprint), made.failed):
            next(done, None)
            if arrays is not None:
                made.encoded[-1][path] = arrays["clips"].mean(0)
                if one is encoders[0]:
                    made.clips[path] = arrays["clips"]
    for path, arrays in trivial_features(paths, pool, Kept.of(work, TRIVIAL), made.failed):
        next(done, None)
        for name, rows in (arrays or {}).items():
            made.trivial[name][path] = rows[0]
    return made
