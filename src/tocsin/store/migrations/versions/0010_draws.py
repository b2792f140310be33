"""Draws, what they answered, and the book that sums them up."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Go one step forward."""
    _make_draws()
    op.create_table(
        "zone_day",
        sa.Column("zone_id", _ID, autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("draws", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("zone_id", "day", name="pk_zone_day"),
    )
    _make_book()


def _make_draws() -> None:
    op.create_table(
        "draw",
        sa.Column("execution_id", _ID, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("path", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("zone_id", sa.BigInteger, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("drawn_ms", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(16)),
        sa.Column("settled_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("execution_id", "ordinal", "path", name="pk_draw"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_draw_drawn_ms", "draw", ["drawn_ms"])
    op.create_index("ix_draw_root_id_ordinal", "draw", ["root_id", "ordinal"])
    op.create_index(
        "ix_draw_open",
        "draw",
        ["drawn_ms"],
        sqlite_where=sa.text("why IS NULL"),
        postgresql_where=sa.text("why IS NULL"),
    )
    op.create_table(
        "drawn_ad",
        sa.Column("execution_id", _ID, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("path", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("ad_id", sa.Text, nullable=False),
        sa.Column("price_micros", sa.BigInteger),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("clicked", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "ordinal", "path", name="pk_drawn_ad"),
        sqlite_with_rowid=False,
    )


def _make_book() -> None:
    op.create_table(
        "draw_sum",
        sa.Column("task_id", _ID, autoincrement=False, nullable=False),
        sa.Column("zone_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("hour_ms", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("draws", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "zone_id", "hour_ms", "why", name="pk_draw_sum"),
    )
    op.create_table(
        "ad_sum",
        sa.Column("task_id", _ID, autoincrement=False, nullable=False),
        sa.Column("zone_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("hour_ms", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("ad_id", sa.Text, nullable=False),
        sa.Column("won", sa.BigInteger, nullable=False),
        sa.Column("price_micros", sa.BigInteger, nullable=False),
        sa.Column("shown", sa.BigInteger, nullable=False),
        sa.Column("shown_price_micros", sa.BigInteger, nullable=False),
        sa.Column("clicked", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "zone_id", "hour_ms", "ad_id", name="pk_ad_sum"),
    )
    op.create_index("ix_ad_sum_zone_id", "ad_sum", ["zone_id"])
