"""The whole push-task contract: schedules, groups, segments, custom data, limits and keys."""

import json

import sqlalchemy as sa
from alembic import op

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT_ONCE = 1000

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go one step forward."""
    _make_container_groups()
    _make_application_groups()
    _make_segments()
    _make_attributes()
    _make_requests()
    _widen_push_task()
    _widen_execution()
    _carry_over()


def _make_container_groups() -> None:
    op.create_table(
        "container_group",
        sa.Column("id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_container_group_account_id"
        ),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_container_group_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_container_group"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_container_group_root_id", "container_group", ["root_id"], unique=False)
    op.create_table(
        "container_group_item",
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("container_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["container_id"], ["container.id"], name="fk_container_group_item_container_id"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["container_group.id"], name="fk_container_group_item_group_id"
        ),
        sa.PrimaryKeyConstraint("group_id", "container_id", name="pk_container_group_item"),
    )
    op.create_index(
        "ix_container_group_item_container_id",
        "container_group_item",
        ["container_id"],
        unique=False,
    )


def _make_application_groups() -> None:
    op.create_table(
        "application_group",
        sa.Column("id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_application_group_account_id"
        ),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_application_group_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_application_group"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_application_group_root_id", "application_group", ["root_id"], unique=False)
    op.create_table(
        "application_group_item",
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["application_group.id"], name="fk_application_group_item_group_id"
        ),
        sa.PrimaryKeyConstraint("group_id", "host", name="pk_application_group_item"),
    )


def _make_segments() -> None:
    op.create_table(
        "segment",
        sa.Column("id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("targeting", sa.Text(), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_segment_account_id"),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_segment_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_segment"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_segment_root_id", "segment", ["root_id"], unique=False)


def _make_attributes() -> None:
    op.create_table(
        "subscriber_attribute",
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["root_id"], ["account.id"], name="fk_subscriber_attribute_root_id"
        ),
        sa.PrimaryKeyConstraint(
            "root_id", "key", "value", "ordinal", name="pk_subscriber_attribute"
        ),
    )
    op.create_index(
        "ix_subscriber_attribute_root_id_ordinal",
        "subscriber_attribute",
        ["root_id", "ordinal"],
        unique=False,
    )
    op.create_index(
        "ix_subscriber_root_id_remote_user_id",
        "subscriber",
        ["root_id", "remote_user_id"],
        unique=False,
        sqlite_where=sa.text("remote_user_id IS NOT NULL"),
        postgresql_where=sa.text("remote_user_id IS NOT NULL"),
    )
    op.create_index(
        "ix_subscriber_root_id_subscribed_ms",
        "subscriber",
        ["root_id", "subscribed_ms"],
        unique=False,
    )


def _make_requests() -> None:
    op.create_table(
        "idempotency",
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_idempotency_account_id"),
        sa.PrimaryKeyConstraint("account_id", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_create_ms", "idempotency", ["create_ms"], unique=False)
    op.create_table(
        "rate_window",
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.Column("second_ms", sa.BigInteger(), nullable=False),
        sa.Column("second_count", sa.Integer(), nullable=False),
        sa.Column("minute_ms", sa.BigInteger(), nullable=False),
        sa.Column("minute_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_rate_window_account_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_rate_window"),
    )
    op.add_column("account", sa.Column("rate_burst", sa.Integer(), nullable=True))
    op.add_column("account", sa.Column("rate_steady", sa.Integer(), nullable=True))


def _widen_push_task() -> None:
    op.add_column("push_task", sa.Column("adex", sa.Text(), nullable=True))
    op.add_column("push_task", sa.Column("end_ms", sa.BigInteger(), nullable=True))
    op.add_column("push_task", sa.Column("frequency_s", sa.Integer(), nullable=True))
    op.add_column("push_task", sa.Column("cron", sa.String(length=100), nullable=True))
    op.add_column(
        "push_task",
        sa.Column("user_time_zone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("push_task", sa.Column("quiet_from", sa.SmallInteger(), nullable=True))
    op.add_column("push_task", sa.Column("quiet_to", sa.SmallInteger(), nullable=True))
    op.add_column("push_task", sa.Column("total_user", sa.BigInteger(), nullable=True))
    op.add_column("push_task", sa.Column("next_slot_ms", sa.BigInteger(), nullable=True))
    op.add_column("push_task", sa.Column("anchor_ms", sa.BigInteger(), nullable=True))
    op.add_column("push_task", sa.Column("active_ms", sa.BigInteger(), nullable=True))
    op.add_column("push_task", sa.Column("delete_ms", sa.BigInteger(), nullable=True))


def _widen_execution() -> None:
    op.add_column(
        "execution",
        sa.Column(
            "kind", sa.String(length=16), server_default=sa.text("'scheduled'"), nullable=False
        ),
    )
    op.add_column("execution", sa.Column("paused_state", sa.String(length=16), nullable=True))
    op.add_column("execution", sa.Column("sweep", sa.String(length=16), nullable=True))
    op.add_column("execution", sa.Column("quotas", sa.Text(), nullable=True))
    op.add_column("parcel", sa.Column("lease_ms", sa.BigInteger(), nullable=True))
    op.add_column("parcel", sa.Column("attempts", sa.LargeBinary(), nullable=True))
    op.create_index(
        "ix_execution_sweep",
        "execution",
        ["id"],
        unique=False,
        sqlite_where=sa.text("sweep IS NOT NULL"),
        postgresql_where=sa.text("sweep IS NOT NULL"),
    )


def _carry_over() -> None:
    """Give the new columns what the old rows say."""
    op.execute("UPDATE push_task SET next_slot_ms = next_due_ms")
    op.execute("UPDATE push_task SET anchor_ms = create_ms, active_ms = create_ms WHERE status > 0")
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT root_id, ordinal, user_data FROM subscriber WHERE user_data <> '{}'")
    )
    for some in rows.partitions(_AT_ONCE):
        values = [
            {"root_id": root_id, "ordinal": ordinal, "key": key, "value": value}
            for root_id, ordinal, user_data in some
            for key, given in json.loads(user_data).items()
            for value in sorted(_texts(given))
        ]
        if values:
            connection.execute(
                sa.text(
                    "INSERT INTO subscriber_attribute (root_id, ordinal, key, value) "
                    "VALUES (:root_id, :ordinal, :key, :value)"
                ),
                values,
            )


def _texts(given: object) -> set[str]:
    items = given if isinstance(given, list) else [given]
    return {
        item if isinstance(item, str) else json.dumps(item) for item in items if item is not None
    }
