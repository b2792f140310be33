"""Subscribers are kept for millions of them: what is written together lies together.

On SQLite the three tables lose their row numbers and with them a tree each: they are copied, so
there must be room for a second copy until the step is over. An index on the instant of
subscription and one on the owner of custom data served what is done otherwise now. Foreign keys
to accounts said what the one to the container says. What is unique is so by indexes of their own:
SQLite reads the row as well when it looks somebody up by a constraint of a table without row
numbers, though all that is asked for stands in the constraint's index.
"""

import sqlalchemy as sa
from alembic import op

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Go one step forward."""
    op.drop_index("ix_subscriber_root_id_subscribed_ms", "subscriber")
    op.drop_index("ix_subscriber_attribute_root_id_ordinal", "subscriber_attribute")
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        _lighten()
    op.create_index("ix_subscriber_id", "subscriber", ["id"], unique=True)
    op.create_index(
        "ix_subscription_root_id_endpoint_hash",
        "subscription",
        ["root_id", "endpoint_hash"],
        unique=True,
    )


def _lighten() -> None:
    op.drop_constraint("uq_subscriber_id", "subscriber", type_="unique")
    op.drop_constraint("uq_subscription_root_id_endpoint_hash", "subscription", type_="unique")
    for table, column in (
        ("subscriber", "root_id"),
        ("subscriber", "account_id"),
        ("subscription", "root_id"),
        ("subscriber_attribute", "root_id"),
    ):
        op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")
    op.execute("ALTER TABLE subscriber SET (fillfactor = 85)")  # of pages filled from now on


def _make_anew() -> None:
    _make_subscriber()
    _make_subscription()
    _make_attribute()
    for table in ("subscriber", "subscription", "subscriber_attribute"):
        found = sa.inspect(op.get_bind())
        columns = ", ".join(f'"{column["name"]}"' for column in found.get_columns(table))
        key = ", ".join(found.get_pk_constraint(table)["constrained_columns"])
        op.execute(
            f"INSERT INTO {table}_new ({columns}) SELECT {columns} FROM {table} ORDER BY {key}"  # noqa: S608 - names of our own tables
        )
        op.drop_table(table)
        op.rename_table(f"{table}_new", table)
    op.create_index(
        "ix_subscriber_root_id_remote_user_id",
        "subscriber",
        ["root_id", "remote_user_id"],
        unique=False,
        sqlite_where=sa.text("remote_user_id IS NOT NULL"),
    )


def _make_subscriber() -> None:
    op.create_table(
        "subscriber_new",
        sa.Column("root_id", _ID, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("container_id", _ID, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("browser", sa.Integer(), nullable=True),
        sa.Column("os", sa.Integer(), nullable=True),
        sa.Column("remote_user_id", sa.Text(), nullable=True),
        sa.Column("user_data", sa.Text(), nullable=False),
        sa.Column("subscribed_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["container_id"], ["container.id"], name="fk_subscriber_container_id"
        ),
        sa.PrimaryKeyConstraint("root_id", "ordinal", name="pk_subscriber"),
        sqlite_with_rowid=False,
    )


def _make_subscription() -> None:
    op.create_table(
        "subscription_new",
        sa.Column("root_id", _ID, autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("endpoint_hash", sa.LargeBinary(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("p256dh", sa.LargeBinary(), nullable=False),
        sa.Column("auth", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("vapid_key_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["vapid_key_id"], ["vapid_key.id"], name="fk_subscription_vapid_key_id"
        ),
        sa.PrimaryKeyConstraint("root_id", "ordinal", name="pk_subscription"),
        sqlite_with_rowid=False,
    )


def _make_attribute() -> None:
    op.create_table(
        "subscriber_attribute_new",
        sa.Column("root_id", _ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "root_id", "key", "value", "ordinal", name="pk_subscriber_attribute"
        ),
        sqlite_with_rowid=False,
    )
