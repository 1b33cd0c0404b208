"""The process that trains: `python -m app.training_process FOLDER` does what the request in the folder says.

It goes on where an earlier one stopped, gives way to all else on the machine, and ends after a step when asked to.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.settings import Settings
from app.training_run import How, TrainingProgress, asked_to_stop, lock_of, read_request, write_progress
from encoder.errors import VideoError, WorldError

_NICE = 10
_EVERY_S = 0.5  # between two words on how far it is
_OURS = "Something went wrong inside reelseek; log.txt in the run's folder says what."


def main(folder: Path) -> int:
    """Train; the exit status."""
    os.nice(max(0, _NICE - os.nice(0)))
    reporter = Reporter(folder)
    signal.signal(signal.SIGTERM, lambda *_: reporter.stop())
    with lock_of(folder):
        return run(folder, reporter)


def run(folder: Path, reporter: "Reporter") -> int:
    """Train, and write down how it ended."""
    from encoder.checkpoint import load_encoder
    from training.errors import Stopped
    from training.recipes import recipe_named, with_schedule
    from training.train import train_files

    try:
        request = read_request(folder)
        recipe = with_schedule(recipe_named(request.recipe), request.steps, request.batch)
        workers = Settings().workers or os.cpu_count() or 1
        train_files(
            recipe, [Path(file) for file in request.files], folder, request.seed, reporter.count, resume=True,
            workers=workers, frames=folder.parent / "frames", on_failed=reporter.count_unreadable,
            begins_with=load_encoder(request.begins_with) if request.begins_with else None,
        )  # fmt: skip
    except Stopped:
        reporter.end("stopped")
    except WorldError as error:
        reporter.end("failed", str(error))
    except Exception:
        logging.exception("the run failed")
        reporter.end("failed", _OURS)
    else:
        reporter.end("done")
    return 0 if reporter.progress.how in ("done", "stopped") else 1


class Reporter:
    """Writes down how far a run is, and ends it between two steps when asked to."""

    def __init__(self, folder: Path) -> None:
        self.progress = TrainingProgress("running")
        self._folder, self._stopping = folder, False
        self._told = 0.0
        self._began, self._first = time.monotonic(), 0
        write_progress(folder, self.progress)

    def stop(self) -> None:
        """End it at the next word."""
        self._stopping = True

    def count(self, unit: str, done: int, total: int) -> None:
        """`done` of `total` of something are done."""
        from training.errors import Stopped

        now = time.monotonic()
        if unit != self.progress.unit:
            self._began, self._first, self._told = now, done, 0.0
        rate = (done - self._first) / max(1e-9, now - self._began)
        left_s = (total - done) / rate if rate > 0 else None
        self.progress = replace(self.progress, unit=unit, done=done, total=total, left_s=left_s)
        if now - self._told > _EVERY_S or done == total:
            self._told = now
            write_progress(self._folder, self.progress)
        if self._stopping or asked_to_stop(self._folder):
            raise Stopped

    def count_unreadable(self, failed: Sequence[VideoError]) -> None:
        """Some videos can't be read; they are left out."""
        self.progress = replace(self.progress, unreadable=len(failed))

    def end(self, how: How, error: str | None = None) -> None:
        """The run has ended."""
        self.progress = replace(self.progress, how=how, error=error, left_s=None)
        write_progress(self._folder, self.progress)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
