"""Progress with an estimate of the time left, on stderr: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from app.text import shown

if TYPE_CHECKING:  # the pipeline is loaded by the commands that run it
    from indexer.update import Progress as FilesDone

_LINE_EVERY_S = 10.0


class StepProgress:
    """Counts steps of one kind."""

    def __init__(self, title: str) -> None:
        self._title, self._unit, self._first_share = title, "", 0.0
        self._started = self._told = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"),
            console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
        )  # fmt: skip
        self._task = self._bar.add_task(title, total=1.0, text="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def count(self, unit: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps are done; a new unit starts a new estimate."""
        share = done / max(1, total)
        if unit != self._unit:
            self._unit, self._first_share, self._started = unit, share, time.monotonic()
        self.show(share, f"{done}/{total} {unit}")

    def show(self, share: float, text: str) -> None:
        """Show that a share in [0, 1] of the work is done, with what it says in words."""
        now = time.monotonic()
        text = f"{text}, {self._left(share, now)}"
        self._bar.update(self._task, completed=share, text=text)
        if self._bar.disable and now - self._told > _LINE_EVERY_S:
            self._told = now
            print(f"{self._title}: {text}", file=sys.stderr)  # noqa: T201 - this is where it belongs

    def _left(self, share: float, now: float) -> str:
        if share <= self._first_share:
            return "estimating time left"
        return f"{clock((now - self._started) * (1 - share) / (share - self._first_share))} left"


class FileProgress(StepProgress):
    """Counts files by their bytes, and says which failed."""

    def __init__(self, title: str) -> None:
        super().__init__(title)

    def update_files(self, done: "FilesDone") -> None:
        """Show how far an indexing run has come."""
        if done.reason is not None:
            self._bar.console.print(
                shown(f"{done.path}: {done.reason}"),
                markup=False,
                highlight=False,
                soft_wrap=True,  # a line stays one where nobody looks
            )
        speed = done.video_seconds / max(1e-9, time.monotonic() - self._started)
        share = done.bytes / max(1, done.of_bytes)
        self.show(share, f"{done.files}/{done.of_files} files, {speed:.0f} times real time")


def clock(seconds: float) -> str:
    """Seconds as people read them, to a tenth: 0:07.5, 12:05.0, 1:02:03.2."""
    whole, tenth = divmod(round(seconds * 10), 10)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{text}.{tenth}"
