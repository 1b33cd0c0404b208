"""What Alembic runs: migrate over the connection that `indexer.schema` hands over."""

from alembic import context

from indexer.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,  # SQLite's too: the catalog begins its transactions itself
)
with context.begin_transaction():
    context.run_migrations()
