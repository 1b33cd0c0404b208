"""Edited copies of videos of a collection, whole ones and parts between other footage, and what each of them shows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from app.progress import StepProgress
from benchmarks.copies import write_video
from benchmarks.edits import Kind, Rng, backwards, kinds, together, unedited
from benchmarks.gallery import Gallery
from benchmarks.hiding import FPS, Cut, hide, shape_of
from benchmarks.sources import Source, draw_sources
from encoder.clips import Span

SHORTEST_S, LONGEST_S = 4.0, 8.0  # of a source
PART_S, FILM_S = 4.0, 14.0  # of a source that is a part of a copy, and of that copy
WHOLE, PART = "whole", "part"
AS_IT_IS, INSET, REVERSED, SEVERAL = "re-encoded only", "picture in picture", "reversed", "three at once"
EDITS = [AS_IT_IS, *(kind.name for kind in kinds(np.zeros((1, 1, 1, 3), np.uint8))), REVERSED, SEVERAL]


@dataclass(frozen=True)
class Copy:
    """An edited copy of a part of a video."""

    edit: str
    form: str  # WHOLE or PART
    path: str
    span: Span  # in its file
    source: str  # path
    source_span: Span
    around: str | None  # path of a video that it lies on


def make_copies(gallery: Gallery, roots: Sequence[str], folder: Path, each: int, seed: int) -> list[Copy]:
    """Write each edit of so many videos from below some folders, of every recording one."""
    videos = gallery.videos(roots, SHORTEST_S)
    drawn = _recordings(gallery, draw_sources(videos, np.random.default_rng([seed, 0]), LONGEST_S))
    count, copies = each * len(EDITS), list[Copy]()
    with StepProgress("Editing") as progress:
        for number, (other, source) in enumerate(pairwise(islice(drawn, count + 1))):
            taken, shape = gallery.right(source.video) | gallery.right(other.video), shape_of(videos[source.path])
            footage = {path: one for path, one in videos.items() if one.id not in taken and shape_of(one) == shape}
            name, rng = EDITS[number % len(EDITS)], np.random.default_rng([seed, 1, number])
            kind, around = _kind(name, other, rng), other.path if name == INSET else None
            file = folder / f"{number:03}-{name.replace(' ', '-')}.mp4"
            copies.append(_whole(kind, source, around, file, rng))
            file = file.with_stem(f"{file.stem}-{PART}")
            (hidden,) = hide([Cut(_middle(source), kind)], shape, footage, round(FILM_S * FPS), file, rng)
            copies.append(Copy(name, PART, str(file), hidden.span, source.path, hidden.source, around))
            progress.count("sources", number + 1, count)
    return copies


def _recordings(gallery: Gallery, sources: Iterator[Source]) -> Iterator[Source]:
    """One source of each recording."""
    taken: set[int] = set()
    for source in sources:
        if source.video not in taken:
            taken |= gallery.right(source.video)
            yield source


def _kind(name: str, other: Source, rng: Rng) -> Kind:
    single = kinds(other.frames)
    several = together([kind for kind in single if kind.name != INSET], rng)
    every = [Kind(AS_IT_IS, "", unedited), *single, Kind(REVERSED, "", backwards), replace(several, name=SEVERAL)]
    return next(kind for kind in every if kind.name == name)


def _whole(kind: Kind, source: Source, around: str | None, file: Path, rng: Rng) -> Copy:
    frames = kind.edit(source.frames, rng)
    write_video(file, frames, source.fps, kind.crf)
    seconds = len(source.frames) / source.fps
    shown = Span(source.start, source.start + seconds)
    return Copy(kind.name, WHOLE, str(file), Span(0.0, len(frames) / source.fps), source.path, shown, around)


def _middle(source: Source) -> Source:
    """As much of a source as a part shows."""
    count = round(PART_S * source.fps)
    first = max(0, (len(source.frames) - count) // 2)
    return replace(source, start=source.start + first / source.fps, frames=source.frames[first : first + count])


def write_copies(file: Path, copies: Sequence[Copy]) -> None:
    """Write what is known of copies."""
    file.write_text(json.dumps([asdict(copy) for copy in copies], indent=1), encoding="utf-8")


def read_copies(file: Path) -> list[Copy]:
    """What `write_copies` wrote."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [Copy(**{**row, **{name: Span(**row[name]) for name in ("span", "source_span")}}) for row in rows]
