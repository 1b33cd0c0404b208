"""What Alembic runs: migrate over the connection that `indexer.schema` hands over."""

from alembic import context

from indexer.catalog import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
