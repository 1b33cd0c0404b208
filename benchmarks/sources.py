"""What queries are made of: videos of a collection in which something moves, drawn from all its folders."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.edits import Frames, Rng
from encoder.clips import ClipSpec, Span
from encoder.video import read_clips
from indexer.tables import Video

MOST_FPS, MOST_PIXELS = 30.0, 320  # of what is read; the long side
MOVES = 1.0  # grey levels: standard deviation over time of a pixel, in the mean, of a video in which something moves
_SIDE = 32  # pixels of the thumbnails by which movement is judged

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A video, or a part of it, to make queries of."""

    video: int  # its id in the catalog
    path: str
    start: float  # seconds
    fps: float
    frames: Frames


def draw_sources(videos: Mapping[str, Video], rng: Rng, longest_s: float) -> Iterator[Source]:
    """Read the moving ones of the videos, by path, in random order; of a longer one a part, anywhere in it."""

    def read(path: str) -> Source | None:
        video = videos[path]
        start = float(rng.uniform(0, max(0.0, video.duration - longest_s)))
        source = read_source(path, video, Span(start, start + longest_s))
        return source if movement(source.frames) > MOVES else None

    return in_turns(list(videos), read, rng)


def in_turns(paths: Sequence[str], read: Callable[[str], T | None], rng: Rng, depth: int = 0) -> Iterator[T]:
    """What can be read of the files, each once: the folders of every level take turns to give one, drawn at random.

    A file of which nothing can be read costs its folder no turn.
    """
    groups: dict[str | None, list[str]] = defaultdict(list)
    for path in sorted(paths):
        folders = Path(path).parts[:-1]
        groups[folders[depth] if depth < len(folders) else None].append(path)
    queues = [
        _read_in_any_order(group, read, rng) if folder is None else in_turns(group, read, rng, depth + 1)
        for folder, group in groups.items()
    ]
    queues = [queues[i] for i in rng.permutation(len(queues))]
    while queues:
        for queue in list(queues):
            one = next(queue, None)
            if one is None:
                queues.remove(queue)
            else:
                yield one


def _read_in_any_order(paths: Sequence[str], read: Callable[[str], T | None], rng: Rng) -> Iterator[T]:
    for i in rng.permutation(len(paths)):
        one = read(paths[i])
        if one is not None:
            yield one


def read_source(path: str, video: Video, span: Span) -> Source:
    """Read a part of a video as a player shows it: in its own shape, at its own rate if that is no higher than 30.

    Raises:
        VideoError: it can't be read.
    """
    fps = min(video.fps or MOST_FPS, MOST_FPS)
    longest = max(video.width, video.height)
    size = min(MOST_PIXELS, longest)
    width, height = (max(2, round(side * size / longest)) for side in (video.width, video.height))
    squares = read_clips(path, ClipSpec(frames=1, fps=fps, size=size, hop=1), span)
    pictures = [cv2.resize(square.frames[0], (width, height), interpolation=cv2.INTER_AREA) for square in squares]
    return Source(video.id, path, span.start, fps, np.stack(pictures).astype(np.uint8))


def movement(frames: Frames) -> float:
    """How much pixels of the thumbnails vary over time, in grey levels."""
    return float(_thumbnails(frames).std(0).mean())


def turning(frames: Frames) -> float:
    """How much the thumbnails differ from those of the reversed video, in grey levels; 0 if time has no direction."""
    small = _thumbnails(frames)
    return float(np.abs(small - small[::-1]).mean())


def _thumbnails(frames: Frames) -> NDArray[np.float32]:
    """(T, 32, 32) in grey."""
    small = [cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for frame in frames]
    return np.asarray(np.stack(small).mean(-1), np.float32)
