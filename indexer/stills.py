"""A picture as a query: nothing moves in it, so it is searched for by look, as if it were shown for a whole clip."""

from collections.abc import Sequence
from dataclasses import replace

from encoder.clips import ClipSpec, Span
from indexer.align import Timeline
from indexer.requests import Mode
from indexer.search import Query


def held(query: Query, spec: ClipSpec) -> Query:
    """A picture shown for as long as a clip lasts; any other query as it is."""
    if not is_picture(query, spec):
        return query
    reading = query.readings[0]
    span = Span(query.span.start, query.span.start + spec.clip_s)
    timeline = Timeline(span, reading.timeline.starts[:1], spec.clip_s)
    return Query([replace(reading, timeline=timeline, embeddings=reading.embeddings[:1])])


def is_picture(query: Query, spec: ClipSpec) -> bool:
    """Whether a query is too short to show anything move: a picture, or a video of one frame."""
    return query.span.duration <= spec.frame_s


def mode_for(mode: Mode, like: Sequence[Query], spec: ClipSpec, look_dim: int) -> Mode:
    """How to search: for pictures that are to be similar, by look, where the encoder has that part."""
    pictures = all(is_picture(query, spec) for query in like)
    return Mode.LOOK if mode is Mode.SIMILAR and pictures and look_dim else mode
