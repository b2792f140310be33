"""Zones: where adex tasks draw their messages, with headers whose values are sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "zone",
        sa.Column("id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("protocol", sa.String(16), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("timeout_ms", sa.Integer, nullable=False),
        sa.Column("bid_floor_micros", sa.BigInteger),
        sa.Column("daily_cap", sa.Integer),
        sa.Column("create_ms", sa.BigInteger, nullable=False),
        sa.Column("update_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_zone_root_id"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_zone_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_zone"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_zone_root_id", "zone", ["root_id"])
    op.create_table(
        "zone_header",
        sa.Column("zone_id", _ID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sealed_value", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name="fk_zone_header_zone_id"),
        sa.PrimaryKeyConstraint("zone_id", "name", name="pk_zone_header"),
    )
