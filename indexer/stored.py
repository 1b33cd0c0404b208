"""A part of a video of the library as a query, from what the catalog holds of it: no file is read."""

import math

import numpy as np

from encoder.clips import ClipSpec, Span
from encoder.errors import WorldError
from indexer.align import Timeline
from indexer.catalog import Catalog
from indexer.film import Film
from indexer.query import LONGEST_S, MOST_WINDOWS
from indexer.readings import Reading, Strip
from indexer.requests import VideoRef
from indexer.search import Query


class NoVideoError(WorldError):
    """A video, or a part of one, that the library does not have, in one sentence."""


def stored_query(ref: VideoRef, span: Span | None, catalog: Catalog, spec: ClipSpec) -> Query:
    """The clips of a video that lie in a span, as they are; where none does, the one that covers most of it.

    Raises:
        NoVideoError: there is no such video, or it ends before the span.
    """
    spans, embeddings = catalog.clips_of(ref.video_id)
    if not spans:
        raise NoVideoError(f'the library has no video {ref.video_id}; the id of a result is its "video" in --json')
    span, end = span or Span(0.0, math.inf), spans[-1].end
    if span.start >= end:
        raise NoVideoError(
            f"video {ref.video_id} of the library lasts {end:.1f} s, so nothing lies at {span.start:g} s"
        )
    asked = Span(span.start, min(span.end, end))
    shared = np.array([one.shared(asked) for one in spans])
    inside = np.flatnonzero(shared >= np.array([one.duration for one in spans]) - 1e-6)
    rows = inside if len(inside) else np.array([shared.argmax()])
    rows = rows[:: -(-len(rows) // MOST_WINDOWS)]
    timeline = Timeline(asked, np.array([spans[row].start for row in rows]), spec.clip_s)
    return Query([Reading(timeline, embeddings[rows], strip=_strip(ref, asked, catalog, spec))])


def _strip(ref: VideoRef, span: Span, catalog: Catalog, spec: ClipSpec) -> Strip | None:
    """The pictures that the library keeps of a span, from the one that it begins in; none of a long one."""
    packed = catalog.sketches(ref.video_id, Span(max(0.0, span.start - spec.clip_s), span.end))
    if not packed or span.duration > LONGEST_S:
        return None
    film = Film.from_sketches(packed, spec.fps)
    inside = (film.times > span.start - spec.frame_s + 1e-6) & (film.times < span.end - 1e-6)
    if not inside.any():
        return None
    start = float(film.times[inside][0])
    coloured = np.repeat(film.pictures[inside][..., None], 3, axis=-1).astype(np.uint8)
    return Strip(coloured, Span(start, start + inside.sum() * spec.frame_s))
