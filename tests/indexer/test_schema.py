import alembic.op
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from encoder.clips import Span
from indexer import schema
from indexer.catalog import Catalog
from indexer.tables import Base


@pytest.fixture
def engine(tmp_path):
    catalog = Catalog(f"sqlite:///{tmp_path}/catalog.sqlite")
    yield catalog.engine
    catalog.close()


def test_the_migrations_make_what_the_models_say(engine):
    schema.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_keep_the_counter_that_gives_clip_ids(engine):
    schema.upgrade(engine)
    with engine.connect() as connection:
        made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'clip'")).scalar_one()
    fresh = create_engine("sqlite://")
    Base.metadata.create_all(fresh)
    with fresh.connect() as connection:
        models = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'clip'")).scalar_one()
    fresh.dispose()
    assert "AUTOINCREMENT" in made
    assert "AUTOINCREMENT" in models
    assert ("ON DELETE CASCADE" in made) == ("ON DELETE CASCADE" in models) is True


def test_upgrading_twice_changes_nothing(engine):
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('generation', '7')"))
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM meta")).scalar_one() == "7"


def test_a_migration_that_breaks_off_leaves_nothing_and_can_be_run_again(engine, monkeypatch):
    make, made = alembic.op.create_table, []

    def break_off(name, *columns, **how):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(name)
        return make(name, *columns, **how)

    with monkeypatch.context() as patch:
        patch.setattr(alembic.op, "create_table", break_off)
        with pytest.raises(KeyboardInterrupt):
            schema.upgrade(engine)
    assert inspect(engine).get_table_names() == []
    schema.upgrade(engine)
    assert "clip" in inspect(engine).get_table_names()


def test_a_catalog_of_a_later_version_is_refused(engine):
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(schema.SchemaError, match="schema 9999, newer than this version's 0002"):
        schema.upgrade(engine)


def test_a_catalog_of_the_first_version_keeps_all_it_had(engine):
    schema.upgrade(engine, "0001")
    with engine.begin() as connection:
        video = "(1, 'c', 2.0, 64, 48, 25.0, 'h264', 0, '2026-01-01 00:00:00')"
        connection.execute(text(f"INSERT INTO video VALUES {video}"))
        connection.execute(text("INSERT INTO clip VALUES (7, 1, 0.0, 2.0, x'003c003c')"))
    assert not inspect(engine).has_table("sketch")
    schema.upgrade(engine)
    assert inspect(engine).has_table("sketch")
    catalog = Catalog(engine.url)
    spans, embeddings = catalog.clips_of(1)
    assert (spans, embeddings.tolist()) == ([Span(0.0, 2.0)], [[1.0, 1.0]])
    assert catalog.sketches(1, Span(0.0, 2.0)) == []
    catalog.close()
