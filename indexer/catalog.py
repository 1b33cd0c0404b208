"""The catalog: which files hold which videos, and the embedding of every clip. The truth of a library.

A `File` is a path; a `Video` is content. Byte-identical files share one video; a file that can't be read has a reason
instead.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, count, groupby, islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, bindparam, delete, exists, func, insert, select, text, update
from sqlalchemy.engine import URL
from sqlalchemy.orm import InstrumentedAttribute, Session

from encoder.clips import Span
from encoder.video import VideoInfo
from indexer.database import CatalogError, connect
from indexer.ranges import ClipRanges, Ids
from indexer.tables import Clip, File, Meta, Sketch, Video

__all__ = [
    "Catalog", "CatalogError", "Clip", "Embeddings", "EncodedVideo", "File", "FileState", "KnownFile", "Video",
    "is_below",
]  # fmt: skip

Embeddings = NDArray[np.float32]  # (N, D) unit vectors
_STORED = np.dtype("<f2")  # float16, little-endian
_BLOCK = 10_000  # rows read, or values given, at once
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells an unchanged file from a changed one."""

    path: str  # absolute
    size: int  # bytes
    modified: int  # nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the catalog has it."""

    state: FileState
    content: str | None
    video_id: int | None
    reason: str | None


@dataclass(frozen=True)
class EncodedVideo:
    """Everything that one transaction commits of a new video."""

    info: VideoInfo
    duration: float  # seconds, as decoded
    damaged: int
    spans: list[Span]
    embeddings: Embeddings  # (N, D)
    sketches: list[bytes] = field(default_factory=list)  # N, or none


class Catalog:
    """Typed access to the tables; each method is one transaction, and raises CatalogError where the database fails."""

    def __init__(self, url: str | URL) -> None:
        self.engine = connect(url)
        self._ranges: tuple[int, ClipRanges] | None = None  # with the generation that they are of

    def close(self) -> None:
        """Give the database connections back."""
        self.engine.dispose()

    def meta(self) -> dict[str, str]:
        """All facts of the library."""
        with Session(self.engine) as session:
            return {row.key: row.value for row in session.scalars(select(Meta))}

    def set_meta(self, **facts: str) -> None:
        """Write facts of the library."""
        with Session(self.engine) as session, session.begin():
            for key, value in facts.items():
                session.merge(Meta(key=key, value=value))

    def generation(self) -> int:
        """How often the set of clips has changed; the vector index must be of the same generation."""
        with self.engine.connect() as connection:
            return _generation(connection)

    # Files

    def files(self, roots: Iterable[str] | None = None) -> dict[str, KnownFile]:
        """The files at or below the given absolute paths, or all, by path."""
        given = None if roots is None else set(roots)
        folders = tuple(_inside(root) for root in given or ())
        with self.engine.connect() as connection:
            return {
                row.path: _known(*row)
                for rows in connection.execute(_FILES).partitions(_BLOCK)
                for row in rows
                if given is None or row.path in given or row.path.startswith(folders)
            }

    def files_of(self, content: str) -> list[KnownFile]:
        """The files with this content, oldest first."""
        with self.engine.connect() as connection:
            return [_known(*row) for row in connection.execute(_FILES.where(File.content == content).order_by(File.id))]

    def paths(self, video_ids: Iterable[int] | None = None) -> dict[int, list[str]]:
        """The paths of the given videos, or of all, oldest first."""
        query = select(File.video_id, File.path).where(File.video_id.is_not(None)).order_by(File.id)
        found: dict[int, list[str]] = {}
        with self.engine.connect() as connection:
            for part in _narrowed(query, File.video_id, video_ids):
                for video_id, path in connection.execute(part):
                    found.setdefault(video_id, []).append(path)
        return found

    def named(self, text: str, most: int) -> dict[int, str]:
        """Videos with a path that holds a text, in whatever case, newest first: a path of each by its id."""
        query = select(File.video_id, File.path).where(File.video_id.is_not(None)).order_by(File.id.desc()).limit(most)
        with self.engine.connect() as connection:
            rows = connection.execute(query.where(File.path.icontains(text, autoescape=True)) if text else query)
            return {video_id: path for video_id, path in rows if video_id is not None}

    def set_file(
        self, state: FileState, content: str | None, *, video_id: int | None = None, reason: str | None = None
    ) -> None:
        """Record a file with its video or its reason; a video that loses its last file goes."""
        with Session(self.engine) as session, session.begin():
            _set_file(session, state, content, video_id, reason)

    def move_file(self, old: str, state: FileState) -> None:
        """Give a file its new path; whatever the catalog had at that path goes."""
        with Session(self.engine) as session, session.begin():
            _delete_files(session, [state.path])
            session.execute(
                update(File).where(File.path == old).values(path=state.path, size=state.size, modified=state.modified)
            )

    def remove_files(self, paths: Iterable[str]) -> int:
        """Forget files, and the videos that no file is left of; return how many files there were."""
        with Session(self.engine) as session, session.begin():
            return _delete_files(session, paths)

    # Videos and clips

    def add_video(self, state: FileState, content: str, video: EncodedVideo) -> int:
        """Commit a whole video with its file and clips in one transaction, and return its id."""
        with Session(self.engine) as session, session.begin():
            info = video.info
            row = Video(
                content=content, duration=video.duration, width=info.width, height=info.height, fps=info.fps,
                codec=info.codec, damaged=video.damaged, added=datetime.now(UTC).replace(tzinfo=None),
            )  # fmt: skip
            session.add(row)
            session.flush()
            stored = np.ascontiguousarray(video.embeddings, _STORED)
            session.execute(
                insert(Clip),
                [
                    {"video_id": row.id, "start": span.start, "end": span.end, "embedding": vector.tobytes()}
                    for span, vector in zip(video.spans, stored, strict=True)
                ],
            )
            if video.sketches:
                session.execute(
                    insert(Sketch),
                    [
                        {"video_id": row.id, "start": span.start, "pictures": sketch}
                        for span, sketch in zip(video.spans, video.sketches, strict=True)
                    ],
                )
            _set_file(session, state, content, row.id, None)
            _next_generation(session)
            return row.id

    def drop_video(self, video_id: int) -> None:
        """Forget a video with its clips and files, so that the files count as new."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(File).where(File.video_id == video_id))
            _drop_orphans(session, [video_id])

    def number_videos(self, ids: Mapping[str, int]) -> None:
        """Give each video the id wanted for its content, and those that have none ids above all these."""
        with Session(self.engine) as session, session.begin():
            rows = session.execute(select(Video.id, Video.content).order_by(Video.id)).all()
            others = count(max(ids.values(), default=0) + 1)
            wanted = [(video_id, ids.get(content) or next(others)) for video_id, content in rows]
            moves = [{"now": now, "then": -then} for now, then in wanted if now != then]
            if not moves:
                return
            if self.engine.dialect.name == "sqlite":
                session.execute(text("PRAGMA defer_foreign_keys=ON"))
            connection = session.connection()
            for column in (Video.id, File.video_id, Clip.video_id, Sketch.video_id):
                table = column.class_.__table__
                ours = table.c[column.key]
                connection.execute(
                    update(table).where(ours == bindparam("now")).values({ours: bindparam("then")}), moves
                )
                connection.execute(update(table).where(ours < 0).values({ours: -ours}))
            _next_generation(session)
        self._ranges = None  # later ones follow what is kept, and here the kept ones have changed

    def drop_lost_files(self) -> None:
        """Forget the files that have neither a video nor a reason, so that they count as new."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(File).where(File.video_id.is_(None), File.reason.is_(None)))

    def videos(self, video_ids: Iterable[int] | None = None) -> dict[int, Video]:
        """The given videos, or all, by id."""
        query = select(Video).order_by(Video.id)
        with Session(self.engine, expire_on_commit=False) as session:
            return {row.id: row for part in _narrowed(query, Video.id, video_ids) for row in session.scalars(part)}

    def damaged(self) -> dict[int, int]:
        """How many packets could not be decoded of each video of which there are any, by id."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(Video.id, Video.damaged).where(Video.damaged > 0).order_by(Video.id))
            return {video_id: packets for video_id, packets in rows}  # noqa: C416 - rows are no tuples

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
            parts = _narrowed(select(Clip.id, Clip.start), Clip.id, clip_ids)
            return {clip_id: start for part in parts for clip_id, start in connection.execute(part)}

    def clips_of(self, video_id: int) -> tuple[list[Span], Embeddings]:
        """The spans and embeddings of a video's clips, in order of time."""
        return dict(self.clips_of_videos([video_id])).get(video_id, ([], np.empty((0, 0), np.float32)))

    def clips_of_videos(self, video_ids: Iterable[int]) -> Iterator[tuple[int, tuple[list[Span], Embeddings]]]:
        """Yield (id, what `clips_of` gives) of each of the videos that has clips, by ascending id, one in memory."""
        query = select(Clip.video_id, Clip.start, Clip.end, Clip.embedding).order_by(Clip.video_id, Clip.id)
        with self.engine.connect() as connection:
            for part in _narrowed(query, Clip.video_id, sorted(video_ids)):
                rows = connection.execute(part).yield_per(_BLOCK)
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
        query = select(Clip.id, Clip.embedding).order_by(Clip.id).limit(_BLOCK)
        with self.engine.connect() as connection:
            while rows := connection.execute(query.where(Clip.id > after)).all():
                ids, blobs = zip(*rows, strict=True)
                yield np.array(ids, np.int64), _stack(blobs)
                after = ids[-1]

    def totals(self) -> tuple[int, int, float]:
        """Number of videos and of clips, and the videos' length in seconds."""
        with self.engine.connect() as connection:
            videos, seconds = connection.execute(
                select(func.count(), func.coalesce(func.sum(Video.duration), 0.0))
            ).one()
            return videos, _number_of_clips(connection), float(seconds)

    def _clip_ranges(self) -> ClipRanges:
        """Those of all clips, kept from call to call: where clips were only added since, only those are read."""
        with self.engine.connect() as connection:
            generation = _generation(connection)
            before, ranges = self._ranges or (-1, None)
            if ranges is None or before > generation:
                ranges = _read_ranges(connection)
            elif before < generation:
                ranges = ranges.followed_by(_read_ranges_above(connection, ranges.last))
                if len(ranges) != _number_of_clips(connection):  # ids are never given twice: some were removed
                    ranges = _read_ranges(connection)
        self._ranges = generation, ranges
        return ranges


def is_below(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies in it."""
    return path == root or path.startswith(_inside(root))


def _inside(root: str) -> str:
    return root.rstrip(os.sep) + os.sep


_FILES = select(File.path, File.size, File.modified, File.content, File.video_id, File.reason)


def _known(
    path: str, size: int, modified: int, content: str | None, video_id: int | None, reason: str | None
) -> KnownFile:
    return KnownFile(FileState(path, size, modified), content, video_id, reason)


def _narrowed(
    query: "Select[*tuple[Any, ...]]", column: InstrumentedAttribute[Any], values: Iterable[int] | None
) -> Iterator["Select[*tuple[Any, ...]]"]:
    """The query for the given values of a column, or for all there are."""
    if values is None:
        yield query
    else:
        yield from (query.where(column.in_(block)) for block in _blocks(values))


def _blocks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """The different values, as many at once as a statement can take."""
    left = iter(dict.fromkeys(values))
    while block := list(islice(left, _BLOCK)):
        yield block


def _generation(connection: Connection) -> int:
    return int(connection.scalar(select(Meta.value).where(Meta.key == "generation")) or 0)


def _number_of_clips(connection: Connection) -> int:
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


def _set_file(
    session: Session, state: FileState, content: str | None, video_id: int | None, reason: str | None
) -> None:
    row = session.scalar(select(File).where(File.path == state.path)) or File(path=state.path)
    before = row.video_id
    row.size, row.modified = state.size, state.modified
    row.content, row.video_id, row.reason = content, video_id, reason
    session.add(row)
    if before not in (None, video_id):
        _drop_orphans(session, [before])


def _delete_files(session: Session, paths: Iterable[str]) -> int:
    video_ids: list[int | None] = []
    for block in _blocks(paths):
        video_ids += session.scalars(delete(File).where(File.path.in_(block)).returning(File.video_id))
    _drop_orphans(session, video_ids)
    return len(video_ids)


def _drop_orphans(session: Session, video_ids: Iterable[int | None]) -> None:
    """Delete those of the videos that no file is left of, with their clips."""
    session.flush()
    has_file = exists().where(File.video_id == Video.id)
    dropped = 0
    for block in _blocks(i for i in video_ids if i is not None):
        dropped += len(session.scalars(delete(Video).where(Video.id.in_(block), ~has_file).returning(Video.id)).all())
    if dropped:
        _next_generation(session)


def _next_generation(session: Session) -> None:
    row = session.get(Meta, "generation") or Meta(key="generation", value="0")
    row.value = str(int(row.value) + 1)
    session.add(row)


def _stack(blobs: Sequence[bytes]) -> Embeddings:
    sizes = {len(blob) for blob in blobs}
    if len(sizes) != 1 or sum(sizes) % _STORED.itemsize:
        raise CatalogError(
            f"an embedding is damaged (they have {sorted(sizes)} bytes); mend it with: reelseek verify --repair"
        )
    return np.frombuffer(b"".join(blobs), _STORED).reshape(len(blobs), -1).astype(np.float32)
