"""What a search request asks with: an uploaded clip, on disk while it is searched for, or a video of the library."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import UploadFile

from app.api.errors import ApiError
from app.text import file_name
from encoder.clips import Span
from encoder.video import VideoError
from indexer.library import Library

_SUFFIX = re.compile(r"\.\w{1,8}")


@contextmanager
def on_disk(upload: UploadFile) -> Iterator[str]:
    """An upload as a file of its own, gone afterwards; errors of it name the file as its sender calls it."""
    name = file_name(upload.filename or "the clip")
    suffix = Path(name).suffix
    with tempfile.NamedTemporaryFile(prefix="reelseek-", suffix=suffix if _SUFFIX.fullmatch(suffix) else "") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)
        file.flush()
        try:
            yield file.name
        except VideoError as error:
            raise ApiError(415, f"{name} {error.reason}.") from error


def file_of(library: Library, video_id: int) -> str:
    """Where a video of the library lies.

    Raises:
        ApiError: there is none of that id, or its file is gone.
    """
    paths = library.catalog.paths([video_id]).get(video_id, [])
    if not paths:
        raise ApiError(404, f"There is no video {video_id} in the library.")
    here = next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113 - strings keep odd names
    if here is None:
        raise ApiError(410, f"{file_name(paths[0])} is no longer where it was; index its folder again.")
    return here


def span_of(start: float | None, end: float | None) -> Span | None:
    """The part to search for.

    Raises:
        ApiError: it is empty.
    """
    if start is None and end is None:
        return None
    begin, stop = start or 0.0, float("inf") if end is None else end
    if not begin < stop:
        raise ApiError(422, f"start ({begin:g} s) must lie before end ({stop:g} s).")
    return Span(begin, stop)
