"""Bringing a database to the schema of this program."""

from dataclasses import dataclass
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from tocsin.store.engine import Database

# Any number, the same in every process: whoever holds it migrates, the others wait.
_LOCK: Final = 0x746F_6373


class NewerSchema(RuntimeError):
    """The database was migrated by a newer program than this one."""


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The step a database is at (None: empty) and the steps that this program would still take."""

    current: str | None
    pending: tuple[str, ...]


def status(database: Database) -> SchemaStatus:
    """Return how far the database is. Raises NewerSchema when it is further than this program."""
    with database.read() as connection:
        return _status(connection)


def upgrade(database: Database) -> SchemaStatus:
    """Bring the database to this program's schema; return where it stood before.

    One transaction: a kill leaves the old schema or the new one. Processes that upgrade at the
    same time take turns, and the later ones find nothing to do. Raises NewerSchema.
    """
    with database.write() as connection:
        if not database.is_sqlite:  # on SQLite the write transaction itself is the lock
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        before = _status(connection)
        if before.pending:
            command.upgrade(_config(connection), "head")
    return before


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "tocsin.store:migrations")
    config.attributes["connection"] = connection
    return config


def _status(connection: Connection) -> SchemaStatus:
    steps = [step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()]
    steps.reverse()
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in steps:
        raise NewerSchema(
            f"the database is at step {current}, which this program does not know: it was "
            "upgraded by a newer Tocsin. Run that one, or restore the backup made before"
        )
    return SchemaStatus(current, tuple(steps[steps.index(current) + 1 if current else 0 :]))
