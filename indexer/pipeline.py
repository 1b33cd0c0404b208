"""Files -> decoded clips -> embeddings, in batches that fill up across files, encoded while decoding goes on."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from encoder.checkpoint import Checkpoint
from encoder.clips import Span
from encoder.decoding import Decoded, DecodePool, Event, Failed, Finished, Job, Opened
from encoder.video import VideoInfo
from indexer.records import EncodedVideo
from indexer.sketches import pack, sketches

_BATCH = 32  # clips encoded at once
_AHEAD = 2  # batches that are encoded or wait for it before decoding waits
_PATIENCE_S = 1.0  # the longest that clips wait for their batch to fill up

Embeddings = NDArray[np.float32]  # (N, D)


@dataclass(frozen=True)
class Progressed:
    """How far into a file the pipeline has come."""

    path: str
    seconds: float  # encoded so far
    duration: float  # as the file declares; 0 if it does not


@dataclass(frozen=True)
class Encoded:
    """A whole video is embedded."""

    path: str
    video: EncodedVideo


@dataclass
class _Underway:
    info: VideoInfo
    clips: int = 0  # decoded
    spans: list[Span] = field(default_factory=list)  # of those that are embedded
    embeddings: list[Embeddings] = field(default_factory=list)
    sketches: list[bytes] = field(default_factory=list)  # of each clip up to the next
    last: NDArray[np.uint8] | None = None  # the sketches of the last clip, whole
    damaged: int = 0
    finished: bool = False  # decoding


def encode_videos(
    jobs: Iterable[Job], checkpoint: Checkpoint, pool: DecodePool
) -> Iterator[Progressed | Encoded | Failed]:
    """Decode and embed files; each path ends in exactly one Encoded or Failed, in the order they get ready.

    Memory holds a few batches of frames and the embeddings of the few files underway, whatever their length.
    """
    underway: dict[str, _Underway] = {}
    with _Batches(checkpoint) as batches:
        for event in pool.decode(jobs):
            yield from _take(event, underway, batches)
            batches.go_on(idle=event is None)
            yield from _done(batches.ready(), underway, checkpoint.spec.hop)
        yield from _done(batches.rest(), underway, checkpoint.spec.hop)


class _Batches:
    """Clips of all files in the order they come, encoded by a thread a batch at a time."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._waiting: list[Decoded] = []
        self._since = 0.0  # when the first of them came
        self._pending: deque[tuple[list[Decoded], Future[Embeddings]]] = deque()
        self._thread = ThreadPoolExecutor(1, "reelseek-encode")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def add(self, clips: Decoded) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(clips)

    def drop(self, path: str) -> None:
        self._waiting = [clips for clips in self._waiting if clips.path != path]

    def go_on(self, idle: bool) -> None:
        """Encode what waits if it is enough, has waited for long, or if otherwise nobody has anything to do."""
        full = sum(len(clips.spans) for clips in self._waiting) >= _BATCH
        if full or (idle and not self._pending) or time.monotonic() - self._since > _PATIENCE_S:
            self._encode()

    def ready(self) -> Iterator[tuple[Decoded, Embeddings]]:
        """Yield what has been encoded, waiting for it only where decoding is too far ahead."""
        while self._pending and (self._pending[0][1].done() or len(self._pending) > _AHEAD):
            batch, future = self._pending.popleft()
            ends = np.cumsum([len(clips.spans) for clips in batch])
            yield from zip(batch, np.split(future.result(), ends[:-1]), strict=True)

    def rest(self) -> Iterator[tuple[Decoded, Embeddings]]:
        """Encode and yield all that is left."""
        self._encode()
        while self._pending:
            self._pending[0][1].exception()  # waits
            yield from self.ready()

    def _encode(self) -> None:
        if self._waiting:
            self._pending.append((self._waiting, self._thread.submit(self._embed, self._waiting)))
            self._waiting = []

    def _embed(self, batch: list[Decoded]) -> Embeddings:
        return self._checkpoint.embed(np.concatenate([clips.frames for clips in batch]))


def _take(event: Event | None, underway: dict[str, _Underway], batches: _Batches) -> Iterator[Failed]:
    if isinstance(event, Opened):
        underway[event.path] = _Underway(event.info)
    elif isinstance(event, Decoded):
        underway[event.path].clips += len(event.spans)
        batches.add(event)
    elif isinstance(event, Finished):
        underway[event.path].finished, underway[event.path].damaged = True, event.damaged
    elif isinstance(event, Failed):
        batches.drop(event.path)
        underway.pop(event.path, None)
        yield event


def _done(
    encoded: Iterator[tuple[Decoded, Embeddings]], underway: dict[str, _Underway], hop: int
) -> Iterator[Progressed | Encoded]:
    for clips, embeddings in encoded:
        video = underway.get(clips.path)
        if video is None:  # it failed meanwhile
            continue
        video.spans += clips.spans
        video.embeddings.append(embeddings)
        small = sketches(clips.pictures)[clips.places]
        video.sketches += [pack(pictures[:hop]) for pictures in small]
        video.last = small[-1]
        yield Progressed(clips.path, clips.spans[-1].end, video.info.duration)
    for path in [path for path, video in underway.items() if video.finished and len(video.spans) == video.clips]:
        video = underway.pop(path)
        yield Encoded(path, _whole(video))


def _whole(video: _Underway) -> EncodedVideo:
    assert video.last is not None
    return EncodedVideo(
        video.info,
        duration=video.spans[-1].end,  # the last clip is flush with the end
        damaged=video.damaged,
        spans=video.spans,
        embeddings=np.concatenate(video.embeddings),
        sketches=[*video.sketches[:-1], pack(video.last)],
    )
