"""The files of a catalog: paths, each with its video or with the reason why it has none."""

from collections.abc import Iterable

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from indexer.database import Database
from indexer.folders import inside
from indexer.generation import next_generation
from indexer.records import FileState, KnownFile
from indexer.statements import BLOCK, blocks, narrowed
from indexer.tables import File, Video

_FILES = select(File.path, File.size, File.modified, File.content, File.video_id, File.reason)


class CatalogFiles(Database):
    """Typed access to the files; each method is one transaction."""

    def files(self, roots: Iterable[str] | None = None) -> dict[str, KnownFile]:
        """The files at or below the given absolute paths, or all, by path."""
        given = None if roots is None else set(roots)
        folders = tuple(inside(root) for root in given or ())
        with self.engine.connect() as connection:
            return {
                row.path: _known(*row)
                for rows in connection.execute(_FILES).partitions(BLOCK)
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
            for part in narrowed(query, File.video_id, video_ids):
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
            set_file(session, state, content, video_id, reason)

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

    def drop_lost_files(self) -> None:
        """Forget the files that have neither a video nor a reason, so that they count as new."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(File).where(File.video_id.is_(None), File.reason.is_(None)))


def set_file(session: Session, state: FileState, content: str | None, video_id: int | None, reason: str | None) -> None:
    """Record a file within a transaction; see `CatalogFiles.set_file`."""
    row = session.scalar(select(File).where(File.path == state.path)) or File(path=state.path)
    before = row.video_id
    row.size, row.modified = state.size, state.modified
    row.content, row.video_id, row.reason = content, video_id, reason
    session.add(row)
    if before not in (None, video_id):
        drop_orphans(session, [before])


def drop_orphans(session: Session, video_ids: Iterable[int | None]) -> None:
    """Delete those of the videos that no file is left of, with their clips."""
    session.flush()
    has_file = exists().where(File.video_id == Video.id)
    dropped = 0
    for block in blocks(i for i in video_ids if i is not None):
        dropped += len(session.scalars(delete(Video).where(Video.id.in_(block), ~has_file).returning(Video.id)).all())
    if dropped:
        next_generation(session)


def _delete_files(session: Session, paths: Iterable[str]) -> int:
    video_ids: list[int | None] = []
    for block in blocks(paths):
        video_ids += session.scalars(delete(File).where(File.path.in_(block)).returning(File.video_id))
    drop_orphans(session, video_ids)
    return len(video_ids)


def _known(
    path: str, size: int, modified: int, content: str | None, video_id: int | None, reason: str | None
) -> KnownFile:
    return KnownFile(FileState(path, size, modified), content, video_id, reason)
