"""Long work in a thread of its own, whose state outlives any page that shows it."""

import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock, Thread

from encoder.errors import WorldError

_log = logging.getLogger(__name__)
OURS = "Something went wrong inside reelseek; the server's log says what."
_REMEMBERED = 50  # jobs that have ended


class JobError(WorldError):
    """A job that can't start now."""


class _Stopped(BaseException):
    """Raised inside the work, to leave it."""


@dataclass(frozen=True)
class JobState:
    """How far a job has come."""

    title: str = ""  # empty: none was started yet
    id: str = ""
    running: bool = False
    share: float = 0.0  # done, in [0, 1]
    text: str = ""
    seconds: float = 0.0  # since the start
    left_s: float | None = None  # seconds; None: not known
    failures: tuple[tuple[str, str], ...] = ()  # (path, reason)
    error: str | None = None  # why it ended early, in a sentence
    stopped: bool = False  # whether that is because it was asked to
    result: object = None  # what the work returned


class Job:
    """One piece of work at a time."""

    def __init__(self) -> None:
        self._lock, self._thread = Lock(), Thread()
        self._state, self._started, self._stopping = JobState(), 0.0, False
        self._past: OrderedDict[str, JobState] = OrderedDict()

    def start(self, title: str, work: Callable[["Job"], object]) -> str:
        """Run work(self) in a thread, which calls `tell` as it goes on, and return the job's id.

        Raises:
            JobError: one is running.
        """
        with self._lock:
            if self._state.running:
                raise JobError(f"{self._state.title} is still running; wait until it is done.")
            state = JobState(title, uuid.uuid4().hex, running=True, text="Starting")
            self._state, self._started = state, time.monotonic()
            self._stopping = False
            self._thread = Thread(target=self._run, args=(work,), name="reelseek-job", daemon=True)
            self._thread.start()
            return state.id

    def tell(self, share: float, text: str, failure: tuple[str, str] | None = None) -> None:
        """Say how far the work is; called by the work only."""
        if self._stopping:
            raise _Stopped
        with self._lock:
            failures = self._state.failures + ((failure,) if failure else ())
            self._state = replace(self._state, share=min(1.0, share), text=text, failures=failures)

    def state(self) -> JobState:
        """How far it is now."""
        with self._lock:
            return self._now()

    def states(self) -> list[JobState]:
        """The jobs that ended and are remembered, the one that runs, oldest first."""
        with self._lock:
            return [*self._past.values(), *([self._now()] if self._state.running else [])]

    def stop(self, wait_s: float) -> None:
        """Ask the work to end at its next word, and wait a while for it."""
        self._stopping = True
        if self.state().running:
            self._thread.join(wait_s)

    def _now(self) -> JobState:
        state = self._state
        if not state.running:
            return state
        seconds = time.monotonic() - self._started
        left_s = seconds * (1 - state.share) / state.share if state.share > 0 and seconds > 1 else None
        text = "Stopping after the file underway" if self._stopping else state.text
        return replace(state, seconds=seconds, left_s=left_s, text=text)

    def _run(self, work: Callable[["Job"], object]) -> None:
        error, result, stopped = None, None, False
        try:
            result = work(self)
        except WorldError as fault:
            error = str(fault)
        except _Stopped:
            error, stopped = "It was stopped; what was done so far is kept.", True
        except Exception:
            logging.exception("a job failed")
            error = OURS
        with self._lock:
            seconds = time.monotonic() - self._started
            ended = replace(self._state, running=False, seconds=seconds, error=error, stopped=stopped, result=result)
            self._state = self._past[ended.id] = ended
            while len(self._past) > _REMEMBERED:
                self._past.popitem(last=False)
        outcome = "stopped" if stopped else "failed" if error else "done"
        facts = {"job": ended.id, "outcome": outcome, "seconds": round(seconds, 1)}
        _log.info("job ended", extra=facts | {"failed_files": len(ended.failures)})
