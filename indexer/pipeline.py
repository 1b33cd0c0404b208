"""Files -> decoded clips -> embeddings, in batches that fill up across files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from encoder.checkpoint import Checkpoint
from encoder.clips import Span
from encoder.decoding import Decoded, DecodePool, Event, Failed, Finished, Job, Opened
from encoder.video import VideoInfo
from indexer.catalog import EncodedVideo

_BATCH = 32  # clips encoded at once


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
    spans: list[Span] = field(default_factory=list)
    embeddings: list[NDArray[np.float32]] = field(default_factory=list)
    damaged: int = 0
    finished: bool = False


def encode_videos(
    jobs: Iterable[Job], checkpoint: Checkpoint, pool: DecodePool
) -> Iterator[Progressed | Encoded | Failed]:
    """Decode and embed files; each path ends in exactly one Encoded or Failed, in the order they get ready.

    Memory holds a batch of frames and the embeddings of the few files underway, whatever their length.
    """
    underway: dict[str, _Underway] = {}
    waiting: list[Decoded] = []
    for event in pool.decode(jobs):
        yield from _take(event, underway, waiting)
        idle, full = event is None, sum(len(batch.spans) for batch in waiting) >= _BATCH
        if full or (idle and waiting) or any(video.finished for video in underway.values()):
            yield from _encode(underway, waiting, checkpoint)
    yield from _encode(underway, waiting, checkpoint)


def _take(event: Event | None, underway: dict[str, _Underway], waiting: list[Decoded]) -> Iterator[Failed]:
    if isinstance(event, Opened):
        underway[event.path] = _Underway(event.info)
    elif isinstance(event, Decoded):
        waiting.append(event)
    elif isinstance(event, Finished):
        underway[event.path].finished, underway[event.path].damaged = True, event.damaged
    elif isinstance(event, Failed):
        waiting[:] = [batch for batch in waiting if batch.path != event.path]
        underway.pop(event.path, None)
        yield event


def _encode(
    underway: dict[str, _Underway], waiting: list[Decoded], checkpoint: Checkpoint
) -> Iterator[Progressed | Encoded]:
    if waiting:
        embeddings = checkpoint.embed(np.concatenate([batch.frames for batch in waiting]))
        ends = np.cumsum([len(batch.spans) for batch in waiting])
        for batch, part in zip(waiting, np.split(embeddings, ends[:-1]), strict=True):
            video = underway[batch.path]
            video.spans += batch.spans
            video.embeddings.append(part)
            yield Progressed(batch.path, batch.spans[-1].end, video.info.duration)
        waiting.clear()
    for path in [path for path, video in underway.items() if video.finished]:
        video = underway.pop(path)
        duration = video.spans[-1].end  # the last clip is flush with the end
        yield Encoded(
            path,
            EncodedVideo(video.info, duration, video.damaged, video.spans, np.concatenate(video.embeddings)),
        )
