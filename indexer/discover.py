"""Which video files lie under the given paths."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from encoder.errors import WorldError
from indexer.records import FileState

SUFFIXES = frozenset(
    [
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".divx",
        ".dv",
        ".f4v",
        ".flv",
        ".gif",
        ".h264",
        ".h265",
        ".hevc",
        ".ivf",
        ".m1v",
        ".m2ts",
        ".m2v",
        ".m4v",
        ".mjpeg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpe",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".nut",
        ".ogm",
        ".ogv",
        ".qt",
        ".rm",
        ".rmvb",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
        ".wtv",
        ".y4m",
    ]
)


class PathError(WorldError):
    """A path to search in that isn't there, in one sentence."""


@dataclass(frozen=True)
class Discovery:
    """What lies under the given paths."""

    roots: list[str]  # the paths, absolute
    files: list[FileState]  # each once, folders in alphabetical order
    unreadable: list[OSError]  # folders that could not be listed


def discover(paths: Iterable[str | Path]) -> Discovery:
    """Find the video files at or below the given paths.

    In folders, files count as video by their suffix; hidden ones are passed over and linked folders not entered. A file
    given by itself counts whatever its name.

    Raises:
        PathError: one of the paths does not exist.
    """
    roots = resolve(paths)
    unreadable: list[OSError] = []
    for root in roots:
        if not os.path.lexists(root):
            raise PathError(f"{root}: no such file or folder")
    found: dict[str, None] = {}
    for root in roots:
        found |= dict.fromkeys(_walk(root, unreadable) if os.path.isdir(root) else [root])  # noqa: PTH112 - strings keep odd names
    return Discovery(roots, [state_of(path) for path in found], unreadable)


def resolve(paths: Iterable[str | Path]) -> list[str]:
    """The paths as the catalog writes them: absolute, links followed."""
    return [os.path.realpath(Path(path).expanduser()) for path in paths]


def _walk(root: str, unreadable: list[OSError]) -> Iterator[str]:
    for folder, folders, files in os.walk(root, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122
                yield os.path.join(folder, name)  # noqa: PTH118


def state_of(path: str) -> FileState:
    """Size and time of a file now; of one that can't be looked at, zeros, and reading it will say why."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return FileState(path, 0, 0)
    return FileState(path, status.st_size, status.st_mtime_ns)
