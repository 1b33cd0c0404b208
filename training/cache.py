"""Small frames of many videos in one memory-mapped file, decoded once and added to.

`frames.bin` holds the frames of one video after the other. `index.jsonl` holds a header with the settings, then a line
for each video in that order, written once its frames are on the disk: whatever a kill leaves behind the last whole
line, the next call cuts off. A video read again is appended; its later line counts.
"""

import errno
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span
from encoder.decoding import Decoded, DecodePool, Failed, Finished, Job
from encoder.errors import VideoError, WorldError, in_words

Frames = NDArray[np.uint8]  # (N, H, W, 3) RGB on a regular time grid
Report = Callable[[str, int, int], None]  # (what is counted, done, of all)

_LONGEST_S = 120.0  # of one video: the rest adds little that is new, and one film would fill the disk
_FORMAT = 1
_MARK = b'{"reelseek frames": '  # begins every index of ours
_FRAMES, _INDEX, _LOCK = "frames.bin", "index.jsonl", "frames.lock"


class CacheError(WorldError):
    """A cache of frames that can't be built or used, in one sentence."""


@dataclass(frozen=True, eq=False)
class FrameCache(Sequence[Frames]):
    """Videos as read-only frames, (N, size, size, 3); pickles without them and maps the file anew in each process."""

    file: Path
    fps: float  # grid frames a second
    size: int  # pixels, both sides
    paths: Sequence[Path]  # of the videos, as given
    bounds: Sequence[tuple[int, int]]  # first and end of each video's frames in the file
    failed: Sequence[VideoError]  # the files that can't be read

    def __len__(self) -> int:
        return len(self.bounds)

    @overload
    def __getitem__(self, index: int) -> Frames: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frames]: ...
    def __getitem__(self, index: int | slice) -> Frames | list[Frames]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        start, end = self.bounds[index]
        return self._frames[start:end]

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _frames(self) -> Frames:
        shape = (max(end for _, end in self.bounds), self.size, self.size, 3)
        with suppress(FileNotFoundError, ValueError), self.file.with_name(_INDEX).open("rb") as lines:
            if lines.readline() == _header(self.fps, self.size):
                return np.asarray(np.memmap(self.file, np.uint8, "r", shape=shape))  # ValueError: the file is shorter
        raise CacheError(f"{self.file.parent} was emptied or filled anew since; start again with a folder of its own")


def build_cache(
    files: Sequence[Path],
    folder: Path,
    fps: float,
    size: int,
    workers: int,
    report: Report | None,
    stall_s: float = 60.0,
) -> FrameCache:
    """Decode the videos that the cache in `folder` lacks, at most two minutes of each, and return all of `files`.

    The result has the order of `files`, each once, whatever the order they were decoded in. A file that changed is read
    again, also one that failed. A cache of other settings makes room.

    Args:
        files: the videos; those that can't be read are in the result's `failed`, with the reason.
        folder: made if it is not there; of its own.
        fps: grid frames a second.
        size: pixels, both sides: the whole picture is resized to a square.
        workers: files decoded at once; memory holds the frames of so many.
        report: called as videos are read.
        stall_s: seconds without a picture after which a file is given up.

    Raises:
        CacheError: the folder can't be used, or its disk is full; what is complete is kept and gone on with.
    """
    spec = ClipSpec(frames=1, fps=fps, size=size, hop=1)
    given = {str(file.absolute()): file for file in files}
    with _alone(folder), DecodePool(workers, stall_s) as pool:
        store = _Store(folder, fps, size)
        states = {path: _state_of(path) for path in given}  # before reading, so the next call sees a change meanwhile
        missing = [path for path, state in states.items() if not store.has(path, state)]
        jobs = (Job(path, spec, Span(0, _LONGEST_S)) for path in missing)
        for count, (path, read) in enumerate(_read(jobs, pool)):
            store.add(path, states[path], read, left=len(missing) - count)
            if report:
                report("videos read", len(given) - len(missing) + count + 1, len(given))
        return store.of(given)


def _read(jobs: Iterable[Job], pool: DecodePool) -> Iterator[tuple[str, list[Frames] | str]]:
    """Yield each path with all its frames, in pieces, or why it can't be read; in the order they get ready."""
    underway: dict[str, list[Frames]] = defaultdict(list)
    for event in pool.decode(jobs):
        if isinstance(event, Decoded):
            underway[event.path].append(event.frames)
        elif isinstance(event, Finished):
            yield event.path, underway.pop(event.path)
        elif isinstance(event, Failed):
            underway.pop(event.path, None)
            yield event.path, event.reason


@dataclass(frozen=True)
class _Line:
    """What the index says of a video."""

    path: str  # absolute
    state: str  # of the file when it was read, see _state_of
    frames: int
    reason: str | None  # why it can't be read, if so


class _Store:
    """The two files, and what they hold."""

    def __init__(self, folder: Path, fps: float, size: int) -> None:
        self._folder, self._fps, self._size = folder, fps, size
        self._file, self._index = folder / _FRAMES, folder / _INDEX
        self._known: dict[str, tuple[_Line, int]] = {}  # by path: its last line, its first frame
        self._end = 0  # frames in the file
        with _in_words(folder):
            self._open()

    def has(self, path: str, state: str) -> bool:
        """Whether this file was read, or failed, as it is."""
        return path in self._known and self._known[path][0].state == state

    def add(self, path: str, state: str, read: list[Frames] | str, left: int) -> None:
        """Append a video, or why there is none; with it, `left` are still to come."""
        pieces, reason = ([], read) if isinstance(read, str) else (read, None)
        line = _Line(path, state, sum(map(len, pieces)), reason)
        if state or pieces:  # a file that is out of reach is asked anew by the next call, which may still have it
            self._append(line, pieces, left)
        self._take(line)

    def of(self, given: dict[str, Path]) -> FrameCache:
        """The videos at these absolute paths, under the names they were given by."""
        found = [(file, *self._known[path]) for path, file in given.items()]
        return FrameCache(
            self._file,
            self._fps,
            self._size,
            paths=[file for file, line, _ in found if line.reason is None],
            bounds=[(start, start + line.frames) for _, line, start in found if line.reason is None],
            failed=[VideoError(file, line.reason) for file, line, _ in found if line.reason is not None],
        )

    def _append(self, line: _Line, pieces: list[Frames], left: int) -> None:
        mean = (self._end + line.frames) / (len(self._known) + 1)
        with _in_words(self._folder, left * mean * self._frame_bytes):
            with self._file.open("ab") as file:
                for piece in pieces:
                    file.write(piece.data)
                file.flush()
                os.fsync(file.fileno())
            with self._index.open("ab") as index:
                index.write(json.dumps(asdict(line)).encode() + b"\n")

    @property
    def _frame_bytes(self) -> int:
        return self._size**2 * 3

    def _open(self) -> None:
        """Cut both files to the last whole video; start anew where the settings are others."""
        self._require_ours()
        header = _header(self._fps, self._size)
        with self._index.open("ab+") as index:
            index.seek(0)
            if index.readline() != header:
                self._file.unlink(missing_ok=True)  # not emptied: another process may have it mapped
                index.truncate(0)
                index.write(header)
            index.truncate(len(header) + self._take_whole(index))
        with self._file.open("ab") as file:
            file.truncate(self._end * self._frame_bytes)

    def _require_ours(self) -> None:
        begun = b""
        if self._index.exists():
            with self._index.open("rb") as index:
                begun = index.read(len(_MARK))
        if not _MARK.startswith(begun) or (not begun and self._file.exists()):
            raise CacheError(f"{self._folder} holds a {_FRAMES} or {_INDEX} of something else; give another folder")

    def _take_whole(self, lines: Iterable[bytes]) -> int:
        """Take in the lines up to the first that is not whole or whose frames are not there; their bytes in all."""
        there = self._file.stat().st_size // self._frame_bytes if self._file.exists() else 0
        taken = 0
        for text in lines:
            line = _parsed(text)
            if line is None or self._end + line.frames > there:
                break
            self._take(line)
            taken += len(text)
        return taken

    def _take(self, line: _Line) -> None:
        self._known[line.path] = line, self._end
        self._end += line.frames


def _header(fps: float, size: int) -> bytes:
    settings = {"fps": float(fps), "size": size, "longest_s": _LONGEST_S}
    return _MARK + f"{_FORMAT}, {json.dumps(settings)[1:]}\n".encode()


def _parsed(text: bytes) -> _Line | None:
    try:
        return _Line(**json.loads(text)) if text.endswith(b"\n") else None
    except (ValueError, TypeError):
        return None


def _state_of(path: str) -> str:
    """Size and time of change of a file; empty where it is out of reach."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}" if os.access(path, os.R_OK) else ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make the folder and keep other processes from filling it meanwhile."""
    lock = FileLock(folder / _LOCK)
    with _in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise CacheError(f"another process is filling {folder}; wait for it, or give another folder") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _in_words(folder: Path, needed: float = 0) -> Iterator[None]:
    """Say in a sentence why the folder can't be used; `needed`: bytes still to be written, if known."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise CacheError(in_words(error, folder)) from error
        more = f" for the frames still to come, about {max(1, needed / 1e6):,.0f} MB" if needed else ""
        raise CacheError(
            f"no space is left in {folder}{more}; free some or give another folder: what is complete is kept"
        ) from error
