"""The first schema."""

import sqlalchemy as sa
from alembic import op

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go one step forward."""
    _make_account()
    _make_event()
    _make_audience_bitmap()
    _make_audience_change()
    _make_container()
    _make_push_task()
    _make_token()
    _make_container_origin()
    _make_execution()
    _make_subscriber()
    _make_vapid_key()
    _make_event_fold()
    _make_parcel()
    _make_subscription()


def _make_account() -> None:
    op.create_table(
        "account",
        sa.Column("id", _ID, nullable=False),
        sa.Column("parent_id", _ID, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_ordinal", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["account.id"], name="fk_account_parent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("name", name="uq_account_name"),
        sqlite_autoincrement=True,
    )


def _make_event() -> None:
    op.create_table(
        "event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("execution_id", _ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sqlite_autoincrement=True,
    )


def _make_audience_bitmap() -> None:
    op.create_table(
        "audience_bitmap",
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_audience_bitmap_root_id"),
        sa.PrimaryKeyConstraint(
            "root_id", "attribute", "value", "shard", name="pk_audience_bitmap"
        ),
    )


def _make_audience_change() -> None:
    op.create_table(
        "audience_change",
        sa.Column("id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_audience_change_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_audience_change"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_audience_change_root_id_id", "audience_change", ["root_id", "id"], unique=False
    )


def _make_container() -> None:
    op.create_table(
        "container",
        sa.Column("id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("first_event_ms", sa.BigInteger(), nullable=True),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_container_account_id"),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_container_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_container"),
        sa.UniqueConstraint("key", name="uq_container_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_container_account_id", "container", ["account_id"], unique=False)
    op.create_index("ix_container_root_id", "container", ["root_id"], unique=False)


def _make_push_task() -> None:
    op.create_table(
        "push_task",
        sa.Column("id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("immediately", sa.Boolean(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=True),
        sa.Column("ttl_s", sa.Integer(), nullable=False),
        sa.Column("urgency", sa.String(length=16), nullable=False),
        sa.Column("custom_data", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("targeting", sa.Text(), nullable=False),
        sa.Column("next_due_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_due_ms", sa.BigInteger(), nullable=True),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.Column("update_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN (0, 1, 2)", name=op.f("ck_push_task_status")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_push_task_account_id"),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_push_task_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_push_task"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_push_task_next_due_ms",
        "push_task",
        ["next_due_ms"],
        unique=False,
        sqlite_where=sa.text("next_due_ms IS NOT NULL"),
        postgresql_where=sa.text("next_due_ms IS NOT NULL"),
    )
    op.create_index("ix_push_task_root_id_id", "push_task", ["root_id", "id"], unique=False)


def _make_token() -> None:
    op.create_table(
        "token",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.String(length=32), nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger(), nullable=True),
        sa.Column("valid_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_token_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
        sa.UniqueConstraint("secret_hash", name="uq_token_secret_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_token_account_id", "token", ["account_id"], unique=False)


def _make_container_origin() -> None:
    op.create_table(
        "container_origin",
        sa.Column("container_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["container_id"], ["container.id"], name="fk_container_origin_container_id"
        ),
        sa.PrimaryKeyConstraint("container_id", "position", name="pk_container_origin"),
    )
    op.create_index("ix_container_origin_host", "container_origin", ["host"], unique=False)


def _make_execution() -> None:
    op.create_table(
        "execution",
        sa.Column("id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("start_ms", sa.BigInteger(), nullable=True),
        sa.Column("end_ms", sa.BigInteger(), nullable=True),
        sa.Column("next_shard", sa.Integer(), nullable=False),
        sa.Column("ordered", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('cutting', 'sending', 'paused', 'done', 'cancelled', 'missed')",
            name=op.f("ck_execution_state"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_execution_account_id"),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_execution_root_id"),
        sa.ForeignKeyConstraint(["task_id"], ["push_task.id"], name="fk_execution_task_id"),
        sa.PrimaryKeyConstraint("id", name="pk_execution"),
        sa.UniqueConstraint("task_id", "due_ms", name="uq_execution_task_id_due_ms"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_execution_live",
        "execution",
        ["state", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('cutting', 'sending', 'paused')"),
        postgresql_where=sa.text("state IN ('cutting', 'sending', 'paused')"),
    )


def _make_subscriber() -> None:
    op.create_table(
        "subscriber",
        sa.Column("root_id", _ID, nullable=False),
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
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_subscriber_account_id"),
        sa.ForeignKeyConstraint(
            ["container_id"], ["container.id"], name="fk_subscriber_container_id"
        ),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_subscriber_root_id"),
        sa.PrimaryKeyConstraint("root_id", "ordinal", name="pk_subscriber"),
        sa.UniqueConstraint("id", name="uq_subscriber_id"),
    )


def _make_vapid_key() -> None:
    op.create_table(
        "vapid_key",
        sa.Column("id", _ID, nullable=False),
        sa.Column("container_id", _ID, nullable=False),
        sa.Column("public_key", sa.String(length=96), nullable=False),
        sa.Column("sealed_private", sa.LargeBinary(), nullable=False),
        sa.Column("create_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["container_id"], ["container.id"], name="fk_vapid_key_container_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_vapid_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_vapid_key_container_id", "vapid_key", ["container_id"], unique=False)


def _make_event_fold() -> None:
    op.create_table(
        "event_fold",
        sa.Column("execution_id", _ID, nullable=False),
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["execution.id"], name="fk_event_fold_execution_id"
        ),
        sa.PrimaryKeyConstraint("execution_id", "kind", "shard", name="pk_event_fold"),
    )


def _make_parcel() -> None:
    op.create_table(
        "parcel",
        sa.Column("id", _ID, nullable=False),
        sa.Column("execution_id", _ID, nullable=False),
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("recipients", sa.LargeBinary(), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("retries", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("gone", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("expired", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("superseded", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "pending + accepted + gone + rejected + failed + expired"
            " + superseded + cancelled = size",
            name=op.f("ck_parcel_adds_up"),
        ),
        sa.ForeignKeyConstraint(["execution_id"], ["execution.id"], name="fk_parcel_execution_id"),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_parcel_root_id"),
        sa.PrimaryKeyConstraint("id", name="pk_parcel"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_parcel_execution_id", "parcel", ["execution_id"], unique=False)
    op.create_index(
        "ix_parcel_open",
        "parcel",
        ["due_ms"],
        unique=False,
        sqlite_where=sa.text("pending > 0"),
        postgresql_where=sa.text("pending > 0"),
    )


def _make_subscription() -> None:
    op.create_table(
        "subscription",
        sa.Column("root_id", _ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("endpoint_hash", sa.LargeBinary(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("p256dh", sa.LargeBinary(), nullable=False),
        sa.Column("auth", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("vapid_key_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["root_id"], ["account.id"], name="fk_subscription_root_id"),
        sa.ForeignKeyConstraint(
            ["vapid_key_id"], ["vapid_key.id"], name="fk_subscription_vapid_key_id"
        ),
        sa.PrimaryKeyConstraint("root_id", "ordinal", name="pk_subscription"),
        sa.UniqueConstraint(
            "root_id", "endpoint_hash", name="uq_subscription_root_id_endpoint_hash"
        ),
    )
