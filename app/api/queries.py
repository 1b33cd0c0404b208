"""What a search request asks with: uploaded clips, on disk while they are searched for, and videos of the library."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Annotated

from fastapi import File, Form, UploadFile
from pydantic import WithJsonSchema

from app import asked
from app.api.errors import ApiError
from app.text import file_name
from encoder.clips import Span
from encoder.errors import VideoError
from indexer.library import Library
from indexer.requests import Example, Filters, VideoRef

_SUFFIX = re.compile(r"\.\w{1,8}")
_STORED = re.compile(r"\d{1,18}(@[\d.]{1,12}-[\d.]{0,12})?")  # never a path
_MOST = 20  # examples of a kind
_BLOCK = 1 << 20  # bytes copied at once

# `format` makes the documentation's page offer to choose a file
_File = Annotated[UploadFile, WithJsonSchema({"type": "string", "format": "binary"})]
Clips = Annotated[list[_File], File(default_factory=list, max_length=_MOST, description="Video files.")]
Videos = Annotated[
    list[str],
    Form(default_factory=list, max_length=_MOST, description="Videos of the library, as `ID` or `ID@START-END`."),
]
Seconds = Annotated[float | None, Form(ge=0, allow_inf_nan=False)]
_Pixels = Annotated[int | None, Form(ge=0)]
_Date = Annotated[str | None, Form(max_length=40, description="A date, or a date and time, as in ISO 8601.")]


def filters_of(
    folder: Annotated[str | None, Form(max_length=4096, description="Only videos at or below it.")] = None,
    since: _Date = None,
    until: _Date = None,
    min_duration: Seconds = None,
    max_duration: Seconds = None,
    min_height: _Pixels = None,
    max_height: _Pixels = None,
) -> Filters:
    """Which videos may answer; `since` and `until` are when they were added.

    Raises:
        ApiError: a filter can't be.
    """
    try:
        return Filters(
            folder, asked.moment(since) if since else None, asked.moment(until, after=True) if until else None,
            min_duration, max_duration, min_height, max_height,
        )  # fmt: skip
    except ValueError as error:
        raise ApiError(422, f"{error}.") from error


@contextmanager
def on_disk(uploads: Sequence[UploadFile]) -> Iterator[list[Path]]:
    """Uploads as files of their own, gone afterwards; an error of one names the file as its sender calls it."""
    with ExitStack() as stack:
        given = (upload for upload in uploads if upload.filename)  # a form's empty field is none
        names = {stack.enter_context(_written(upload)): file_name(upload.filename or "") for upload in given}
        try:
            yield [Path(path) for path in names]
        except VideoError as error:
            if error.path in names:
                raise ApiError(415, f"{names[error.path]} {error.reason}.") from error
            raise


def narrowed(examples: Sequence[Example], start: float | None, end: float | None) -> list[Example]:
    """Examples of which only a part of the first one counts.

    Raises:
        ApiError: the part is empty, or the first one is a part already.
    """
    if start is None and end is None:
        return list(examples)
    begin, stop = start or 0.0, inf if end is None else end
    if not begin < stop:
        raise ApiError(422, f"start ({begin:g} s) must lie before end ({stop:g} s).")
    first, *others = examples
    if first.span is not None:
        raise ApiError(422, "The first example names its part already, so it goes without start and end.")
    return [replace(first, span=Span(begin, stop)), *others]


def stored(library: Library, texts: Sequence[str]) -> list[Example]:
    """Videos of the library, or parts of them, written as `ID` or `ID@START-END`.

    Raises:
        ApiError: one is written in another way, or is not in the library.
    """
    found = []
    for text in texts:
        try:
            example = asked.example(f"library:{text}") if _STORED.fullmatch(text) else None
        except ValueError as error:
            raise ApiError(422, f"video {text}: {error}") from error
        if example is None or not isinstance(example.what, VideoRef):
            raise ApiError(422, f"video: {text!r} is not ID or ID@START-END, with times in seconds.")
        if not library.catalog.videos([example.what.video_id]):
            raise ApiError(404, f"There is no video {example.what.video_id} in the library.")
        found.append(example)
    return found


@contextmanager
def _written(upload: UploadFile) -> Iterator[str]:
    suffix = Path(file_name(upload.filename or "")).suffix
    with tempfile.NamedTemporaryFile(prefix="reelseek-", suffix=suffix if _SUFFIX.fullmatch(suffix) else "") as file:
        shutil.copyfileobj(upload.file, file, _BLOCK)
        file.flush()
        yield file.name
