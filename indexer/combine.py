"""Several examples at once: what speaks for a video adds up, what speaks against it counts off.

Every example is searched for by itself, and every video that any of them names is aligned with all of them. The score
of a video is the mean of what the wanted examples score there, so one that shows all of them comes before one that
shows a single one as well.

An unwanted example is an answer that was wrong, so it is like the right ones too: what all of the videos have of it
says nothing. What counts off is the way from there to its very footage, of which nothing is left. The rule was chosen
on real answers by `benchmarks.unlike`; docs/queries.md has what it and others do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from encoder.clips import ClipSpec, Span
from indexer.align import Segment
from indexer.along import together
from indexer.background import Background
from indexer.blas import one_blas_thread
from indexer.copies import footage_among
from indexer.lookup import Clips, Lookup
from indexer.ranges import Ids
from indexer.search import Match, Query, align_videos, candidates, looked_at

_FOUND = 0.8  # score of footage that need not be looked for any longer
_EXACT = 1.4  # factor on the score of what pictures alone found, where one of two that overlap is chosen
_MOST_USUAL = 0.9  # score that videos are taken to have usually, at most, so that footage stays above it

Answer = Callable[[Query, Background, Clips, Sequence[int], ClipSpec], list[Match]]


def alike_among(
    query: Query, background: Background, catalog: Clips, videos: Sequence[int], spec: ClipSpec
) -> list[Match]:
    """How much each of the videos is like a query, pictures of the best ones compared.

    Where none of these shows the footage of a short query, all pictures of the likeliest videos are.
    """
    found = align_videos(query, background, catalog, videos, spec)
    matches = looked_at(found, catalog, spec)
    if max((match.score for match in matches), default=1.0) > _FOUND:
        return matches
    shown: dict[int, list[Segment]] = {}
    for video_id, segment in footage_among(found, query, catalog, spec):
        shown.setdefault(video_id, []).append(segment)
    return [_with(match, shown[match.video_id]) if match.video_id in shown else match for match in matches]


def _with(match: Match, exact: Sequence[Segment]) -> Match:
    """A match with further segments, which are exact: they push out what overlaps them and scores little more."""
    ranked = sorted([*match.segments, *exact], key=lambda one: -one.score * (_EXACT if one in exact else 1.0))
    kept: list[Segment] = []
    for segment in ranked:
        if not any(segment.video.shared(one.video) for one in kept):
            most = max(other.score for other in ranked if segment.video.shared(other.video))
            kept.append(replace(segment, score=most))
    return replace(match, segments=sorted(kept, key=lambda one: -one.score))


def search_all(
    like: Sequence[Query],
    unlike: Sequence[Query],
    catalog: Clips,
    index: Lookup,
    k: int,
    spec: ClipSpec,
    among: Ids | None = None,
    answer: Answer = alike_among,
) -> list[Match]:
    """The k videos that match the queries of `like` best and those of `unlike` least, best first.

    Args:
        like: one or more.
        unlike: any number.
        catalog: of the library.
        index: of the same library.
        k: how many.
        spec: of the library's clips.
        among: the clips whose videos may answer; None for all.
        answer: tells which of the videos that a query names answer it, and how well.
    """
    if not len(index) or (among is not None and not len(among)):
        return []
    with one_blas_thread():
        backgrounds = [Background.of(query.embeddings, index) for query in [*like, *unlike]]
        named = [candidates(query, backgrounds[i], catalog, index, k, among) for i, query in enumerate(like)]
        videos = list(dict.fromkeys(video for names in named for video in names))
        found = [
            {match.video_id: match for match in answer(query, own, catalog, videos, spec)}
            for query, own in zip([*like, *unlike], backgrounds, strict=True)
        ]
    wanted, left = found[: len(like)], _left(found[len(like) :])
    if len(found) == 1:
        matches = list(wanted[0].values())
    else:
        shows = {video: [each.get(video) for each in wanted] for video in videos}
        matches = [_together(shown, left.get(video, 1.0)) for video, shown in shows.items() if any(shown)]
    return sorted(matches, key=lambda match: (-match.score, match.video_id))[:k]


def _left(unwanted: Sequence[Mapping[int, Match]]) -> dict[int, float]:
    """What share of its score each video keeps; the unwanted example that is nearest counts."""
    left: dict[int, float] = {}
    for shown in unwanted:
        scores = {video: min(1.0, max(0.0, match.score)) for video, match in shown.items()}
        usual = min(_MOST_USUAL, sum(scores.values()) / len(scores)) if scores else 0.0
        for video, score in scores.items():
            way = max(0.0, score - usual) / (1 - usual)
            left[video] = min(left.get(video, 1.0), 1 - way)
    return left


def _together(like: Sequence[Match | None], left: float) -> Match:
    """What a video shows of all examples; its segments are those of the wanted ones, no moment twice."""
    shows = {i: match for i, match in enumerate(like) if match}
    score = sum(match.score for match in shows.values()) / len(like)
    segments = [replace(segment, example=i) for i, match in shows.items() for segment in match.segments]
    shown: list[Segment] = []
    for segment in sorted(segments, key=lambda segment: -segment.score):
        if not any(_same_moment(segment.video, other.video) for other in shown):
            shown.append(segment)
    along = together([match.along for match in shows.values() if match.along is not None])
    video_id = next(iter(shows.values())).video_id
    return Match(video_id, shown, score * left, along)


def _same_moment(one: Span, other: Span) -> bool:
    return one.shared(other) > 0.5 * min(one.duration, other.duration)
