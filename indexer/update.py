"""Bring the catalog up to date with the disk: what is new, changed, moved, copied or gone, each file exactly once."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import xxhash

from encoder.checkpoint import Checkpoint
from encoder.decoding import DecodePool, Failed, Job
from indexer.catalog import Catalog
from indexer.discover import state_of
from indexer.pipeline import Encoded, Progressed, encode_videos
from indexer.records import FileState, KnownFile

_BLOCK = 1 << 20  # bytes read at once
_AHEAD = 4  # files hashed before a decoder asks for them
_UNKNOWN = -1  # a time of modification that no file has


@dataclass(frozen=True)
class Failure:
    """A file that could not be indexed."""

    path: str
    reason: str


@dataclass(frozen=True)
class Progress:
    """How far an update has come."""

    files: int  # of this update that are done
    of_files: int
    bytes: float  # of them, with the part of the files underway; work is roughly in proportion
    of_bytes: int
    video_seconds: float  # newly embedded
    path: str | None = None  # the file that this is about, if it is done
    reason: str | None = None  # why it failed, if it did


@dataclass
class UpdateReport:
    """What an update did; every file found is in one of the counts or in `failed`."""

    indexed: int = 0
    unchanged: int = 0
    moved: int = 0
    copies: int = 0  # byte-identical to a file that is in the library under another path
    removed: int = 0  # were in the library and are no longer there
    failed: list[Failure] = field(default_factory=list)
    clips: int = 0  # newly embedded
    video_seconds: float = 0.0  # newly embedded
    kept: list[str] = field(default_factory=list)  # roots that looked unmounted, whose files were kept


class Update:
    """One run over a set of found files. Every commit leaves the catalog true, so a run may stop anywhere."""

    def __init__(
        self, catalog: Catalog, checkpoint: Checkpoint, progress: Callable[[Progress], None] | None = None
    ) -> None:
        self.report = UpdateReport()
        self._catalog, self._checkpoint, self._tell = catalog, checkpoint, progress
        self._known: dict[str, KnownFile] = {}  # as the catalog had them before the run
        self._new_sizes: Counter[int] = Counter()  # of the files that are not settled by their state
        self._aside: list[str] = []  # where videos wait for their file to turn up
        self._by_path: dict[str, tuple[FileState, str]] = {}  # being decoded: its state and content
        self._twins: dict[str, list[FileState]] = {}  # content being decoded -> identical files that wait for it
        self._done_files, self._done_bytes, self._of_files, self._of_bytes = 0, 0, 0, 0
        self._partly: dict[str, float] = {}  # bytes of the files being decoded

    def run(self, found: list[FileState], known: dict[str, KnownFile], pool: DecodePool) -> UpdateReport:
        """Index what is new or changed among the found files, and forget the known ones that are gone.

        Args:
            found: the files on disk now.
            known: the catalog's files in the same places.
            pool: decodes.
        """
        new = [state for state in found if not self._settled(state, known.get(state.path))]
        self._known, self._new_sizes = known, Counter(state.size for state in new)
        self._of_files, self._of_bytes = len(new), sum(state.size for state in new)
        for event in encode_videos(self._jobs(new), self._checkpoint, pool) if new else ():  # it starts a decoder
            if isinstance(event, Encoded):
                self._commit(event)
            elif isinstance(event, Failed):
                self._fail(event)
            else:
                self._go_on(event)
        here = {state.path for state in found}
        gone = (path for path in known if path not in here and is_gone(path))
        self.report.removed = self._catalog.remove_files(gone)  # without those that this run moved
        self._catalog.remove_files(self._aside)
        return self.report

    def _settled(self, state: FileState, known: KnownFile | None) -> bool:
        """Count a file that the catalog already has as it is."""
        if known is None or known.state != state:
            return False
        if known.reason is None:
            self.report.unchanged += 1
        else:
            self.report.failed.append(Failure(state.path, known.reason))
        return True

    def _jobs(self, new: list[FileState]) -> Iterator[Job]:
        """Settle what needs no decoding and yield the rest, hashing a little ahead of the decoders."""
        hashing = ThreadPoolExecutor(2, "reelseek-hash")
        try:
            ahead: list[tuple[FileState, Future[str]]] = []
            for state in new:
                if not _is_text(state.path):
                    self._refuse_unrecorded(state, "its name is not valid Unicode; rename it")
                    continue
                ahead.append((state, hashing.submit(content_of, state.path)))
                if len(ahead) > _AHEAD:
                    yield from self._job(*ahead.pop(0))
            for pair in ahead:
                yield from self._job(*pair)
        finally:
            hashing.shutdown(cancel_futures=True)

    def _job(self, state: FileState, hashed: "Future[str]") -> Iterator[Job]:
        try:
            content = hashed.result()
        except OSError as error:  # not the file's fault: the next run tries again
            self._refuse_for_now(state, f"can't be read: {error.strerror or error}")
            return
        if content in self._twins:
            self._twins[content].append(state)
        elif not self._settled_by_content(state, content):
            self._twins[content] = []
            self._by_path[state.path] = (state, content)
            yield Job(state.path, self._checkpoint.spec)

    def _settled_by_content(self, state: FileState, content: str) -> bool:
        """Settle a file whose bytes the catalog already knows, under this path or another."""
        same = self._catalog.files_of(content)
        if not same:
            return False
        origin = same[0]
        if any(file.state.path == state.path for file in same):  # touched, not changed
            self._catalog.set_file(state, content, video_id=origin.video_id, reason=origin.reason)
            self._count(state, origin.reason, "unchanged")
            return True
        gone = next((file for file in same if is_gone(file.state.path)), None)
        if gone is not None:
            self._set_aside(state.path)
            self._catalog.move_file(gone.state.path, state)
            self._count(state, gone.reason, "moved")
            return True
        self._set_aside(state.path)
        self._catalog.set_file(state, content, video_id=origin.video_id, reason=origin.reason)
        self._count(state, origin.reason, "copies")
        return True

    def _set_aside(self, path: str) -> None:
        """Keep the video that was at a path whose file is another now, if its own file may turn up under a new name."""
        known = self._known.get(path)
        if known is not None and known.video_id is not None and self._new_sizes[known.state.size]:
            aside = path + os.sep + "moved"  # below a file nothing can be, so this counts as gone
            self._catalog.move_file(path, replace(known.state, path=aside))
            self._aside.append(aside)

    def _count(self, state: FileState, reason: str | None, what: str) -> None:
        if reason is None:
            setattr(self.report, what, getattr(self.report, what) + 1)
        else:
            self.report.failed.append(Failure(state.path, reason))
        self._finish(state, reason)

    def _commit(self, encoded: Encoded) -> None:
        state, content = self._by_path.pop(encoded.path)
        twins = self._twins.pop(content)
        if state_of(state.path) != state:
            for file in [state, *twins]:
                self._refuse_unrecorded(file, "it or its copy changed while it was read; index it again")
            return
        self._set_aside(state.path)
        video_id = self._catalog.add_video(state, content, encoded.video)
        self.report.indexed += 1
        self.report.clips += len(encoded.video.spans)
        self.report.video_seconds += encoded.video.duration
        self._finish(state, None)
        for twin in twins:
            self._set_aside(twin.path)
            self._catalog.set_file(twin, content, video_id=video_id)
            self._count(twin, None, "copies")

    def _fail(self, failed: Failed) -> None:
        state, content = self._by_path.pop(failed.path)
        for file in [state, *self._twins.pop(content)]:
            self._refuse(file, content, failed.reason)

    def _refuse_for_now(self, state: FileState, reason: str) -> None:
        known = self._known.get(state.path)
        if known is not None and known.video_id is not None:  # what was read of it before stays
            self._refuse_unrecorded(state, reason)
        else:
            self._refuse(replace(state, modified=_UNKNOWN), None, reason)

    def _refuse(self, state: FileState, content: str | None, reason: str) -> None:
        self._set_aside(state.path)
        self._catalog.set_file(state, content, reason=reason)
        self._refuse_unrecorded(state, reason)

    def _refuse_unrecorded(self, state: FileState, reason: str) -> None:
        self.report.failed.append(Failure(state.path, reason))
        self._finish(state, reason)

    def _go_on(self, event: Progressed) -> None:
        state, _ = self._by_path[event.path]
        if event.duration > 0:
            self._partly[event.path] = state.size * min(1.0, event.seconds / event.duration)
        self._show(None, None)

    def _finish(self, state: FileState, reason: str | None) -> None:
        self._partly.pop(state.path, None)
        self._done_files += 1
        self._done_bytes += state.size
        self._show(state.path, reason)

    def _show(self, path: str | None, reason: str | None) -> None:
        if self._tell is not None:
            done = self._done_bytes + sum(self._partly.values())
            seconds = self.report.video_seconds
            self._tell(Progress(self._done_files, self._of_files, done, self._of_bytes, seconds, path, reason))


def is_gone(path: str) -> bool:
    """Whether there is no such file, for sure: a folder that can't be entered proves nothing."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def content_of(path: str) -> str:
    """What the bytes of a file are known by.

    Raises:
        OSError: it can't be read.
    """
    digest = xxhash.xxh3_128()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
