"""The training runs of a library: started, stopped and gone on with, each in a process of its own."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from app.training_run import (
    TrainingProgress,
    TrainingRequest,
    TrainingRunError,
    ask_to_stop,
    goes_on,
    read_progress,
    read_request,
    take_back_stop,
    write_progress,
    write_request,
)  # fmt: skip

_REQUEST, _METRICS, _ENCODER, _LOG = "request.json", "metrics.jsonl", "encoder.safetensors", "log.txt"


@dataclass(frozen=True)
class TrainingState:
    """A run as it is now."""

    name: str
    request: TrainingRequest
    progress: TrainingProgress
    running: bool
    encoder: Path | None  # once it is trained

    @property
    def resumable(self) -> bool:
        """Whether it ended before its last step."""
        return not self.running and self.encoder is None

    @property
    def broken_off(self) -> bool:
        """Whether it ended without a word: its process was killed, or the machine went off."""
        return self.resumable and self.progress.how in ("waiting", "running")


class Trainings:
    """All runs in a folder; one goes on at a time. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, Lock()
        self._process: tuple[str, subprocess.Popen[bytes]] | None = None  # that this server started last

    def start(self, request: TrainingRequest) -> str:
        """Start a run and return its name.

        Raises:
            TrainingRunError: one goes on.
        """
        with self._lock:
            self._require_idle()
            name = self._new_name(request)
            write_request(self._folder / name, request)
            self._launch(name)
            return name

    def resume(self, name: str) -> None:
        """Go on with a run that ended early.

        Raises:
            TrainingRunError: there is none of that name, or one goes on.
        """
        with self._lock:
            self._require_idle()
            if not self._state(self._path(name)).resumable:
                raise TrainingRunError(f"Run {name} is complete.")
            self._launch(name)

    def stop(self, wait_s: float = 0.0) -> None:
        """Ask the run that goes on to end after its step; with a time to wait, end its process after that."""
        state = self.running()
        if state is None:
            return
        ask_to_stop(self._folder / state.name)
        if wait_s and self._process and self._process[0] == state.name:
            try:
                self._process[1].wait(wait_s)
            except subprocess.TimeoutExpired:
                self._process[1].kill()  # loses a minute at most
                self._process[1].wait()

    def delete(self, name: str) -> None:
        """Delete a run with its encoder.

        Raises:
            TrainingRunError: there is none of that name, or it goes on.
        """
        with self._lock:
            path = self._path(name)
            if self._goes_on(path):
                raise TrainingRunError(f"Run {name} goes on; stop it first.")
            shutil.rmtree(path)

    def running(self) -> TrainingState | None:
        """The run that goes on."""
        return next((state for state in self.states() if state.running), None)

    def states(self) -> list[TrainingState]:
        """All runs, the newest first."""
        if not self._folder.is_dir():
            return []
        names = sorted((path.parent.name for path in self._folder.glob(f"*/{_REQUEST}")), reverse=True)
        found = []
        for name in names:
            try:
                found.append(self._state(self._folder / name))
            except TrainingRunError:
                continue  # of another version, or deleted meanwhile: nothing can be done with it here
        return found

    def state(self, name: str) -> TrainingState:
        """A run by its name.

        Raises:
            TrainingRunError: there is none.
        """
        return self._state(self._path(name))

    def metrics(self, name: str) -> list[dict[str, Any]]:
        """A row a step, as far as the run is."""
        from training.curves import read_metrics

        return read_metrics(self._path(name) / _METRICS)

    def _state(self, path: Path) -> TrainingState:
        encoder = path / _ENCODER
        return TrainingState(
            path.name,
            read_request(path),
            read_progress(path),
            self._goes_on(path),
            encoder if encoder.is_file() else None,
        )

    def _goes_on(self, path: Path) -> bool:
        started = self._process is not None and self._process[0] == path.name and self._process[1].poll() is None
        return started or goes_on(path)

    def _require_idle(self) -> None:
        if (state := self.running()) is not None:
            raise TrainingRunError(f"Run {state.name} goes on; stop it first, or wait until it is done.")

    def _launch(self, name: str) -> None:
        path = self._folder / name
        take_back_stop(path)
        write_progress(path, TrainingProgress())
        with (path / _LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.training_process", str(path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,  # Ctrl-C is ours alone
            )  # fmt: skip
        self._process = name, process

    def _path(self, name: str) -> Path:
        path = self._folder / name
        if Path(name).name != name or not (path / _REQUEST).is_file():
            raise TrainingRunError("There is no such run.")
        return path

    def _new_name(self, request: TrainingRequest) -> str:
        stem = f"{datetime.now():%Y-%m-%d %H.%M} {request.recipe}"
        names = (stem if number == 1 else f"{stem} ({number})" for number in range(1, 1000))
        return next(name for name in names if not (self._folder / name).exists())


def smoothed(values: list[float], kept: float = 0.95) -> list[float]:
    """A curve less its noise: each value is mostly the mean of those before it."""
    mean, curve = values[0] if values else 0.0, []
    for value in values:
        mean = kept * mean + (1 - kept) * value
        curve.append(mean)
    return curve
