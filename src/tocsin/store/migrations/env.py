"""Alembic's entry: runs the steps in the connection that store.migrate opened."""

from alembic import context

from tocsin.store.draw_tables import metadata  # its module knows every other table as well

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
