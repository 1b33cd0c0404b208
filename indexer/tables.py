"""The tables of a catalog."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Double, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


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


class Sketch(Base):
    """Small grey pictures of a video from the start of one clip to that of the next, see `footage.pack`."""

    __tablename__ = "sketch"
    video_id: Mapped[int] = mapped_column(ForeignKey("video.id", ondelete="CASCADE"), primary_key=True)
    start: Mapped[float] = mapped_column(primary_key=True)  # seconds
    pictures: Mapped[bytes] = mapped_column(LargeBinary)
