"""A query clip -> its embedded readings: decoded once, or twice where there may be a video inside it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np

from encoder.checkpoint import Checkpoint
from encoder.clips import ClipSpec, Span
from encoder.decoding import Decoded, DecodePool, Failed, Job
from encoder.errors import VideoError
from indexer.align import Timeline
from indexer.blas import one_blas_thread
from indexer.insets import Box, cut, insets, without_bars
from indexer.pipeline import Encoded, encode_videos
from indexer.readings import (
    FINER,
    OTHER_STRIDES,
    Reading,
    Shots,
    Strip,
    as_it_is,
    embedded,
    resampled,
)
from indexer.search import Query

LONGEST_S = 15.0  # of a query that is read in other ways than as it is: its pictures are all in memory
MOST_WINDOWS = 128  # of a longer one
_BETWEEN_S = 1 / 2  # from one window to the next of what lies between bars
_INSIDE_S, _INSIDE_TEMPO_S = 1, 2  # ... of what lies inside a query, as it is and at other tempos
_LARGER = 2  # times the side of a clip's pictures: of those that insets are cut from


def embed_query(clip: str | Path, span: Span | None, checkpoint: Checkpoint, pool: DecodePool) -> Query:
    """Embed the windows of a clip, much closer together than a library's, and those of its other readings.

    So offsets come out finer than the library's hop, and some windows show the very frames that its clips show. What
    else it may have been is worked out while it is embedded as it is.

    Raises:
        VideoError: the clip can't be read.
    """
    span, spec = span or Span(0.0, inf), checkpoint.spec
    strip = _strip(clip, span, spec, pool)
    if strip is None:
        return Query([_long_reading(clip, span, checkpoint, pool)])
    plain = as_it_is(strip, spec)
    with ThreadPoolExecutor(1) as beside, one_blas_thread():
        known = beside.submit(checkpoint.embed, plain.frames)
        guesses = list(_guesses(strip, clip, spec, pool))
    rest = checkpoint.embed(np.concatenate([one.frames for one in guesses]))
    return Query(embedded([plain, *guesses], np.concatenate([known.result(), rest])))


def _guesses(strip: Strip, clip: str | Path, spec: ClipSpec, pool: DecodePool) -> Iterator[Shots]:
    """The query at other tempos, the picture between its bars, the videos that may lie in it, and tempos of these."""
    bars, boxes = without_bars(strip.pictures), insets(strip.pictures)
    if bars or boxes:
        larger = _strip(clip, strip.span, replace(spec, size=_LARGER * spec.size), pool)
        assert larger is not None  # it was short enough before
        parts = [_part(larger, box, spec) for box in boxes]
        yield from (resampled(part, spec, apart=_INSIDE_S) for part in parts)
        yield from (resampled(part, spec, stride, _INSIDE_TEMPO_S) for part in parts[:1] for stride in OTHER_STRIDES)
        if bars:
            strip = _part(larger, bars, spec)
            yield resampled(strip, spec, apart=_BETWEEN_S)
    yield from (resampled(strip, spec, stride) for stride in OTHER_STRIDES)


def _part(larger: Strip, box: Box, spec: ClipSpec) -> Strip:
    return Strip(cut(larger.pictures, box, spec.size), larger.span)


def _strip(clip: str | Path, span: Span, spec: ClipSpec, pool: DecodePool) -> Strip | None:
    """All pictures of a part of a clip, `FINER` to a grid frame; None if it is a long part."""
    fps = spec.fps * FINER
    if LONGEST_S < span.duration < inf:
        return None
    part = Span(span.start, min(span.end, span.start + LONGEST_S + 1 / fps))
    batches: list[Decoded] = []
    for event in pool.decode([Job(str(clip), ClipSpec(1, fps, spec.size, hop=1), part)]):
        if isinstance(event, Failed):
            raise VideoError(clip, event.reason)
        if isinstance(event, Decoded):
            batches.append(event)
    pictures = np.concatenate([batch.frames[:, 0] for batch in batches])
    shown = Span(batches[0].spans[0].start, batches[-1].spans[-1].end)
    return Strip(pictures, shown) if shown.duration <= LONGEST_S else None


def _long_reading(clip: str | Path, span: Span, checkpoint: Checkpoint, pool: DecodePool) -> Reading:
    """A long part of a clip as it is, of which there is never more than a batch of windows in memory."""
    spec = replace(checkpoint.spec, hop=1)
    job = Job(str(clip), spec, span, clips=MOST_WINDOWS, finer=FINER)
    last = list(encode_videos([job], checkpoint, pool))[-1]
    if isinstance(last, Failed):
        raise VideoError(clip, last.reason)
    assert isinstance(last, Encoded)
    spans = last.video.spans
    whole = Span(spans[0].start, spans[-1].end)
    return Reading(
        Timeline(whole, np.array([part.start for part in spans]), checkpoint.spec.clip_s), last.video.embeddings
    )
