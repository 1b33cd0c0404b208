"""How often the set of clips of a catalog has changed; the vector index must be of the same generation."""

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from indexer.tables import Meta


def current_generation(connection: Connection) -> int:
    """The one that the catalog is at."""
    return int(connection.scalar(select(Meta.value).where(Meta.key == "generation")) or 0)


def next_generation(session: Session) -> None:
    """Count a change."""
    row = session.get(Meta, "generation") or Meta(key="generation", value="0")
    row.value = str(int(row.value) + 1)
    session.add(row)
