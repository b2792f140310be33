"""PostgreSQL tells whoever listens what was changed; SQLite counts it (store/changes.py).

A transaction that notifies keeps others that do from committing until it has: so nothing does
that happens once per message or per report. What senders record, the edge's reports and changes
of subscribers go untold.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TOLD: Final = (
    ("push_task", ("INSERT", "UPDATE OF next_due_ms, status"), "calendar"),
    ("execution", ("INSERT", "UPDATE OF state, sweep"), "executions"),
    ("parcel", ("INSERT",), "parcels"),
)


def upgrade() -> None:
    """Go one step forward."""
    news = op.create_table(
        "news",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_news"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _notify()
    else:
        op.bulk_insert(news, [{"name": name, "number": 0} for _, _, name in _TOLD])
        _count()


def _notify() -> None:
    op.execute(
        "CREATE FUNCTION tocsin_tell() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_notify('tocsin', TG_ARGV[0]); RETURN NULL; END $$"
    )
    for table, changes, news in _TOLD:
        op.execute(
            f"CREATE TRIGGER {table}_told AFTER {' OR '.join(changes)} ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION tocsin_tell('{news}')"
        )


def _count() -> None:
    for table, changes, news in _TOLD:
        counting = f"UPDATE news SET number = number + 1 WHERE name = '{news}'"  # noqa: S608 - ours
        for change in changes:
            name = f"{table}_told_{change[:6].lower()}"
            op.execute(f"CREATE TRIGGER {name} AFTER {change} ON {table} BEGIN {counting}; END")
