"""Files that are there whole or not at all, after a loss of power too."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing_whole(path: Path) -> Iterator[Path]:
    """Give the path of a draft that takes its real name at the end, or is removed on any error; folders are made.

    The draft of a killed process is written over by the next, so only one may write at a time; else `write_whole`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _settling(path.with_name(f"{path.name}.part"), path) as draft:
        yield draft


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file that other processes may be writing too; the last one's stays."""
    with _settling(path.with_name(f".{path.name}.{os.getpid()}.tmp"), path) as draft:
        draft.write_bytes(content)


@contextmanager
def _settling(draft: Path, path: Path) -> Iterator[Path]:
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())  # else the name could outlive a loss of power and the content not
        draft.replace(path)
        _sync_names(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_names(folder: Path) -> None:
    """Make what a folder's files are called last; Windows does so by itself."""
    if os.name == "posix":
        listing = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(listing)
        finally:
            os.close(listing)
