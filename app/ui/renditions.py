"""Renditions of videos that browsers can't play as they are, and cuts to be kept, in a folder beside the catalog.

Wrapped anew where only the container is foreign, else a short excerpt around the match, encoded as H.264.
"""

import hashlib
import os
import uuid
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from threading import Lock

from app.cutting import Cutting, cut_all
from app.media import Decoders, Way, encode, fitted, wrap_packets
from encoder.clips import Span
from encoder.errors import VideoError

LONGEST_EXCERPT_S = 60.0
_EXCERPT, _EXCERPT_FPS = 640, 30.0  # pixels, the longer side
_WRAP_LIMIT_S, _CUT_LIMIT_S = 120.0, 180.0
_LARGEST_CUT = 1920  # pixels, the longer side
_CACHE_BYTES = 2 << 30


class Renditions:
    """Files made of videos, each made once, written whole or not at all; the oldest make room for new ones."""

    def __init__(self, folder: Path, decoders: Decoders, most_bytes: int = _CACHE_BYTES) -> None:
        self._folder, self._decoders, self._most_bytes = folder, decoders, most_bytes
        self._threads = ThreadPoolExecutor(2, "reelseek-renditions")
        self._lock = Lock()
        self._making: dict[str, Future[Path]] = {}

    def close(self) -> None:
        """Make no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def wrapped(self, path: str, content: str, way: Way) -> "Future[Path]":
        """The whole video, not encoded anew, in a container that browsers know.

        Raises (the future):
            VideoError: it can't be.
        """
        suffix = ".mp4" if way is Way.WRAPPED_MP4 else ".webm"
        return self._get(f"{content}{suffix}", lambda draft: _wrap(path, draft, suffix[1:]))

    def excerpt(self, path: str, content: str, span: Span, width: int, height: int, fps: float) -> "Future[Path]":
        """A part of a video as H.264, beginning at span.start, at most LONGEST_EXCERPT_S long.

        Raises (the future):
            VideoError: it can't be.
        """
        span = Span(span.start, min(span.end, span.start + LONGEST_EXCERPT_S))
        rate = min(fps, _EXCERPT_FPS) if fps >= 1 else 25.0
        pictures = self._decoders.pictures
        return self._get(
            f"{content}-{span.start:.1f}-{span.end:.1f}.mp4",
            lambda draft: encode(pictures(path, span, rate, _EXCERPT), draft, fitted(width, height, _EXCERPT), rate),
        )

    def cut(self, path: str, content: str, span: Span, width: int, height: int) -> "Future[Path]":
        """A part of a video, exact and with its sound, to be kept.

        Raises (the future):
            VideoError: it can't be.
        """
        size = fitted(width, height, min(max(width, height), _LARGEST_CUT))
        return self._get(
            f"{content}-{span.start:.2f}-{span.end:.2f}-cut.mp4",
            lambda draft: _in_process(path, _CUT_LIMIT_S, cut_all, [Cutting(path, span, size, str(draft))]),
        )

    def packed(self, files: Mapping[str, Path]) -> "Future[Path]":
        """Files in one ZIP, by the names they get there."""
        key = hashlib.blake2b(repr(sorted(files.items())).encode(errors="backslashreplace"), digest_size=16).hexdigest()

        def write(draft: Path) -> None:
            with zipfile.ZipFile(draft, "w") as packed:  # video does not get smaller
                for name, path in files.items():
                    packed.write(path, name)

        return self._get(f"{key}.zip", write)

    def _get(self, name: str, write: Callable[[Path], None]) -> "Future[Path]":
        with self._lock:
            future = self._making.get(name)
            if future is None:
                future = self._making[name] = self._threads.submit(self._make, name, write)
                future.add_done_callback(lambda _: self._making.pop(name, None))
            return future

    def _make(self, name: str, write: Callable[[Path], None]) -> Path:
        path = self._folder / name
        with suppress(FileNotFoundError):
            os.utime(path)  # used now: among the last to go
            return path
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{uuid.uuid4().hex}.part"
        try:
            write(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self._make_room(path)
        return path

    def _make_room(self, newest: Path) -> None:
        kept = sorted((p.stat().st_mtime, p.stat().st_size, p) for p in self._folder.iterdir() if p != newest)
        total = newest.stat().st_size + sum(size for _, size, _ in kept)
        for _, size, path in kept:
            if total > self._most_bytes:
                path.unlink(missing_ok=True)
                total -= size


def _wrap(path: str, draft: Path, kind: str) -> None:
    _in_process(path, _WRAP_LIMIT_S, wrap_packets, path, str(draft), kind)


def _in_process(path: str, limit_s: float, work: Callable[..., None], *given: object) -> None:
    """Write in a process of its own: what a broken file does there harms nobody."""
    process = get_context("spawn").Process(target=work, args=given, daemon=True)
    process.start()
    process.join(limit_s)
    finished = process.exitcode == 0
    process.kill()
    process.join()
    if not finished:
        raise VideoError(path, "can't be made ready for the browser: it is damaged or too slow to read")
