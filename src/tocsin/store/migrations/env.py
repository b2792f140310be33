"""Alembic's entry: runs the steps in the connection that store.migrate opened."""

from alembic import context

from tocsin.store.zone_tables import zone  # its module knows every other table as well

context.configure(connection=context.config.attributes["connection"], target_metadata=zone.metadata)
context.run_migrations()
