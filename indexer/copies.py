"""The videos that show the very footage of a query, and only these: what its pictures agree with.

Embeddings name the videos. In each, the parts that embeddings align and those that all its small pictures propose
(`sightings`) are compared with the query picture by picture, and kept where they agree.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span
from indexer.align import Segment
from indexer.background import Background
from indexer.film import Film
from indexer.footage import SAME, certainty, compare, refined
from indexer.lookup import Clips
from indexer.rarity import weights_of
from indexer.readings import Strip
from indexer.search import Found, Match, Query, align_videos, film_around
from indexer.sightings import sightings

_COMPARED = 24  # parts that embeddings propose, ...
_SIGHTED = 16  # ... and that pictures do, of each piece of the query
_MOMENTS = 64  # of a query
_LOOKED_THROUGH_S = 3600.0  # of the videos that embeddings find most alike
_PIECE_S = 3.0
_SHORT_S = 1.3 * _PIECE_S  # up to which a query is one piece
_LIKELIEST = 8  # videos that are looked through beside embeddings, ...
_FEW = 6  # ... and parts of them that are compared
_BACKWARDS = 0.9  # factor on the score of what runs backwards: not the same scene, but more than another take of it
_TURNED = 0.9  # factor where one of two that overlap is chosen: what hardly moves agrees both ways


@dataclass(frozen=True)
class _Part:
    """A part of a video that may show the query's footage."""

    found: Found
    segment: Segment
    strip: Strip | None  # of the query
    film: Film | None = None  # of the video, where it was read already


def copies_among(
    query: Query, background: Background, catalog: Clips, videos: Sequence[int], spec: ClipSpec
) -> list[Match]:
    """Those of the videos that show footage of a query.

    A score is the share of the query that a segment shows, times how well its pictures agree, less if it runs back.
    In the share, what many videos show counts less, see `rarity`.
    """
    found = align_videos(query, background, catalog, videos, spec)
    parts = [*_aligned(found), *_sighted(found, query, catalog, spec)]
    matches = _matches([(one.found, copy) for one in parts if (copy := _copy(one, query, catalog, spec))])
    return _weighed(matches, query.span)


def footage_among(
    found: Sequence[Found], query: Query, catalog: Clips, spec: ClipSpec
) -> Iterator[tuple[int, Segment]]:
    """Yield (video id, segment) where videos show all of a short query forwards, by pictures alone, scored as alike.

    So few windows tell no tempo, and footage that runs faster is shorter than one of them; see `search.looked_at`.
    """
    if query.span.duration > _SHORT_S:
        return
    as_it_is = [replace(one, reading=query.readings[0]) for one in islice(_first_hour(found), _LIKELIEST)]
    parts = [part for part in _sighted(as_it_is, query, catalog, spec) if part.segment.tempo > 0]
    for one in parts[:_FEW]:
        if copy := _copy(one, query, catalog, spec):
            yield one.found.video_id, replace(copy, score=one.found.most(copy) * certainty(copy.score))


def _aligned(found: Sequence[Found]) -> list[_Part]:
    parts = [_Part(one, segment, one.reading.strip) for one in found for segment in one.segments]
    return sorted(parts, key=lambda part: -part.segment.score)[:_COMPARED]


def _sighted(found: Sequence[Found], query: Query, catalog: Clips, spec: ClipSpec) -> Iterator[_Part]:
    """The best parts for all of the query and for each piece: what many videos show must not crowd out the rest."""
    parts = [part for one in _first_hour(found) for part in _sightings(one, query, catalog, spec)]
    ranked = sorted(parts, key=lambda part: -part.segment.score)
    for piece in _pieces(query.span):
        yield from [part for part in ranked if part.segment.query == piece][:_SIGHTED]


def _first_hour(found: Sequence[Found]) -> Iterator[Found]:
    left = _LOOKED_THROUGH_S
    for one in sorted(found, key=lambda one: -one.segments[0].score):
        left -= one.end
        if left < 0:
            return
        yield one


def _sightings(found: Found, query: Query, catalog: Clips, spec: ClipSpec) -> Iterator[_Part]:
    """Of the query as it is, and of what the reading that fits best shows of it."""
    strips = {id(strip): strip for strip in (query.readings[0].strip, found.reading.strip) if strip}
    packed = catalog.sketches(found.video_id, Span(0.0, found.end)) if strips else []
    if not packed:
        return
    film = Film.from_sketches(packed, spec.fps)
    for strip in strips.values():
        for span in _pieces(query.span):
            yield from (_Part(found, one, strip, film) for one in sightings(strip.film, span, film, spec.fps))


def _pieces(span: Span) -> list[Span]:
    """All of a query, and short parts of a longer one, of which a video may show some."""
    if span.duration <= _SHORT_S:
        return [span]
    starts = np.linspace(span.start, span.end - _PIECE_S, max(2, round(2 * span.duration / _PIECE_S) - 1)).tolist()
    return [span, *(Span(start, start + _PIECE_S) for start in starts)]


def _copy(part: _Part, query: Query, catalog: Clips, spec: ClipSpec) -> Segment | None:
    """The segment made exact, if its pictures agree."""
    strip, segment = part.strip, part.segment
    if strip is None:
        return None
    backwards, video = segment.tempo < 0, part.film or film_around(segment, part.found.video_id, catalog, spec)
    if video is None:
        return None
    film = strip.film.backwards(query.span) if backwards else strip.film
    forwards = _turned(segment, query.span) if backwards else segment
    agreement = compare(film, video, forwards)
    if agreement is None or agreement.total < SAME:
        return None
    exact = refined(forwards, agreement, part.found.end)
    exact = replace(exact, score=agreement.total)
    return _turned(exact, query.span) if backwards else exact


def _turned(segment: Segment, span: Span) -> Segment:
    """A segment of a query as one of the query backwards."""
    mirror = span.start + span.end
    shown = Span(max(span.start, mirror - segment.query.end), min(span.end, mirror - segment.query.start))
    return replace(segment, query=shown, tempo=-segment.tempo)  # but for rounding it lay in the query


def _matches(copies: Sequence[tuple[Found, Segment]]) -> list[Match]:
    """The videos with their segments: of those that overlap, the one that shows most of the query."""
    kept: dict[int, Match] = {}
    for found, segment in sorted(copies, key=lambda pair: -_shown(pair[1])):
        match = kept.setdefault(found.video_id, Match(found.video_id, [], along=found.along))
        if not any(segment.video.shared(other.video) for other in match.segments):
            match.segments.append(_backwards_less(segment))
    return list(kept.values())


def _shown(segment: Segment) -> float:
    """How much of the query a segment shows, and how well."""
    return segment.score * segment.query.duration * (_TURNED if segment.tempo < 0 else 1.0)


def _backwards_less(segment: Segment) -> Segment:
    return replace(segment, score=segment.score * _BACKWARDS) if segment.tempo < 0 else segment


def _weighed(matches: Sequence[Match], span: Span) -> list[Match]:
    """Each segment's score times the share of the query that it shows."""
    moments = span.start + (np.arange(_MOMENTS) + 0.5) * span.duration / _MOMENTS

    def shown(segment: Segment) -> NDArray[np.float64]:
        return ((moments >= segment.query.start) & (moments < segment.query.end)).astype(np.float64)

    by_video = [np.max([shown(segment) for segment in match.segments], 0) for match in matches]
    weights = weights_of(np.stack(by_video, 1)) if by_video else np.ones(_MOMENTS)

    def weighed(segment: Segment) -> Segment:
        return replace(segment, score=segment.score * float(shown(segment) @ weights / weights.sum()))

    found = [[weighed(segment) for segment in match.segments] for match in matches]
    return [
        replace(match, segments=sorted(segments, key=lambda segment: -segment.score))
        for match, segments in zip(matches, found, strict=True)
    ]
