"""PostgreSQL tells whoever listens what was changed; SQLite is looked at (store/changes.py).

A transaction that notifies keeps others that do from committing until it has: so nothing does
that happens once per message or per report. What senders record, the edge's reports and changes
of subscribers go untold.
"""

from typing import Final

from alembic import op

revision = "0004"
down_revision = "0003"

_TOLD: Final = (
    ("push_task", "INSERT OR UPDATE OF next_due_ms, status", "calendar"),
    ("execution", "INSERT OR UPDATE OF state, sweep", "executions"),
    ("parcel", "INSERT", "parcels"),
)


def upgrade() -> None:
    """Go one step forward."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(
        "CREATE FUNCTION tocsin_tell() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_notify('tocsin', TG_ARGV[0]); RETURN NULL; END $$"
    )
    for table, change, news in _TOLD:
        op.execute(
            f"CREATE TRIGGER {table}_told AFTER {change} ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION tocsin_tell('{news}')"
        )
