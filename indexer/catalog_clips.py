"""The clips of a catalog: their times, embeddings and small pictures."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, select
from sqlalchemy.engine import URL

from encoder.clips import Span
from indexer.database import CatalogError, Database
from indexer.generation import current_generation
from indexer.ranges import ClipRanges, Ids
from indexer.records import Embeddings
from indexer.statements import BLOCK, narrowed
from indexer.tables import Clip, Sketch

STORED = np.dtype("<f2")  # float16, little-endian


class CatalogClips(Database):
    """Typed access to the clips; each method is one transaction."""

    def __init__(self, url: str | URL) -> None:
        super().__init__(url)
        self._ranges: tuple[int, ClipRanges] | None = None  # with the generation that they are of

    def clip_ids(self, video_ids: Ids | None = None) -> Ids:
        """The ids of all clips, or of those of the given videos, ascending."""
        ranges = self._clip_ranges()
        return (ranges if video_ids is None else ranges.of_videos(video_ids)).ids()

    def videos_of_clips(self, clip_ids: Iterable[int]) -> dict[int, int]:
        """The video id of each clip id that is in the catalog."""
        ids = np.unique(np.fromiter(clip_ids, np.int64))
        videos = self._clip_ranges().videos_of(ids)
        return dict(zip(ids[videos > 0].tolist(), videos[videos > 0].tolist(), strict=True))

    def starts_of_clips(self, clip_ids: Iterable[int]) -> dict[int, float]:
        """When each clip begins that is in the catalog, in seconds of its video."""
        with self.engine.connect() as connection:
            parts = narrowed(select(Clip.id, Clip.start), Clip.id, clip_ids)
            return {clip_id: start for part in parts for clip_id, start in connection.execute(part)}

    def clips_of(self, video_id: int) -> tuple[list[Span], Embeddings]:
        """The spans and embeddings of a video's clips, in order of time."""
        return dict(self.clips_of_videos([video_id])).get(video_id, ([], np.empty((0, 0), np.float32)))

    def clips_of_videos(self, video_ids: Iterable[int]) -> Iterator[tuple[int, tuple[list[Span], Embeddings]]]:
        """Yield (id, what `clips_of` gives) of each of the videos that has clips, by ascending id, one in memory."""
        query = select(Clip.video_id, Clip.start, Clip.end, Clip.embedding).order_by(Clip.video_id, Clip.id)
        with self.engine.connect() as connection:
            for part in narrowed(query, Clip.video_id, sorted(video_ids)):
                rows = connection.execute(part).yield_per(BLOCK)
                for video_id, clips in groupby(rows, key=lambda row: row.video_id):
                    _, starts, ends, blobs = zip(*sorted(clips, key=lambda row: row.start), strict=True)
                    yield video_id, ([Span(*span) for span in zip(starts, ends, strict=True)], _stack(blobs))

    def sketches(self, video_id: int, span: Span) -> list[tuple[float, bytes]]:
        """Those of a video that start within a span, with their starts, in order of time."""
        query = select(Sketch.start, Sketch.pictures).where(Sketch.video_id == video_id).order_by(Sketch.start)
        with self.engine.connect() as connection:
            rows = connection.execute(query.where(Sketch.start >= span.start, Sketch.start < span.end)).all()
        return [(start, pictures) for start, pictures in rows]

    def embeddings(self, after: int = 0) -> Iterator[tuple[Ids, Embeddings]]:
        """Yield (ids, embeddings) of all clips with an id above `after`, ascending, in blocks."""
        query = select(Clip.id, Clip.embedding).order_by(Clip.id).limit(BLOCK)
        with self.engine.connect() as connection:
            while rows := connection.execute(query.where(Clip.id > after)).all():
                ids, blobs = zip(*rows, strict=True)
                yield np.array(ids, np.int64), _stack(blobs)
                after = ids[-1]

    def _clip_ranges(self) -> ClipRanges:
        """Those of all clips, kept from call to call: where clips were only added since, only those are read."""
        with self.engine.connect() as connection:
            generation = current_generation(connection)
            before, ranges = self._ranges or (-1, None)
            if ranges is None or before > generation:
                ranges = _read_ranges(connection)
            elif before < generation:
                ranges = ranges.followed_by(_read_ranges_above(connection, ranges.last))
                if len(ranges) != number_of_clips(connection):  # ids are never given twice: some were removed
                    ranges = _read_ranges(connection)
        self._ranges = generation, ranges
        return ranges

    def _forget_ranges(self) -> None:
        """Clips that were there belong to other videos now: later ones can't follow what is kept."""
        self._ranges = None


def number_of_clips(connection: Connection) -> int:
    """How many there are."""
    return connection.scalar(select(func.count()).select_from(Clip)) or 0


def _read_ranges(connection: Connection) -> ClipRanges:
    query = select(Clip.video_id, func.min(Clip.id), func.max(Clip.id), func.count()).group_by(Clip.video_id)
    videos, firsts, lasts, counts = _columns(connection, query)
    if not np.array_equal(lasts - firsts + 1, counts):  # some clips are missing, or were not written by us
        return _read_ranges_above(connection, 0)
    order = np.argsort(firsts)
    return ClipRanges(firsts[order], lasts[order], videos[order])


def _read_ranges_above(connection: Connection, clip_id: int) -> ClipRanges:
    query = select(Clip.id, Clip.video_id).where(Clip.id > clip_id).order_by(Clip.id)
    return ClipRanges.of_clips(*_columns(connection, query))


def _columns(connection: Connection, query: "Select[*tuple[Any, ...]]") -> NDArray[np.int64]:
    """What a query for integers gives; (columns, rows)."""
    values = np.fromiter(chain.from_iterable(connection.execute(query)), np.int64)
    return values.reshape(-1, len(query.selected_columns)).T


def _stack(blobs: Sequence[bytes]) -> Embeddings:
    sizes = {len(blob) for blob in blobs}
    if len(sizes) != 1 or sum(sizes) % STORED.itemsize:
        raise CatalogError(
            f"an embedding is damaged (they have {sorted(sizes)} bytes); mend it with: reelseek verify --repair"
        )
    return np.frombuffer(b"".join(blobs), STORED).reshape(len(blobs), -1).astype(np.float32)
