"""Long files in which short cuts are hidden: between them lies other footage, piece after piece.

Each file has one shape, and is made of footage of about that shape, cropped to it. What is hidden lies nowhere else:
videos of the same recording as a hidden one are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from benchmarks.copies import write_pieces
from benchmarks.edits import Frames, Kind, Rng
from benchmarks.sources import Source, in_turns, read_source
from encoder.clips import Span
from indexer.tables import Video

FPS, SHORT_SIDE, CRF = 25, 128, 24  # of a long file
LONGEST_S = 20.0  # of a piece
_SHAPES = {"16:9": 16 / 9, "4:3": 4 / 3, "1:1": 1.0, "3:4": 3 / 4}


class Cut(NamedTuple):
    """A short part of a video, and what is done to it before it is hidden."""

    source: Source
    kind: Kind


@dataclass(frozen=True)
class Hidden:
    """Where a cut lies."""

    edit: str
    path: str  # of the source
    source: Span
    file: str  # name of the long file
    span: Span  # in it


def shape_of(video: Video) -> str:
    """The shape that a video is nearest to."""
    wide = np.log(video.width / video.height)
    return min(_SHAPES, key=lambda name: float(abs(wide - np.log(_SHAPES[name]))))


def hide(
    cuts: Sequence[Cut], shape: str, footage: Mapping[str, Video], frames: int, path: Path, rng: Rng
) -> list[Hidden]:
    """Write a file of so many frames in which the cuts lie, in their order, at random places.

    Args:
        cuts: to hide.
        shape: of the file.
        footage: videos by path, parts of which lie between the cuts.
        frames: how long the file is.
        path: of the file.
        rng: draws places and footage, and what edits leave open.
    """
    size = _size(shape)
    shown = [_fitted(cut.kind.edit(cut.source.frames, rng), cut.source.fps, size) for cut in cuts]
    room = frames - sum(map(len, shown))
    if room < 0:
        raise ValueError(f"{len(cuts)} cuts don't fit into {frames} frames")
    gaps = rng.multinomial(room, rng.dirichlet(np.ones(len(cuts) + 1)))
    starts = np.cumsum(gaps[:-1]) + np.cumsum([0, *map(len, shown[:-1])])
    others = _pieces(footage, size, rng)

    def pieces() -> Iterator[Frames]:
        for gap, cut in zip(gaps, [*shown, shown[0][:0]], strict=True):
            yield from _filling(others, int(gap))
            yield cut

    write_pieces(path, pieces(), FPS, CRF)
    placed = zip(cuts, shown, starts.tolist(), strict=True)
    return [_hidden(cut, path, start, len(part)) for cut, part, start in placed]


def _hidden(cut: Cut, path: Path, start: int, frames: int) -> Hidden:
    source = cut.source
    shown = Span(source.start, source.start + len(source.frames) / source.fps)
    return Hidden(cut.kind.name, source.path, shown, path.name, Span(start / FPS, (start + frames) / FPS))


def _filling(others: Iterator[Frames], frames: int) -> Iterator[Frames]:
    """So many frames of other footage."""
    while frames > 0:
        piece = next(others)[:frames]
        yield piece
        frames -= len(piece)


def _pieces(footage: Mapping[str, Video], size: tuple[int, int], rng: Rng) -> Iterator[Frames]:
    """A part of each of the videos, and again of each, without end."""

    def read(path: str) -> Frames:
        video = footage[path]
        start = float(rng.uniform(0, max(0.0, video.duration - LONGEST_S)))
        source = read_source(path, video, Span(start, start + LONGEST_S))
        return _fitted(source.frames, source.fps, size)

    while True:
        yield from in_turns(list(footage), read, rng)


def _fitted(frames: Frames, fps: float, size: tuple[int, int]) -> Frames:
    """The frames at the rate of a long file, cropped to its shape, (height, width)."""
    moments = np.arange(max(1, round(len(frames) / fps * FPS))) * fps / FPS
    scale = max(size[0] / frames.shape[1], size[1] / frames.shape[2])
    height, width = (max(least, round(side * scale)) for least, side in zip(size, frames.shape[1:3], strict=True))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    shown = frames[np.minimum(moments.astype(int), len(frames) - 1)]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    whole = (cv2.resize(frame, (width, height), interpolation=how) for frame in shown)
    return np.stack([frame[top : top + size[0], left : left + size[1]] for frame in whole]).astype(np.uint8)


def _size(shape: str) -> tuple[int, int]:
    """Height and width, both even."""
    wide = _SHAPES[shape]
    return round(SHORT_SIDE / min(1, wide) / 2) * 2, round(SHORT_SIDE * max(1, wide) / 2) * 2
