"""What a training run that goes on in a process of its own writes down: what was asked for, and how far it is.

All of it lies in the run's folder, so whoever looks after a restart finds the run as it is.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from encoder.errors import WorldError
from encoder.whole import write_whole

RecipeName = Literal["collection", "small", "tiny", "default"]  # that take any videos
How = Literal["waiting", "running", "done", "stopped", "failed"]
_FORMAT = 1
_REQUEST, _PROGRESS, _LOCK, _STOP = "request.json", "progress.json", "run.lock", "stop"
_START_S = 10.0  # for somebody who only looks whether the run goes on


class TrainingRunError(WorldError):
    """A run that can't be started or read, in one sentence."""


@dataclass(frozen=True)
class TrainingRequest:
    """What to train, and on what; it stays the same when a run is gone on with."""

    recipe: RecipeName
    folders: Sequence[str]  # as the visitor gave them
    files: Sequence[str]  # the videos in them
    steps: int | None = None  # None: the recipe's
    batch: int | None = None  # None: the recipe's
    seed: int = 0
    begins_with: str | None = None  # an encoder, as `load_encoder` takes it; None: random weights


@dataclass(frozen=True)
class TrainingProgress:
    """How far a run is."""

    how: How = "waiting"
    unit: str = ""  # what is counted: videos read, then steps
    done: int = 0
    total: int = 0
    left_s: float | None = None  # seconds; None: not known
    unreadable: int = 0  # videos
    error: str | None = None  # why it failed, in a sentence


def write_request(folder: Path, request: TrainingRequest) -> None:
    """Make a run's folder, with what is asked for in it."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / _REQUEST, {"format": _FORMAT, **asdict(request)})


def read_request(folder: Path) -> TrainingRequest:
    """What a run was asked for.

    Raises:
        TrainingRunError: the folder holds no run that this version reads.
    """
    try:
        fields = json.loads((folder / _REQUEST).read_text())
        if fields.pop("format") != _FORMAT:
            raise TrainingRunError(f"{folder} was written by another version; train in a new run")
        return TrainingRequest(**fields)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingRunError(f"{folder} holds no training run, or a damaged one; delete it") from error


def write_progress(folder: Path, progress: TrainingProgress) -> None:
    """Say how far a run is."""
    _write(folder / _PROGRESS, asdict(progress))


def read_progress(folder: Path) -> TrainingProgress:
    """How far a run is, as it said last; it may have ended since without a word."""
    try:
        return TrainingProgress(**json.loads((folder / _PROGRESS).read_text()))
    except (OSError, ValueError, TypeError):
        return TrainingProgress()


def lock_of(folder: Path) -> FileLock:
    """Held by the process that trains, for as long as it lives."""
    return FileLock(folder / _LOCK, timeout=_START_S)


def goes_on(folder: Path) -> bool:
    """Whether a process trains there now, whoever started it."""
    try:
        with FileLock(folder / _LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False  # deleted meanwhile


def ask_to_stop(folder: Path) -> None:
    """Ask the process that trains there to end after the step it is at."""
    (folder / _STOP).touch()


def asked_to_stop(folder: Path) -> bool:
    """Whether somebody did."""
    return (folder / _STOP).exists()


def take_back_stop(folder: Path) -> None:
    """Before a run is started or gone on with."""
    (folder / _STOP).unlink(missing_ok=True)


def _write(path: Path, fields: dict[str, Any]) -> None:
    write_whole(path, json.dumps(fields).encode())
