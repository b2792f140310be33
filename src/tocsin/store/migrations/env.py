"""Alembic's entry: runs the steps in the connection that store.migrate opened."""

from alembic import context

from tocsin.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
