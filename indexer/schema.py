"""Bring a catalog's tables to this version's schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from encoder.errors import WorldError


class SchemaError(WorldError):
    """A catalog written by a later version of the program."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Create or migrate the tables, in one transaction; to an earlier revision than the newest in tests only.

    Raises:
        SchemaError: the catalog is of a later version.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise SchemaError(f"its catalog has schema {current}, newer than this version's {head}") from error
