"""Errors that are not ours, and the system's errors in words."""

from pathlib import Path


class WorldError(Exception):
    """Something outside the program is not as it must be; the text is one sentence for the user, saying what to do."""


class VideoError(WorldError):
    """A file that can't be read as video, and why, in words for its owner."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = str(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def in_words(error: OSError, where: object = None) -> str:
    """The system's error as a sentence that names the file, or `where` if the error names none."""
    name = error.filename or where
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{name} is a file or lies in one; give a folder"
    what = error.strerror or str(error)
    return f"{name}: {what}" if name else what
