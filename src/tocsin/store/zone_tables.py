"""The tables of zones: a part of the schema in tables.py."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from tocsin.store.columns import Millis, RowId
from tocsin.store.tables import metadata

# A demand source. bid_floor_micros: millionths of the unit that it bids in.
zone = Table(
    "zone",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("root_id", RowId, ForeignKey("account.id"), nullable=False, index=True),
    Column("account_id", RowId, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("protocol", String(16), nullable=False),
    Column("url", Text, nullable=False),
    Column("timeout_ms", Integer, nullable=False),
    Column("bid_floor_micros", BigInteger),
    Column("daily_cap", Integer),
    Column("create_ms", Millis, nullable=False),
    Column("update_ms", Millis, nullable=False),
    sqlite_autoincrement=True,
)

# Each value is sealed for its zone and its name: domain.zone.header_place.
zone_header = Table(
    "zone_header",
    metadata,
    Column("zone_id", RowId, ForeignKey("zone.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sealed_value", LargeBinary, nullable=False),
)
