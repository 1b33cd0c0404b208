"""The catalog: which files hold which videos, and the embedding of every clip. The truth of a library.

A `File` is a path; a `Video` is content. Byte-identical files share one video; a file that can't be read has a reason
instead.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import count

import numpy as np
from sqlalchemy import bindparam, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from indexer.catalog_clips import STORED, CatalogClips, number_of_clips
from indexer.catalog_files import CatalogFiles, drop_orphans, set_file
from indexer.generation import current_generation, next_generation
from indexer.records import EncodedVideo, FileState
from indexer.statements import narrowed
from indexer.tables import Clip, File, Meta, Sketch, Video


class Catalog(CatalogFiles, CatalogClips):
    """Typed access to the tables; each method is one transaction, and raises CatalogError where the database fails."""

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
            return current_generation(connection)

    def totals(self) -> tuple[int, int, float]:
        """Number of videos and of clips, and the videos' length in seconds."""
        with self.engine.connect() as connection:
            videos, seconds = connection.execute(
                select(func.count(), func.coalesce(func.sum(Video.duration), 0.0))
            ).one()
            return videos, number_of_clips(connection), float(seconds)

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
            stored = np.ascontiguousarray(video.embeddings, STORED)
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
            set_file(session, state, content, row.id, None)
            next_generation(session)
            return row.id

    def drop_video(self, video_id: int) -> None:
        """Forget a video with its clips and files, so that the files count as new."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(File).where(File.video_id == video_id))
            drop_orphans(session, [video_id])

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
            next_generation(session)
        self._forget_ranges()

    def videos(self, video_ids: Iterable[int] | None = None) -> dict[int, Video]:
        """The given videos, or all, by id."""
        query = select(Video).order_by(Video.id)
        with Session(self.engine, expire_on_commit=False) as session:
            return {row.id: row for part in narrowed(query, Video.id, video_ids) for row in session.scalars(part)}

    def damaged(self) -> dict[int, int]:
        """How many packets could not be decoded of each video of which there are any, by id."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(Video.id, Video.damaged).where(Video.damaged > 0).order_by(Video.id))
            return {video_id: packets for video_id, packets in rows}  # noqa: C416 - rows are no tuples
