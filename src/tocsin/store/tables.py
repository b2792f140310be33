"""The schema, once: every table of both databases. Others are in zone_tables.py, draw_tables.py.

Instants are integer milliseconds. What is counted or derived says from what.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    text,
)

from tocsin.store.columns import JsonText, Millis, RowId, Unsigned64

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# -- accounts -----------------------------------------------------------------------------

account = Table(
    "account",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("parent_id", RowId, ForeignKey("account.id")),
    Column("name", Text, nullable=False, unique=True),
    Column("create_ms", Millis, nullable=False),
    # Of a root account: the ordinal that the tenant's next subscriber gets.
    Column("next_ordinal", Integer, nullable=False, server_default=text("0")),
    # Requests a second and a minute; null: as the settings say, 0: as many as come.
    Column("rate_burst", Integer),
    Column("rate_steady", Integer),
    sqlite_autoincrement=True,
)

token = Table(
    "token",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account_id", RowId, ForeignKey("account.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", String(32), nullable=False),
    Column("valid_from_ms", Millis),
    Column("valid_until_ms", Millis),
    Column("revoked_ms", Millis),
    Column("create_ms", Millis, nullable=False),
    sqlite_autoincrement=True,
)

# How many requests an account made in the windows it is in: of a second and of a minute.
rate_window = Table(
    "rate_window",
    metadata,
    Column("account_id", RowId, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("second_ms", Millis, nullable=False),
    Column("second_count", Integer, nullable=False),
    Column("minute_ms", Millis, nullable=False),
    Column("minute_count", Integer, nullable=False),
)

# What a POST with an Idempotency-Key came to. request: a hash of its method, path and body.
idempotency = Table(
    "idempotency",
    metadata,
    Column("account_id", RowId, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("key", String(255), primary_key=True),
    Column("request", LargeBinary, nullable=False),
    Column("result", Text),
    Column("create_ms", Millis, nullable=False, index=True),
)

# -- containers ---------------------------------------------------------------------------

container = Table(
    "container",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False, index=True),
    Column("account_id", RowId, ForeignKey("account.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("type", String(16), nullable=False),
    Column("key", String(64), nullable=False, unique=True),
    Column("first_event_ms", Millis),
    Column("create_ms", Millis, nullable=False),
    Column("update_ms", Millis, nullable=False),
    sqlite_autoincrement=True,
)

container_origin = Table(
    "container_origin",
    metadata,
    Column("container_id", RowId, ForeignKey("container.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("host", Text, nullable=False, index=True),
)

# The newest pair of a container makes new subscriptions; older ones stay for theirs.
vapid_key = Table(
    "vapid_key",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("container_id", RowId, ForeignKey("container.id"), nullable=False, index=True),
    Column("public_key", String(96), nullable=False),
    Column("sealed_private", LargeBinary, nullable=False),
    Column("create_ms", Millis, nullable=False),
    sqlite_autoincrement=True,
)

# Where a pair is refused, nobody is sent to under it: whoever is to be waits until it is released.
# How often what loops wait for was changed: counted on SQLite (store/changes.py), else empty.
news = Table(
    "news",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

refused_key = Table(
    "refused_key",
    metadata,
    Column("vapid_key_id", RowId, ForeignKey("vapid_key.id"), primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("status", SmallInteger, nullable=False),
    Column("since_ms", Millis, nullable=False),
)

container_group = Table(
    "container_group",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False, index=True),
    Column("account_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("color", Text),
    Column("description", Text),
    Column("create_ms", Millis, nullable=False),
    Column("update_ms", Millis, nullable=False),
    sqlite_autoincrement=True,
)

container_group_item = Table(
    "container_group_item",
    metadata,
    Column("group_id", RowId, ForeignKey("container_group.id"), primary_key=True),
    Column("container_id", RowId, ForeignKey("container.id"), primary_key=True, index=True),
)

application_group = Table(
    "application_group",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False, index=True),
    Column("account_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("color", Text),
    Column("description", Text),
    Column("create_ms", Millis, nullable=False),
    Column("update_ms", Millis, nullable=False),
    sqlite_autoincrement=True,
)

application_group_item = Table(
    "application_group_item",
    metadata,
    Column("group_id", RowId, ForeignKey("application_group.id"), primary_key=True),
    Column("host", String(253), primary_key=True),
)

# A segment is evaluated when it is used; its targeting is kept as the client wrote it.
segment = Table(
    "segment",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False, index=True),
    Column("account_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("targeting", JsonText, nullable=False),
    Column("create_ms", Millis, nullable=False),
    Column("update_ms", Millis, nullable=False),
    sqlite_autoincrement=True,
)

# -- subscribers --------------------------------------------------------------------------
#
# Without row numbers SQLite keeps a table in the order of its primary key, in one tree: newcomers
# are appended, and whoever is read by ordinal lies beside their neighbours. Foreign keys are
# looked up for every row: those to the container and to its VAPID pair keep these from going,
# and the accounts are the container's. What is unique is an index of its own: such a one SQLite
# reads alone where all that is asked for stands in it, and a constraint's it does not.

subscriber = Table(
    "subscriber",
    metadata,
    Column("root_id", RowId, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("id", Unsigned64, nullable=False),
    Column("account_id", RowId, nullable=False),
    Column("container_id", RowId, ForeignKey("container.id"), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("host", Text),
    Column("country", String(2)),
    Column("region", Text),
    Column("city", Text),
    Column("language", String(35)),
    Column("time_zone", String(64)),
    Column("browser", Integer),
    Column("os", Integer),
    Column("remote_user_id", Text),
    Column("user_data", JsonText, nullable=False),
    Column("subscribed_ms", Millis, nullable=False),
    Column("last_seen_ms", Millis, nullable=False),
    sqlite_with_rowid=False,
    # Room for the next version of a row beside it: then no index learns of the change.
    postgresql_with={"fillfactor": 85},
)
Index("ix_subscriber_id", subscriber.c.id, unique=True)
Index(
    "ix_subscriber_root_id_remote_user_id",
    subscriber.c.root_id,
    subscriber.c.remote_user_id,
    sqlite_where=subscriber.c.remote_user_id.is_not(None),
    postgresql_where=subscriber.c.remote_user_id.is_not(None),
)

# Custom data by value: what user_data of a subscriber says, one row for each key and value, as
# text. Derived from subscriber.user_data and written with it.
subscriber_attribute = Table(
    "subscriber_attribute",
    metadata,
    Column("root_id", RowId, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# What the sender reads. An answer of "gone" counts only for the generation that was sent to.
subscription = Table(
    "subscription",
    metadata,
    Column("root_id", RowId, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("endpoint_hash", LargeBinary, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("p256dh", LargeBinary, nullable=False),
    Column("auth", LargeBinary, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("vapid_key_id", RowId, ForeignKey("vapid_key.id"), nullable=False),
    Index("ix_subscription_root_id_endpoint_hash", "root_id", "endpoint_hash", unique=True),
    sqlite_with_rowid=False,
)

# -- the audience index (derived from subscriber) -------------------------------------------

# version: that of the shard when the bitmap was written. crc: audience.bitmaps.checksum of it. A
# bitmap of nobody is kept: it tells that somebody had the fact.
audience_bitmap = Table(
    "audience_bitmap",
    metadata,
    Column("root_id", RowId, ForeignKey("account.id"), primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("attribute", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("crc", BigInteger, nullable=False),
    Column("bits", LargeBinary, nullable=False),
    # What was written since, and whether all is there, are read from the index alone.
    Index("ix_audience_bitmap_version", "root_id", "shard", "version", "crc"),
)

# There is a row for every shard that ever had a subscriber. version rises with every writing;
# made_version is that of the last making anew. bitmaps and crc_sum: how many bitmaps there must be,
# and the sum of their crc.
audience_shard = Table(
    "audience_shard",
    metadata,
    Column("root_id", RowId, ForeignKey("account.id"), primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("made_version", BigInteger, nullable=False, server_default=text("0")),
    Column("bitmaps", Integer, nullable=False, server_default=text("0")),
    Column("crc_sum", BigInteger, nullable=False, server_default=text("0")),
    Column("damaged", Boolean, nullable=False, server_default=text("false")),
)
Index(
    "ix_audience_shard_damaged",
    audience_shard.c.root_id,
    audience_shard.c.shard,
    sqlite_where=text("damaged"),
    postgresql_where=text("damaged"),
)

# Subscribers of one shard whom one transaction changed, and whose bitmaps do not show it yet.
# ordinals: a bitmap. facts: those that one of them may have gained or lost; null: they are new.
audience_change = Table(
    "audience_change",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("shard", Integer, nullable=False),
    Column("ordinals", LargeBinary, nullable=False),
    Column("facts", JsonText),
    Index("ix_audience_change_root_id", "root_id", "shard", "id"),
    sqlite_autoincrement=True,
)

# -- push tasks and their executions --------------------------------------------------------

push_task = Table(
    "push_task",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("account_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("immediately", Boolean, nullable=False),
    Column("start_ms", Millis),
    Column("ttl_s", Integer, nullable=False),
    Column("urgency", String(16), nullable=False),
    Column("custom_data", Text),
    # Empty when the task draws its messages: then adex says from where.
    Column("message", JsonText, nullable=False),
    Column("targeting", JsonText, nullable=False),
    # The next slot, and the instant at which the planner acts on it: earlier than the slot when
    # that is a wall-clock time, which the zones furthest east reach first.
    Column("next_due_ms", Millis),
    # The last slot that was dealt with, missed ones too: the calendar goes on after it.
    Column("last_slot_ms", Millis),
    Column("create_ms", Millis, nullable=False),
    Column("update_ms", Millis, nullable=False),
    Column("adex", JsonText),
    Column("end_ms", Millis),
    Column("frequency_s", Integer),
    Column("cron", String(100)),
    Column("user_time_zone", Boolean, nullable=False, server_default=text("false")),
    Column("quiet_from", SmallInteger),
    Column("quiet_to", SmallInteger),
    Column("total_user", BigInteger),
    Column("next_slot_ms", Millis),
    # When it first became active, which a start of "immediately" counts from; when it last did.
    Column("anchor_ms", Millis),
    Column("active_ms", Millis),
    Column("delete_ms", Millis),
    # The last slot that was executed, or when somebody asked for an execution since.
    Column("last_execution_ms", Millis),
    CheckConstraint("status IN (0, 1, 2)", name="status"),
    Index("ix_push_task_root_id_id", "root_id", "id"),
    sqlite_autoincrement=True,
)
# The planner's calendar: sleeping tasks cost it nothing.
Index(
    "ix_push_task_next_due_ms",
    push_task.c.next_due_ms,
    sqlite_where=push_task.c.next_due_ms.is_not(None),
    postgresql_where=push_task.c.next_due_ms.is_not(None),
)

execution = Table(
    "execution",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("task_id", RowId, ForeignKey("push_task.id"), nullable=False),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("account_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("due_ms", Millis, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("start_ms", Millis),
    Column("end_ms", Millis),
    # The cutter's bookmark: whoever has an ordinal below it is dealt with.
    Column("next_ordinal", Integer, nullable=False),
    # The order of the execution: domain.execution.Order as JSON.
    Column("ordered", JsonText, nullable=False),
    Column("kind", String(16), nullable=False, server_default=text("'scheduled'")),
    # The state that resume goes back to.
    Column("paused_state", String(16)),
    # The outcome that recipients still pending are to be given: the execution was ended.
    Column("sweep", String(16)),
    # With a cap on recipients: how many of each shard the sample takes, drawn before the first.
    Column("quotas", JsonText),
    # Of one in waves: the version of the rules of time zones that they were reckoned by.
    Column("rules", String(16)),
    UniqueConstraint("task_id", "due_ms"),
    CheckConstraint(
        "state IN ('cutting', 'sending', 'paused', 'done', 'cancelled', 'missed')", name="state"
    ),
    sqlite_autoincrement=True,
)
_LIVE = execution.c.state.in_(["cutting", "sending", "paused"])
Index(
    "ix_execution_live",
    execution.c.state,
    execution.c.id,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)
# Of a task with years of executions, those that are not over.
Index(
    "ix_execution_task_id",
    execution.c.task_id,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)
_SWEPT = execution.c.sweep.is_not(None)
Index("ix_execution_sweep", execution.c.id, sqlite_where=_SWEPT, postgresql_where=_SWEPT)

# due_ms: when anybody may lease it. A lease moves it to its own end, so a dead holder's parcel
# falls due by itself. The counts are those of the outcome bytes, written with them.
parcel = Table(
    "parcel",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("execution_id", RowId, ForeignKey("execution.id"), nullable=False),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("due_ms", Millis, nullable=False),
    Column("expires_ms", Millis, nullable=False),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    # When the lease of its holder ends; null: nobody holds it.
    Column("lease_ms", Millis),
    # How often a lease ended by itself since anything was recorded; past the most it is parked.
    Column("recoveries", Integer, nullable=False, server_default=text("0")),
    Column("recipients", LargeBinary, nullable=False),
    Column("outcomes", LargeBinary, nullable=False),
    Column("retries", LargeBinary, nullable=False),
    # What the last answer to each recipient was: domain.parcel.Attempt, packed. Null: nobody tried.
    Column("attempts", LargeBinary),
    Column("size", Integer, nullable=False),
    Column("pending", Integer, nullable=False),
    Column("accepted", Integer, nullable=False, server_default=text("0")),
    Column("gone", Integer, nullable=False, server_default=text("0")),
    Column("rejected", Integer, nullable=False, server_default=text("0")),
    Column("failed", Integer, nullable=False, server_default=text("0")),
    Column("expired", Integer, nullable=False, server_default=text("0")),
    Column("superseded", Integer, nullable=False, server_default=text("0")),
    Column("cancelled", Integer, nullable=False, server_default=text("0")),
    # When the next slot of the task comes for its recipients: who is pending by then is not sent
    # any more if a later execution is there. Null where an execution overtakes all of another.
    Column("overtaken_ms", Millis),
    CheckConstraint(
        "pending + accepted + gone + rejected + failed + expired + superseded + cancelled = size",
        name="adds_up",
    ),
    Index("ix_parcel_execution_id", "execution_id"),
    sqlite_autoincrement=True,
)
_OPEN = parcel.c.pending > 0
Index("ix_parcel_open", parcel.c.due_ms, sqlite_where=_OPEN, postgresql_where=_OPEN)
_OVERTAKEN = and_(_OPEN, parcel.c.overtaken_ms.is_not(None))
Index(
    "ix_parcel_overtaken",
    parcel.c.overtaken_ms,
    sqlite_where=_OVERTAKEN,
    postgresql_where=_OVERTAKEN,
)

# -- events ---------------------------------------------------------------------------------

# Reports of browsers as they came, until the tallier folds them.
event = Table(
    "event",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("execution_id", RowId, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    sqlite_autoincrement=True,
)

# One bit per recipient and kind: counted once, however often it is reported.
event_fold = Table(
    "event_fold",
    metadata,
    Column("execution_id", RowId, ForeignKey("execution.id"), primary_key=True),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("bits", LargeBinary, nullable=False),
    Column("count", Integer, nullable=False),
)
