"""The database of a catalog, and how it is connected to."""

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import URL

from encoder.errors import WorldError


class CatalogError(WorldError):
    """A catalog that can't be used, in one sentence."""


class Database:
    """A connected database."""

    def __init__(self, url: str | URL) -> None:
        self.engine = _connected(url)

    def close(self) -> None:
        """Give its connections back."""
        self.engine.dispose()


def _connected(url: str | URL) -> Engine:
    """An engine whose transactions are durable when they end, and whose errors are CatalogError."""
    engine = create_engine(url)
    event.listen(engine, "handle_error", _in_words)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _prepare(connection, _record) -> None:  # type: ignore[no-untyped-def]  # DBAPI objects
            connection.isolation_level = None  # else Python's driver commits before each change of the schema
            # FULL: the cache beside it is synced too; power loss must not undo the commits that it was made from.
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
