"""Check a library against itself: catalog, embeddings and the vector index made from them; and repair what can be."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

import numpy as np
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from encoder.clips import Span
from indexer.catalog import Catalog
from indexer.database import CatalogError
from indexer.library import Library
from indexer.sketches import SketchError, unpack
from indexer.tables import Clip, File, Video
from indexer.vector_file import CacheError, check
from indexer.vectors import VectorIndex

_SECONDS = 1e-6  # of rounding
_ROUNDING = 2e-3  # of the length of a float16 unit vector


@dataclass
class Verification:
    """What a check found, and what was done about it."""

    problems: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong (any more)."""
        return len(self.problems) == len(self.repaired)


def verify(library: Library, repair: bool = False) -> Verification:
    """Check that every file has its video, every video its clips, every clip its vector, and that all are sound.

    Args:
        library: to check.
        repair: drop what is broken from the catalog, so that the next `add` indexes it again, and rebuild the cache.

    Raises:
        LibraryError: another process is changing the library.
    """
    result = Verification()
    with library.changing():
        _check_database(library.catalog, result)
        for video_id, problem in _broken_videos(library):
            result.problems.append(problem)
            if repair:
                _drop(library.catalog, video_id)
                result.repaired.append(problem)
        for problem in _wrong_cache(library):
            result.problems.append(problem)
            if repair:
                library.index.rebuild()
                result.repaired.append(problem)
    return result


def _check_database(catalog: Catalog, result: Verification) -> None:
    with catalog.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            said = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check"))]
            result.problems += [f"the catalog's file is damaged: {line}" for line in said if line != "ok"]


def _broken_videos(library: Library) -> Iterator[tuple[int, str]]:
    """Yield (video id, problem) for each video that is not whole."""
    catalog = library.catalog
    counts = select(Clip.video_id, func.count(Clip.id).label("clips")).group_by(Clip.video_id).subquery()
    with Session(catalog.engine) as session:
        rows = session.execute(
            select(Video.id, Video.duration, counts.c.clips, func.count(File.id))
            .outerjoin(counts, counts.c.video_id == Video.id)
            .outerjoin(File, File.video_id == Video.id)
            .group_by(Video.id, Video.duration, counts.c.clips)
        ).all()
        lost = session.execute(select(File.id, File.path).where(File.video_id.is_(None), File.reason.is_(None))).all()
    for _, path in lost:
        yield 0, f"{path} has neither a video nor a reason why not"
    paths = catalog.paths()
    for video_id, duration, clips, files in rows:
        name = paths.get(video_id, [f"video {video_id}"])[0]
        if not files:
            yield video_id, f"{name} belongs to no file"
        elif not clips:
            yield video_id, f"{name} has no clips"
        elif problem := _broken_clips(library, video_id, duration):
            yield video_id, f"{name}: {problem}"


def _broken_clips(library: Library, video_id: int, duration: float) -> str | None:
    dim, spec = library.checkpoint.config.dim, library.checkpoint.spec
    try:
        spans, embeddings = library.catalog.clips_of(video_id)
    except (CatalogError, ValueError) as error:
        return f"a clip can't be read ({error})"
    if embeddings.shape[1] != dim:
        return f"its embeddings have {embeddings.shape[1]} numbers, not {dim}"
    if not np.isfinite(embeddings).all() or np.abs(np.linalg.norm(embeddings, axis=1) - 1).max() > _ROUNDING:
        return "an embedding is not a unit vector"
    starts = [span.start for span in spans]
    if len(set(starts)) < len(starts):
        return "a clip is there twice"
    gap = max(np.diff(starts), default=0.0)
    if abs(spans[-1].end - duration) > _SECONDS or spans[0].start != 0 or gap > spec.hop_s + _SECONDS:
        return "its clips do not cover it"
    return _broken_sketches(library.catalog, video_id, starts)


def _broken_sketches(catalog: Catalog, video_id: int, starts: list[float]) -> str | None:
    """What is wrong with the sketches of a video; it may have none, if an earlier version indexed it."""
    packed = catalog.sketches(video_id, Span(0.0, inf))
    if packed and [start for start, _ in packed] != starts:
        return "its sketches are not those of its clips"
    try:
        for _, sketch in packed:
            unpack(sketch)
    except SketchError as error:
        return str(error).partition(";")[0]
    return None


def _drop(catalog: Catalog, video_id: int) -> None:
    """Forget a video and its files, so that they count as new; 0 stands for files that have no video."""
    if video_id:
        catalog.drop_video(video_id)
    else:
        catalog.drop_lost_files()


def _wrong_cache(library: Library) -> Iterator[str]:
    """Say what is wrong with the cache file; one that is missing or behind only costs time and is no problem."""
    if not library.index.path.exists():
        return
    try:
        check(library.index.path)
        index = VectorIndex.load(library.index.path, library.checkpoint.config.dim)
    except CacheError as error:
        yield f"{library.index.path.name} can't be used: {error}"
        return
    if index.generation != library.catalog.generation():
        return
    if not np.array_equal(index.ids(), library.catalog.clip_ids()):
        yield f"{library.index.path.name} does not hold the catalog's clips"
        return
    try:
        for ids, embeddings in library.catalog.embeddings():
            if not np.array_equal(index.vectors(ids), embeddings, equal_nan=True):
                yield f"{library.index.path.name} holds other vectors than the catalog"
                return
    except CatalogError:
        return  # said already of the video that it belongs to
