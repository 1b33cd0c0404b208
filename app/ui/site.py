"""Everything that the visitors of one server share."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from html import escape
from typing import ParamSpec, TypeVar

import gradio as gr

from app.media import Decoders
from app.settings import Settings
from app.ui.folders import AllowedFolders
from app.ui.job import OURS, Job
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
    indexing: Job = field(default_factory=Job)
    evaluating: Job = field(default_factory=Job)


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
