"""Whatever goes wrong in the API, as one sentence with a fitting HTTP status."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from app.text import file_name, shown
from app.ui.folders import FolderError
from app.ui.job import OURS, JobError
from encoder.errors import VideoError, WorldError
from indexer.modes import ModeError

_log = logging.getLogger(__name__)
_STATUS: dict[type[WorldError], int] = {FolderError: 403, JobError: 409, ModeError: 422}


class ApiError(WorldError):
    """A request that can't be carried out, with its HTTP status."""

    def __init__(self, status: int, sentence: str, again_s: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.again_s = status, again_s


def answer_errors(api: FastAPI) -> None:
    """Make an app answer errors as {"detail": sentence}."""
    api.add_exception_handler(WorldError, _world)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(Exception, _ours)


def _world(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, ApiError):
        return _problem(error.status, str(error), error.again_s)
    if isinstance(error, VideoError):
        return _problem(415, f"{file_name(error.path)} {error.reason}.")
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 503)
    return _problem(status, str(error))


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])  # the first says whether of the body, query or path
    return _problem(422, f"{where}: {first['msg']}" if where else first["msg"])


def _ours(_: Request, error: Exception) -> JSONResponse:
    _log.error("the API failed", exc_info=error)
    return _problem(500, OURS)


def _problem(status: int, sentence: str, again_s: int | None = None) -> JSONResponse:
    headers = {} if again_s is None else {"retry-after": str(again_s)}
    return JSONResponse({"detail": shown(sentence)}, status, headers)
