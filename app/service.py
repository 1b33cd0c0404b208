"""What the command line and the web page share: libraries opened or made, and results as plain JSON-ready values."""

import os
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from app.settings import Settings
from encoder.checkpoint import DEFAULT, load_encoder
from indexer.align import Segment
from indexer.confidence import Fit, fit_for, why_none
from indexer.current import exists
from indexer.leftovers import Leftover
from indexer.library import Library
from indexer.measure import measure_index
from indexer.requests import Mode
from indexer.search import Match
from indexer.update import UpdateReport
from indexer.vectors import cached_generation

Json = dict[str, Any]


def open_or_create(settings: Settings, encoder: str | None = None) -> Library:
    """Open the library, or make an empty one with the given encoder, else the default one.

    Raises:
        LibraryError: it can't be opened, or was built by another encoder than the one asked for.
        CheckpointError: there is no such encoder.
    """
    if not exists(settings.library):
        return Library.create(settings.library, load_encoder(encoder or DEFAULT), settings.catalog_url)
    library = Library.open(settings.library, settings.catalog_url)
    if encoder is not None:
        library.require_encoder(load_encoder(encoder))
    return library


def search_rows(library: Library, matches: list[Match], mode: Mode = Mode.SIMILAR) -> list[Json]:
    """The result of `reelseek search --json`: one row a video, best first, times in seconds.

    With "confidence" where it is known what the scores of this encoder mean in this mode, see `meaning`.
    """
    paths = library.catalog.paths(match.video_id for match in matches)
    fit = fit_for(library.checkpoint.fingerprint, mode)
    return [_search_row(match, paths[match.video_id], fit) for match in matches if match.video_id in paths]


def path_here(paths: list[str]) -> str:
    """The first of the paths of a video at which there is a file now; the first of all if there is none."""
    return next((path for path in paths if os.path.exists(path)), paths[0])  # noqa: PTH110 - strings keep odd names


def _search_row(match: Match, paths: list[str], fit: Fit | None) -> Json:
    here = path_here(paths)
    segments = [_segment(segment, match.together is not None, fit) for segment in match.segments]
    copies = [path for path in paths if path != here]
    score = round(min(1.0, match.score), 4)
    return {
        "path": here, **segments[0], "score": score, "segments": segments, "copies": copies, "video": match.video_id
    }  # fmt: skip


def _segment(segment: Segment, together: bool, fit: Fit | None) -> Json:
    score = min(1.0, segment.score)
    return {
        "score": round(score, 4),
        "start": round(segment.video.start, 3),
        "end": round(segment.video.end, 3),
        "query_start": round(segment.query.start, 3),
        "query_end": round(segment.query.end, 3),
        "tempo": round(segment.tempo, 3),
        **({"example": segment.example} if together else {}),
        **({"confidence": round(fit.chance(score), 3)} if fit and not together else {}),  # of one example alone
    }


def meaning(library: Library, mode: Mode) -> str:
    """What the confidence of answers is and how it was fitted, or why they have none."""
    encoder = library.checkpoint.fingerprint
    fit = fit_for(encoder, mode)
    return fit.in_words() if fit else why_none(encoder, mode)


def index_result(report: UpdateReport, seconds: float) -> Json:
    """The result of `reelseek index --json`."""
    counts = ("indexed", "unchanged", "moved", "copies", "removed")
    return {
        **{name: getattr(report, name) for name in counts},
        "failed": [asdict(failure) for failure in report.failed],
        "clips": report.clips,
        "video_seconds": round(report.video_seconds, 3),
        "seconds": round(seconds, 3),
    }


def leftover_rows(found: Iterable[Leftover]) -> list[Json]:
    """Libraries that are not in use, as `reelseek clean --json` lists them."""
    return [
        {"encoder": one.encoder, "fingerprint": one.fingerprint, "videos": one.videos, "bytes": one.bytes}
        for one in found
    ]


def status(library: Library) -> Json:
    """The result of `reelseek status --json`: totals, encoder, cache and every file that could not be indexed."""
    meta, files = library.catalog.meta(), library.catalog.files()
    videos, clips, seconds = library.catalog.totals()
    spec = library.checkpoint.spec
    return {
        "library": str(library.folder),
        "videos": videos,
        "files": sum(file.video_id is not None for file in files.values()),
        "clips": clips,
        "video_seconds": round(seconds, 3),
        "bytes": sum(path.stat().st_size for path in library.folder.iterdir() if path.is_file()),
        "encoder": {
            "name": meta["encoder_name"],
            "fingerprint": meta["encoder"],
            "clip_s": spec.clip_s,
            "hop_s": spec.hop_s,
        },
        "cache": _cache_state(library),
        "damaged": damaged(library),
        "failed": [{"path": path, "reason": file.reason} for path, file in sorted(files.items()) if file.reason],
    }


def measured(library: Library) -> Json:
    """How much of what is nearest the library's index finds, and how soon, see `measure_index`."""
    return asdict(measure_index(library.index.current()))


def damaged(library: Library) -> list[Json]:
    """Videos that are searchable although parts of them could not be decoded."""
    partly = library.catalog.damaged()
    paths = library.catalog.paths(partly)
    return [{"path": paths[i][0], "packets": packets} for i, packets in partly.items() if i in paths]


def _cache_state(library: Library) -> str:
    facts, generation = library.index.facts, cached_generation(library.index.path)
    if facts is None:
        return "the search cache is missing or damaged, so the next search builds it"
    behind = generation != library.catalog.generation()
    return f"{facts}; behind, so the next search catches up" if behind else f"{facts}; up to date"
