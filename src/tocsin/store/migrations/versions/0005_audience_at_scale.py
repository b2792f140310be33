"""The audience index in versions and with checksums, and a bookmark that lies within a shard.

The index is derived: it is dropped, and every shard is marked to be made anew from its subscribers,
which the indexer does first of all.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_SHARD_BITS = 20


def upgrade() -> None:
    """Go one step forward."""
    op.drop_table("audience_bitmap")
    op.drop_table("audience_change")
    _make_audience_bitmap()
    _make_audience_change()
    _make_audience_shard()
    op.execute("ALTER TABLE execution RENAME COLUMN next_shard TO next_ordinal")
    op.execute("UPDATE execution SET next_ordinal = next_ordinal * 1048576")


def _make_audience_bitmap() -> None:
    op.create_table(
        "audience_bitmap",
        sa.Column("root_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("crc", sa.BigInteger(), nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_audience_bitmap_root_id"),
        sa.PrimaryKeyConstraint(
            "root_id", "shard", "attribute", "value", name="pk_audience_bitmap"
        ),
    )
    op.create_index(
        "ix_audience_bitmap_version",
        "audience_bitmap",
        ["root_id", "shard", "version", "crc"],
        unique=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        # Bitmaps are packed already: to try and compress them takes longer than all else.
        op.execute("ALTER TABLE audience_bitmap ALTER COLUMN bits SET STORAGE EXTERNAL")


def _make_audience_change() -> None:
    op.create_table(
        "audience_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("root_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("ordinals", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_audience_change_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_audience_change"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_audience_change_root_id", "audience_change", ["root_id", "shard", "id"], unique=False
    )


def _make_audience_shard() -> None:
    op.create_table(
        "audience_shard",
        sa.Column("root_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("made_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("bitmaps", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crc_sum", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("damaged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_audience_shard_root_id"),
        sa.PrimaryKeyConstraint("root_id", "shard", name="pk_audience_shard"),
    )
    damaged = sa.text("damaged")
    op.create_index(
        "ix_audience_shard_damaged",
        "audience_shard",
        ["root_id", "shard"],
        unique=False,
        sqlite_where=damaged,
        postgresql_where=damaged,
    )
    connection = op.get_bind()
    insert = sa.text(
        "INSERT INTO audience_shard (root_id, shard, damaged) VALUES (:root_id, :shard, true)"
    )
    roots = connection.execute(
        sa.text("SELECT id, next_ordinal FROM account WHERE parent_id IS NULL")
    ).all()
    for root_id, next_ordinal in roots:
        for shard in range(-(-next_ordinal >> _SHARD_BITS)):
            connection.execute(insert, {"root_id": root_id, "shard": shard})
