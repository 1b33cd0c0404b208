"""What encoders are compared on: labelled videos of unseen groups, and parts of long files that find each other."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.manifest import ManifestError, read_manifest
from benchmarks.pictures import Features, Part
from encoder.clips import Span
from encoder.errors import VideoError, WorldError
from encoder.video import probe
from indexer.evaluation import bootstrap_difference, bootstrap_interval, centred, evaluate_retrieval
from training.corpus import Manifest

LONG_S = 12.0  # a file of this length or more is cut in four parts, a shorter one in two
LONGEST_PART_S = 10.0
SHOWN = 0.75  # of a fourth or half of the file at most: then comes a gap, so that neighbours share no moment


@dataclass(frozen=True)
class Trial:
    """V videos, or parts of them, that search each other; one value a video in each list."""

    name: str
    parts: Sequence[Part]
    labels: Sequence[str]  # a candidate with the same one is right
    owners: Sequence[str]  # the bootstrap draws all videos of an owner together
    leaves_out: bool  # whether those of a query's own owner don't answer for it
    sources: Sequence[str] = ()  # whose queries are counted apart too, where it is not empty


class Above(NamedTuple):
    """R@1 of one less that of another, for the same queries."""

    difference: float
    interval: tuple[float, float]  # 95 %, bootstrap


@dataclass(frozen=True)
class Found:
    """What features find in a trial, as fractions of the queries."""

    queries: int
    chance: float  # R@1 of a random ranking
    recall: dict[int, float]  # k -> R@k
    map: float
    interval: tuple[float, float]  # of R@1: 95 %, bootstrap over owners
    centred_recall: dict[int, float]  # with the mean of all videos taken off: transductive
    centred_map: float
    by_source: dict[str, float]  # R@1
    above: dict[str, Above]  # by baseline
    hits: NDArray[np.float64] = field(repr=False, compare=False)  # (Q,) whether the first found is right

    def to_json(self) -> dict[str, Any]:
        """All but the hits."""
        return {name: value for name, value in asdict(self).items() if name != "hits"}


def unseen_videos(manifest: Manifest) -> Trial:
    """Class retrieval among the videos of the groups that are kept back, a query's own group left out.

    Raises:
        ManifestError: it can't be read, or keeps no group back.
    """
    rows = [row for row in read_manifest(manifest.path).rows if manifest.keeps_back(row.group or "")]
    if not rows:
        raise ManifestError(f"with {manifest.unseen!r} no group of {manifest.path} is left to measure on")
    groups = [row.group or "" for row in rows]
    return Trial(manifest.name, [Part(row.path) for row in rows], [row.label for row in rows], groups, leaves_out=True)


def parts_of_files(
    folder: Path, without: re.Pattern[str], report: Callable[[str], None], least_s: float = LONG_S
) -> Trial:
    """Retrieval of another part of the same file, among parts of all files of a folder that last long enough.

    Args:
        folder: holds a folder for each source.
        without: files in whose path below the folder this is found are passed over.
        report: called with a sentence about each file that can't be read; it is passed over.
        least_s: seconds that a file must last.

    Raises:
        WorldError: there are less than two such files.
    """
    long: dict[Path, float] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if not without.search(path.relative_to(folder).as_posix()):
            try:
                long[path] = probe(path).duration
            except VideoError as error:
                report(f"passed over: {error}")
    long = {path: duration for path, duration in long.items() if duration >= least_s}
    if len(long) < 2:
        raise WorldError(f"{folder} must hold two or more videos of {least_s:g} s or longer, to find parts of them")
    parts = [Part(path, span) for path, duration in long.items() for span in spans_of_parts(duration)]
    files = [str(part.path) for part in parts]
    sources = [part.path.relative_to(folder).parts[0] for part in parts]
    return Trial("parts of files", parts, files, files, leaves_out=False, sources=sources)


def spans_of_parts(duration: float) -> list[Span]:
    """Where the parts of a file of `duration` seconds lie: one at the start of each fourth or half."""
    count = 4 if duration >= LONG_S else 2
    room = duration / count
    length = min(LONGEST_PART_S, SHOWN * room)
    return [Span(number * room, number * room + length) for number in range(count)]


def find(trial: Trial, vectors: Features, baselines: Mapping[str, Found]) -> Found:
    """Let the videos of a trial search each other by features, and compare with what baselines found there."""
    groups = trial.owners if trial.leaves_out else None
    report, moved = (evaluate_retrieval(rows, trial.labels, groups, rng=_rng()) for rows in (vectors, centred(vectors)))
    queries, hits = np.array(list(report.hit_at_1)), np.array(list(report.hit_at_1.values()))
    owners, sources = np.array(trial.owners)[queries], np.array(trial.sources)
    return Found(
        queries=report.queries,
        chance=report.chance,
        recall=report.recall,
        map=report.map,
        interval=bootstrap_interval(hits, owners, _rng()),
        centred_recall=moved.recall,
        centred_map=moved.map,
        by_source={str(name): float(hits[sources[queries] == name].mean()) for name in np.unique(sources)},
        above={name: _above(hits, other.hits, owners) for name, other in baselines.items()},
        hits=hits,
    )


def _above(hits: NDArray[np.float64], others: NDArray[np.float64], owners: NDArray[np.str_]) -> Above:
    difference = float(hits.mean() - others.mean())
    return Above(difference, bootstrap_difference(hits, others, owners, _rng()))


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)  # the same draws for all
