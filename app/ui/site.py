"""Everything that the visitors of one server share."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from html import escape
from pathlib import Path
from threading import Event
from typing import ParamSpec, TypeVar

import gradio as gr

from app.media import Decoders
from app.metrics import Metrics, Reading
from app.reports import Reports
from app.settings import Settings
from app.trainings import Trainings
from app.ui.folders import AllowedFolders
from app.ui.job import OURS, Job
from app.ui.search_clips import SearchClips
from encoder.errors import WorldError
from indexer.library import Library

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass
class Site:
    """One library on one server, with the long work that goes on in it."""

    library: Library  # another one from the moment that another encoder is in use: ask for it anew in each request
    settings: Settings
    folders: AllowedFolders
    decoders: Decoders
    clips: SearchClips = field(default_factory=SearchClips)
    indexing: Job = field(default_factory=Job)
    evaluating: Job = field(default_factory=Job)
    trainings: Trainings = field(init=False)
    reports: Reports = field(init=False)
    warm: Event = field(default_factory=Event)  # set once a search need not wait for anything to be loaded
    stopping: Event = field(default_factory=Event)
    _former: list[Library] = field(default_factory=list)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        self.trainings = Trainings(self.settings.library / "training")
        self.reports = Reports(self.settings.library / "reports")
        self.metrics = Metrics(self._readings)

    def stop(self) -> None:
        """Ask the long work to end where it can be gone on with; waits for nothing."""
        self.stopping.set()
        for job in (self.indexing, self.evaluating):
            job.stop(0)
        self.trainings.stop()

    def adopt(self, library: Library) -> None:
        """Go over to another library; whoever still searches the former one may end that."""
        self._former.append(self.library)
        self.library = library

    def release(self, place: Path) -> None:
        """Close the libraries at a place that are no longer in use, so that it can be deleted."""
        for library in self._former:
            if library.folder == place:
                library.close()

    def close(self) -> None:
        """Close all libraries but the first, which was opened elsewhere."""
        if self._former:
            for library in [*self._former[1:], self.library]:
                library.close()

    def _readings(self) -> Iterator[Reading]:
        videos, clips, seconds = self.library.catalog.totals()
        yield "reelseek_videos", "Videos in the library", {"": videos}
        yield "reelseek_clips", "Searchable clips in the library", {"": clips}
        yield "reelseek_video_seconds", "Length of all videos in the library", {"": seconds}
        states = {"indexing": self.indexing.state(), "evaluating": self.evaluating.state()}
        running = {name: float(state.running) for name, state in states.items()}
        shares = {name: state.share for name, state in states.items()}
        failed = {name: float(len(state.failures)) for name, state in states.items()}
        yield "reelseek_job_running", "Whether the job runs now", running
        yield "reelseek_job_share", "How much of the job is done, from 0 to 1", shares
        yield "reelseek_job_failed_files", "Files that the job could not read", failed


def in_sentences(handler: Callable[_P, _R]) -> Callable[_P, _R]:
    """Show what goes wrong in a handler as one sentence; what is our own fault goes to the log with its traceback."""

    @wraps(handler)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return handler(*args, **kwargs)
        except WorldError as error:
            raise gr.Error(escape(str(error)), print_exception=False, title="That did not work") from error
        except Exception as error:
            _log.exception("a handler failed")
            raise gr.Error(OURS, print_exception=False) from error

    return wrapped
