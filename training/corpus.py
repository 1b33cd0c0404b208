"""What the ablation trains on, and what it keeps back to measure on."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.cache import FrameCache, Frames, Report, build_cache
from training.errors import TrainingError
from training.evidence import HeldOut
from training.synthetic import Labelled, swapped_backgrounds, synthetic_collection

_TRAINED_SEED, _HELD_OUT_SEED = 1, 2  # of the drawn videos


@dataclass(frozen=True)
class Manifest:
    """A CSV with the header path,label,group, and the groups that are not trained on."""

    path: Path
    unseen: str  # regular expression that the whole name of such a group matches

    def __post_init__(self) -> None:
        try:
            re.compile(self.unseen)
        except re.error as error:
            raise ValueError(f"groups are kept back by a regular expression, got {self.unseen!r}: {error}") from error

    def keeps_back(self, group: str) -> bool:
        """Whether a group is not trained on."""
        return re.fullmatch(self.unseen, group) is not None

    @property
    def name(self) -> str:
        """Of the data set, in tables."""
        return self.path.stem


@dataclass(frozen=True)
class Corpus:
    """Videos to train on, without labels, and labelled videos of other groups."""

    training: Sequence[Frames]
    held_out: HeldOut


def read_frames(
    manifests: Sequence[Manifest], folder: Path, fps: float, size: int, workers: int = 2, report: Report | None = None
) -> FrameCache:
    """Decode the videos of the manifests to a cache in `folder`, as far as it lacks them; see `build_cache`.

    Raises:
        TrainingError: a manifest can't be read.
    """
    files = [path for manifest in manifests for path, _, _ in _rows(manifest)]
    return build_cache(files, folder, fps, size, workers, report)


def make_corpus(manifests: Sequence[Manifest], frames: FrameCache, videos_per_action: int = 8) -> Corpus:
    """Divide the videos of the manifests, and draw synthetic ones beside them.

    Args:
        manifests: of real videos; may be none.
        frames: of those videos.
        videos_per_action: drawn for training, and as many others to measure on.

    Raises:
        TrainingError: as in `divide`.
    """
    sides = divide(manifests, frames)
    trained = synthetic_collection(_TRAINED_SEED, videos_per_action, frames.size, frames.fps)
    held_out = _HELD_OUT_SEED, videos_per_action, frames.size, frames.fps
    return Corpus(
        [video for seen, _ in sides.values() for video in seen.videos] + list(trained.videos),
        HeldOut(
            {name: unseen for name, (_, unseen) in sides.items()},
            synthetic_collection(*held_out),
            swapped_backgrounds(*held_out),
        ),
    )


def divide(manifests: Sequence[Manifest], frames: FrameCache) -> dict[str, tuple[Labelled, Labelled]]:
    """The videos of each manifest, by its name, that are trained on, and those that are not; unreadable in neither.

    Raises:
        TrainingError: a manifest can't be read, leaves no video on one of the two sides, is named like another, or
            a video is on both sides.
    """
    names = ["drawn", *(manifest.name for manifest in manifests)]
    for manifest in manifests:
        if names.count(manifest.name) > 1:
            raise TrainingError(f"results go by a manifest's name, and that of {manifest.path} is taken; rename it")
    sides = {(path, manifest.keeps_back(group)) for manifest in manifests for path, _, group in _rows(manifest)}
    if both := [path for path, kept_back in sides if kept_back and (path, False) in sides]:
        raise TrainingError(f"{min(both)} would be trained on and measured on; list it once, or in groups on one side")
    return {manifest.name: _divided(manifest, frames) for manifest in manifests}


def _rows(manifest: Manifest) -> list[tuple[Path, str, str]]:
    """Path, label and group of each video."""
    try:
        with manifest.path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{manifest.path} can't be read as a manifest: {error}") from error
    if not rows or any(row.get(name) is None for row in rows for name in ("path", "label", "group")):
        raise TrainingError(f"{manifest.path} must list videos under the header path,label,group, all three of each")
    return [(manifest.path.parent / row["path"], row["label"], row["group"]) for row in rows]


def _divided(manifest: Manifest, frames: FrameCache) -> tuple[Labelled, Labelled]:
    place = {path: number for number, path in enumerate(frames.paths)}
    rows = [(place[path], label, group) for path, label, group in _rows(manifest) if path in place]
    return _side(manifest, False, rows, frames), _side(manifest, True, rows, frames)


def _side(manifest: Manifest, unseen: bool, rows: list[tuple[int, str, str]], frames: FrameCache) -> Labelled:
    side = [row for row in rows if manifest.keeps_back(row[2]) == unseen]
    if not side:
        missing = "to measure on" if unseen else "to train on"
        raise TrainingError(f"with {manifest.unseen!r} no group of {manifest.path} is left {missing}")
    numbers, labels, groups = zip(*side, strict=True)
    return Labelled([frames[number] for number in numbers], labels, groups, frames.fps)
