"""What a library holds, folder by folder, and what takes how much room on the disk."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from indexer.folders import is_below
from indexer.leftovers import leftovers
from indexer.library import Library
from indexer.records import KnownFile


@dataclass(frozen=True)
class Folder:
    """A folder that was added, or that holds files which were added by themselves."""

    path: str
    files: int  # searchable
    seconds: float  # of video; identical files count once
    failed: int  # files that can't be indexed
    there: bool  # whether the folder is on the disk now


@dataclass(frozen=True)
class Room:
    """What one part of a library takes on the disk."""

    what: str
    bytes: int


def folders(library: Library) -> list[Folder]:
    """All folders of a library, by path; each of its files is in exactly one."""
    added, files = library.folders(), library.catalog.files()
    lengths = {video.id: video.duration for video in library.catalog.videos().values()}
    inside: dict[str, list[KnownFile]] = {folder: [] for folder in added}
    for path, file in files.items():
        home = next((folder for folder in added if is_below(path, folder)), os.path.dirname(path))  # noqa: PTH120
        inside.setdefault(home, []).append(file)
    return [_folder(path, inside[path], lengths) for path in sorted(inside)]


def _folder(path: str, files: list[KnownFile], lengths: dict[int, float]) -> Folder:
    videos = {file.video_id for file in files if file.video_id is not None}
    return Folder(
        path,
        files=sum(file.video_id is not None for file in files),
        seconds=sum(lengths.get(video, 0.0) for video in videos),
        failed=sum(file.reason is not None for file in files),
        there=os.path.isdir(path),  # noqa: PTH112 - strings keep odd names
    )


def room(library: Library, folder: Path) -> list[Room]:
    """What lies in a library's folder, the largest first.

    Args:
        library: the one in use.
        folder: that it was opened from.
    """
    own = library.folder
    parts = {
        "catalog": _bytes(own.glob("catalog.sqlite*")),
        "search index": _bytes([library.index.path]),
        "encoder": _bytes(own.glob("encoder.safetensors")),
    }
    parts["libraries of other encoders"] = sum(one.bytes for one in leftovers(folder))
    every = _bytes(folder.rglob("*"))
    parts["copies for browsers, training runs, reports"] = every - sum(parts.values())
    return sorted((Room(what, size) for what, size in parts.items() if size), key=lambda part: -part.bytes)


def _bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())
