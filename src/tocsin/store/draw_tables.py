"""The tables of draws and of the book: a part of the schema in tables.py.

Only sums are kept for good. zone_id is what an order says: there may be no such zone.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from tocsin.store.columns import Millis, RowId, Unsigned64
from tocsin.store.zone_tables import zone

metadata = zone.metadata

# A draw is open until it is known how it ended. why: domain.draw.Why, null while it is open.
draw = Table(
    "draw",
    metadata,
    Column("execution_id", RowId, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("path", BigInteger, primary_key=True, autoincrement=False),
    Column("task_id", RowId, nullable=False),
    Column("zone_id", Unsigned64, nullable=False),
    Column("root_id", RowId, nullable=False),
    Column("drawn_ms", Millis, nullable=False, index=True),
    Column("why", String(16)),
    Column("settled_ms", Millis),
    # What draws tell of a person is erased with them.
    Index("ix_draw_root_id_ordinal", "root_id", "ordinal"),
    sqlite_with_rowid=False,
)
_OPEN = draw.c.why.is_(None)
Index("ix_draw_open", draw.c.drawn_ms, sqlite_where=_OPEN, postgresql_where=_OPEN)

# What a draw answered, by the path of each; the fallback is one of them, without an ad_id.
drawn_ad = Table(
    "drawn_ad",
    metadata,
    Column("execution_id", RowId, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("path", BigInteger, primary_key=True, autoincrement=False),
    Column("ad_id", Text, nullable=False),
    Column("price_micros", BigInteger),
    Column("shown", Boolean, nullable=False),
    Column("clicked", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# Draws of a zone with a cap, in a day of GMT: days since 1970-01-01.
zone_day = Table(
    "zone_day",
    metadata,
    Column("zone_id", RowId, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("draws", BigInteger, nullable=False),
)

# The book. hour_ms: the beginning of the hour, of GMT, in which was drawn.
draw_sum = Table(
    "draw_sum",
    metadata,
    Column("task_id", RowId, primary_key=True, autoincrement=False),
    Column("zone_id", Unsigned64, primary_key=True, autoincrement=False),
    Column("hour_ms", Millis, primary_key=True, autoincrement=False),
    Column("why", String(16), primary_key=True),
    Column("draws", BigInteger, nullable=False),
)

# price_micros is the sum over the ads that were won, shown_price_micros over those shown.
ad_sum = Table(
    "ad_sum",
    metadata,
    Column("task_id", RowId, primary_key=True, autoincrement=False),
    Column("zone_id", Unsigned64, primary_key=True, autoincrement=False),
    Column("hour_ms", Millis, primary_key=True, autoincrement=False),
    Column("ad_id", Text, primary_key=True),
    Column("won", BigInteger, nullable=False),
    Column("price_micros", BigInteger, nullable=False),
    Column("shown", BigInteger, nullable=False),
    Column("shown_price_micros", BigInteger, nullable=False),
    Column("clicked", BigInteger, nullable=False),
    Index("ix_ad_sum_zone_id", "zone_id"),
)
