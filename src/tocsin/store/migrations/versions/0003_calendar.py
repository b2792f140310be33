"""The calendar keeps its own last slot, and a parcel knows when it is overtaken."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go one step forward."""
    op.execute("ALTER TABLE push_task RENAME COLUMN last_due_ms TO last_slot_ms")
    op.add_column("push_task", sa.Column("last_execution_ms", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE push_task SET last_execution_ms = (SELECT max(due_ms) FROM execution "
        "WHERE task_id = push_task.id AND state <> 'missed' AND kind <> 'test')"
    )
    op.add_column("execution", sa.Column("rules", sa.String(length=16), nullable=True))
    live = sa.text("state IN ('cutting', 'sending', 'paused')")
    op.create_index(
        "ix_execution_task_id",
        "execution",
        ["task_id"],
        unique=False,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.add_column("parcel", sa.Column("overtaken_ms", sa.BigInteger(), nullable=True))
    condition = sa.text("pending > 0 AND overtaken_ms IS NOT NULL")
    op.create_index(
        "ix_parcel_overtaken",
        "parcel",
        ["overtaken_ms"],
        unique=False,
        sqlite_where=condition,
        postgresql_where=condition,
    )
