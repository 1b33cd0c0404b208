"""The catalog: which files hold which videos, and the embedding of every clip. The truth of a library.

A `File` is a path; a `Video` is content. Byte-identical files share one video; a file that can't be read has a reason
instead.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Connection,
    Double,
    Engine,
    ExceptionContext,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    create_engine,
    delete,
    event,
    func,
    select,
    update,
)
from sqlalchemy.engine import URL
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from encoder.clips import Span
from encoder.errors import WorldError
from encoder.video import VideoInfo

Embeddings = NDArray[np.float32]  # (N, D) unit vectors
_STORED = np.dtype("<f2")  # float16, little-endian
_BLOCK = 10_000  # rows read at once


class CatalogError(WorldError):
    """A catalog that can't be used, in one sentence."""


class Base(DeclarativeBase):
    """Of all tables."""

    type_annotation_map: ClassVar = {float: Double}


class Meta(Base):
    """Facts of the library itself, one a row."""

    __tablename__ = "meta"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]


class Video(Base):
    """The content of one or more identical files; its id is never given twice, since pages link to it."""

    __tablename__ = "video"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str] = mapped_column(String(32), unique=True)  # XXH3-128 of the whole file, hexadecimal
    duration: Mapped[float]  # seconds
    width: Mapped[int]  # pixels as shown
    height: Mapped[int]  # pixels as shown
    fps: Mapped[float]  # mean frames a second, 0 if unknown
    codec: Mapped[str]
    damaged: Mapped[int]  # packets that could not be decoded
    added: Mapped[datetime]  # UTC


class File(Base):
    """A path of the collection: with its video, or with the reason why it has none."""

    __tablename__ = "file"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)  # absolute
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    modified: Mapped[int] = mapped_column(BigInteger)  # nanoseconds since 1970
    content: Mapped[str | None] = mapped_column(
        String(32), index=True
    )  # as Video.content; None: could not be read at all
    video_id: Mapped[int | None] = mapped_column(ForeignKey("video.id"), index=True)
    reason: Mapped[str | None]  # why it has no video


class Clip(Base):
    """A clip of a video; its id is its id in the vector index and is never given twice."""

    __tablename__ = "clip"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("video.id", ondelete="CASCADE"), index=True)
    start: Mapped[float]  # seconds
    end: Mapped[float]  # seconds
    embedding: Mapped[bytes] = mapped_column(LargeBinary)  # D float16, little-endian


@dataclass(frozen=True)
class FileState:
    """What tells an unchanged file from a changed one."""

    path: str  # absolute
    size: int  # bytes
    modified: int  # nanoseconds since 1970


@dataclass(frozen=True)
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


class Catalog:
    """Typed access to the tables; each method is one transaction, and raises CatalogError where the database fails."""

    def __init__(self, url: str | URL) -> None:
        self.engine = _connect(url)

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
        with Session(self.engine) as session:
            return int(session.scalar(select(Meta.value).where(Meta.key == "generation")) or 0)

    # Files

    def files(self, roots: Iterable[str] | None = None) -> dict[str, KnownFile]:
        """The files at or below the given absolute paths, or all, by path."""
        query = select(File)
        with Session(self.engine) as session:
            known = {row.path: _known(row) for row in session.scalars(query).yield_per(_BLOCK)}
        return known if roots is None else {p: f for p, f in known.items() if any(is_below(p, root) for root in roots)}

    def files_of(self, content: str) -> list[KnownFile]:
        """The files with this content, oldest first."""
        with Session(self.engine) as session:
            return [
                _known(row) for row in session.scalars(select(File).where(File.content == content).order_by(File.id))
            ]

    def paths(self, video_ids: Iterable[int] | None = None) -> dict[int, list[str]]:
        """The paths of the given videos, or of all, oldest first."""
        query = select(File.video_id, File.path).where(File.video_id.is_not(None)).order_by(File.id)
        if video_ids is not None:
            query = query.where(File.video_id.in_(list(video_ids)))
        found: dict[int, list[str]] = {}
        with Session(self.engine) as session:
            for video_id, path in session.execute(query):
                found.setdefault(video_id or 0, []).append(path)
        return found

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

    def remove_files(self, paths: Iterable[str]) -> None:
        """Forget files, and the videos that no file is left of."""
        with Session(self.engine) as session, session.begin():
            _delete_files(session, paths)

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
            session.add_all(
                Clip(video_id=row.id, start=span.start, end=span.end, embedding=vector.tobytes())
                for span, vector in zip(video.spans, stored, strict=True)
            )
            _set_file(session, state, content, row.id, None)
            _next_generation(session)
            return row.id

    def drop_video(self, video_id: int) -> None:
        """Forget a video with its clips and files, so that the files count as new."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(File).where(File.video_id == video_id))
            _drop_orphans(session, [video_id])

    def drop_lost_files(self) -> None:
        """Forget the files that have neither a video nor a reason, so that they count as new."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(File).where(File.video_id.is_(None), File.reason.is_(None)))

    def videos(self, video_ids: Iterable[int] | None = None) -> dict[int, Video]:
        """The given videos, or all, by id."""
        query = select(Video).order_by(Video.id)
        if video_ids is not None:
            query = query.where(Video.id.in_(list(video_ids)))
        with Session(self.engine, expire_on_commit=False) as session:
            return {row.id: row for row in session.scalars(query)}

    def clip_ids(self) -> NDArray[np.int64]:
        """The ids of all clips, ascending."""
        with Session(self.engine) as session:
            return np.fromiter(session.scalars(select(Clip.id).order_by(Clip.id)), np.int64)

    def videos_of_clips(self, clip_ids: Iterable[int]) -> dict[int, int]:
        """The video id of each clip id that is in the catalog."""
        wanted = list(dict.fromkeys(clip_ids))
        found: dict[int, int] = {}
        with Session(self.engine) as session:
            for i in range(0, len(wanted), _BLOCK):
                rows = session.execute(select(Clip.id, Clip.video_id).where(Clip.id.in_(wanted[i : i + _BLOCK])))
                found |= {clip_id: video_id for clip_id, video_id in rows}  # noqa: C416 - rows are no tuples
        return found

    def clips_of(self, video_id: int) -> tuple[list[Span], Embeddings]:
        """The spans and embeddings of a video's clips, in order of time."""
        with Session(self.engine) as session:
            rows = session.execute(
                select(Clip.start, Clip.end, Clip.embedding).where(Clip.video_id == video_id).order_by(Clip.start)
            ).all()
        return [Span(start, end) for start, end, _ in rows], _stack(blob for _, _, blob in rows)

    def embeddings(self, after: int = 0) -> Iterator[tuple[NDArray[np.int64], Embeddings]]:
        """Yield (ids, embeddings) of all clips with an id above `after`, ascending, in blocks."""
        with Session(self.engine) as session:
            while rows := session.execute(
                select(Clip.id, Clip.embedding).where(Clip.id > after).order_by(Clip.id).limit(_BLOCK)
            ).all():
                yield np.array([row.id for row in rows], np.int64), _stack(row.embedding for row in rows)
                after = rows[-1].id

    def totals(self) -> tuple[int, int, float]:
        """Number of videos and of clips, and the videos' length in seconds."""
        with Session(self.engine) as session:
            videos, seconds = session.execute(
                select(func.count(Video.id), func.coalesce(func.sum(Video.duration), 0.0))
            ).one()
            return videos, session.scalar(select(func.count(Clip.id))) or 0, float(seconds)


def is_below(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies in it."""
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _connect(url: str | URL) -> Engine:
    engine = create_engine(url)
    event.listen(engine, "handle_error", _in_words)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _prepare(connection, _record) -> None:  # type: ignore[no-untyped-def]  # DBAPI objects
            connection.isolation_level = None  # else Python's driver commits before each change of the schema
            for pragma in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=ON", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

    return engine


def _in_words(context: ExceptionContext) -> None:
    if context.sqlalchemy_exception is not None:  # the database's fault
        what = str(context.original_exception)
        if "disk is full" in what:
            what += "; make room and run the same command again, what was done so far is kept"
        raise CatalogError(f"the catalog can't be used: {what}") from context.original_exception


def _known(row: File) -> KnownFile:
    return KnownFile(FileState(row.path, row.size, row.modified), row.content, row.video_id, row.reason)


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


def _delete_files(session: Session, paths: Iterable[str]) -> None:
    affected: list[int | None] = []
    for path in paths:
        affected += session.scalars(delete(File).where(File.path == path).returning(File.video_id))
    _drop_orphans(session, affected)


def _drop_orphans(session: Session, video_ids: Iterable[int | None]) -> None:
    """Delete those of the videos that no file is left of, with their clips."""
    session.flush()
    for video_id in {i for i in video_ids if i is not None}:
        if session.scalar(select(File.id).where(File.video_id == video_id).limit(1)) is None:
            session.execute(delete(Video).where(Video.id == video_id))
            _next_generation(session)


def _next_generation(session: Session) -> None:
    row = session.get(Meta, "generation") or Meta(key="generation", value="0")
    row.value = str(int(row.value) + 1)
    session.add(row)


def _stack(blobs: Iterable[bytes]) -> Embeddings:
    try:
        rows = [np.frombuffer(blob, _STORED) for blob in blobs]
        return np.stack(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)
    except ValueError as error:
        raise CatalogError(f"an embedding is damaged ({error}); mend it with: reelseek verify --repair") from error
