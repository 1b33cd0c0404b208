"""Duplicates and coverage as plain JSON-ready values, for the command line and the web page."""

from collections.abc import Callable
from typing import Any

from app.service import path_here
from encoder.clips import Span
from indexer.coverage import Coverage, Source
from indexer.duplicates import Group, Shared, find_shared, grouped
from indexer.library import Library
from indexer.tracing import Stretch

Json = dict[str, Any]


def identical_files(library: Library) -> list[Json]:
    """Groups of byte-identical files only: at once, however large the library."""
    copied = [video for video, paths in library.catalog.paths().items() if len(paths) > 1]
    return _rows(library, grouped([], copied))


def duplicates(library: Library, progress: Callable[[int, int], None] | None = None) -> list[Json]:
    """The result of `reelseek duplicates --json`: groups of files that share footage, the largest first.

    Args:
        library: all of it is compared with itself.
        progress: told how many clips of how many are done.
    """
    copied = [video for video, paths in library.catalog.paths().items() if len(paths) > 1]
    shared = find_shared(library.catalog, library.index.current(), library.checkpoint.spec.fps, progress)
    return _rows(library, grouped(shared, copied))


def coverage_result(coverage: Coverage) -> Json:
    """The result of `reelseek coverage --json`."""
    return {
        "path": coverage.name,
        "duration": _seconds(coverage.duration),
        "covered": _seconds(coverage.covered),
        "parts": [
            {**_times(span), "in": [source.name for source in sources]} for span, sources in coverage.parts
        ],
        "sources": [_source(source) for source in coverage.sources],
    }  # fmt: skip


def edits(segment: Json) -> str:
    """What was done to footage, in words that go on after its times."""
    tempo, turned = abs(segment["tempo"]), segment["tempo"] < 0
    length = "" if abs(tempo - 1) < 0.01 else f", at {tempo:.2f} times the length"
    return length + (", reversed" if turned else "") + (", mirrored" if segment["mirrored"] else "")


def _rows(library: Library, groups: list[Group]) -> list[Json]:
    paths = library.catalog.paths(video for group in groups for video in group.videos)
    return [
        {
            "kind": group.kind,
            "files": [path for video in group.videos for path in paths[video]],
            "segments": [_segment(one, paths) for one in group.shared],
        }
        for group in groups
        if all(video in paths for video in group.videos)  # but those removed meanwhile
    ]


def _segment(one: Shared, paths: dict[int, list[str]]) -> Json:
    return {
        "a": path_here(paths[one.a]),
        "b": path_here(paths[one.b]),
        "a_video": one.a,
        "b_video": one.b,
        "whole": one.whole,
        **{f"a_{name}": value for name, value in _times(one.stretch.a).items()},
        **{f"b_{name}": value for name, value in _times(one.stretch.b).items()},
        **_how(one.stretch),
    }


def _source(source: Source) -> Json:
    segments = [
        {
            **_times(one.a),
            **{f"source_{name}": value for name, value in _times(one.b).items()},
            **_how(one),
        }
        for one in source.stretches
    ]
    return {
        "path": source.name, "video": source.video_id, "duration": _seconds(source.duration), "segments": segments
    }  # fmt: skip


def _how(stretch: Stretch) -> Json:
    """How the two run in step: seconds of the second for each of the first, negative where it runs backwards."""
    return {"tempo": round(stretch.tempo, 4), "mirrored": stretch.mirrored, "score": round(min(1.0, stretch.score), 4)}


def _times(span: Span) -> Json:
    return {"start": _seconds(span.start), "end": _seconds(span.end)}


def _seconds(seconds: float) -> float:
    return round(seconds, 3)
