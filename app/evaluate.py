"""Measure retrieval of an encoder on a manifest, trivial baselines beside it."""

import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from app.manifest import Manifest, ManifestError
from app.report import Evaluation, EvaluationRow
from encoder.baselines import BASELINES
from encoder.checkpoint import Checkpoint
from encoder.clips import ClipSpec
from encoder.decoding import Decoded, DecodePool, Failed, Finished, Job
from indexer.evaluation import RetrievalReport, evaluate_retrieval
from indexer.pipeline import Encoded, encode_videos
from indexer.update import Failure

_CLIPS = 10  # a video, evenly spread: the protocol of the field
_WHOLE = ClipSpec(
    frames=32, fps=8, size=64, hop=32
)  # what the baselines see: the whole video, stretched over 32 frames
_PACKAGES = ("reelseek", "torch", "av", "numpy")

Features = dict[str, NDArray[np.float32]]  # path -> one vector a video


def evaluate(
    manifest: Manifest,
    checkpoint: Checkpoint,
    pool: DecodePool,
    command: str,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Embed every video of a manifest with the encoder and each baseline, and measure retrieval.

    Args:
        manifest: what to evaluate on.
        checkpoint: the encoder; a video is the mean of 10 of its clips.
        pool: decodes.
        command: what the report says to run to get it again.
        progress: called with (videos done, of all), each video counting twice.
        seed: of the bootstrap.

    Raises:
        ManifestError: what could be read is not enough to measure anything.
    """
    started = time.monotonic()
    paths = [str(row.path) for row in manifest.rows]
    failed: dict[str, str] = {}
    done = _counter(progress, 2 * len(paths))
    features = {"encoder": _encoder_features(paths, checkpoint, pool, failed, done)}
    features |= _baseline_features([path for path in paths if path not in failed], pool, failed, done)
    rows = [row for row in manifest.rows if str(row.path) not in failed]
    reports = {name: _measure(manifest, rows, vectors, seed) for name, vectors in features.items()}
    return Evaluation(
        manifest=manifest.path.name,
        protocol=manifest.protocol,
        encoder=checkpoint.name,
        fingerprint=checkpoint.fingerprint,
        rows=[EvaluationRow(name, report, name == "encoder") for name, report in reports.items()],
        failed=[Failure(path, reason) for path, reason in failed.items()],
        clips=len(rows),
        classes=len({row.label for row in rows}),
        seconds=time.monotonic() - started,
        command=command,
        versions={package: version(package) for package in _PACKAGES},
    )


def _counter(progress: Callable[[int, int], None] | None, total: int) -> Iterator[None]:
    for count in range(1, total + 1):
        if progress:
            progress(count, total)
        yield


def _encoder_features(
    paths: list[str], checkpoint: Checkpoint, pool: DecodePool, failed: dict[str, str], done: Iterator[None]
) -> Features:
    features: Features = {}
    for event in encode_videos((Job(path, checkpoint.spec, clips=_CLIPS) for path in paths), checkpoint, pool):
        if isinstance(event, Encoded):
            features[event.path] = event.video.embeddings.mean(0)
            next(done, None)
        elif isinstance(event, Failed):
            failed[event.path] = event.reason
            next(done, None)
            next(done, None)  # the baselines won't see it
    return features


def _baseline_features(
    paths: list[str], pool: DecodePool, failed: dict[str, str], done: Iterator[None]
) -> dict[str, Features]:
    features: dict[str, Features] = {name: {} for name in BASELINES}
    for event in pool.decode(Job(path, _WHOLE, stretched=True) for path in paths):
        if isinstance(event, Decoded):
            for name, baseline in BASELINES.items():
                features[name][event.path] = baseline(event.frames[0])
        elif isinstance(event, Finished | Failed):
            next(done, None)
            if isinstance(event, Failed):
                failed[event.path] = event.reason
    return features


def _measure(manifest: Manifest, rows: list, vectors: Features, seed: int) -> RetrievalReport:  # type: ignore[type-arg]
    if not rows:
        raise ManifestError(f"none of the {len(manifest.rows)} videos of {manifest.path} can be read")
    try:
        return evaluate_retrieval(
            np.stack([vectors[str(row.path)] for row in rows]),
            [row.label for row in rows],
            [row.group for row in rows] if rows[0].group else None,
            [row.split for row in rows] if rows[0].split else None,
            rng=np.random.default_rng(seed),
        )
    except ValueError as error:
        raise ManifestError(f"{manifest.path} can't be evaluated: {error}") from error
