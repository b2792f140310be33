"""Opening a database: one engine for each kind, and what a transaction means on it.

SQLite: write-ahead log, foreign keys on, every commit on the disk before it is acknowledged
(``synchronous=FULL``), and writers take their turn from the first statement (``BEGIN IMMEDIATE``),
so that none fails half way. PostgreSQL: READ COMMITTED for writers, which lock what they
change; REPEATABLE READ for readers, so that a read is of one instant, as it is on SQLite. A process
that freezes in a transaction, or whose machine is cut off in one, holds its locks for a while only;
what it then writes is refused.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteError
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url

from tocsin.domain.listing import folded
from tocsin.store.trouble import trouble_told

POOL_WAIT_S: Final = 10
"""How long a transaction waits for one of the pool's connections before it gives up."""

CONNECT_WAIT_S: Final = 10
"""How long a connection to PostgreSQL may take to come about."""

SQLITE_WAIT_S: Final = 30
"""How long a writer waits for its turn on SQLite before it gives up."""

IDLE_WAIT_S: Final = 60
"""How long a transaction on PostgreSQL may be idle: a process that is frozen in it loses it."""

ALIVE_EVERY_S: Final = 5
DEAD_AFTER_S: Final = 20
"""A machine that is cut off says no goodbye: after so long without a sign of life a connection is
over for either end. Ours then waits for no answer, and PostgreSQL's lets go of its locks.
"""

_KEEPALIVES: Final = DEAD_AFTER_S // ALIVE_EVERY_S - 1
_SETTINGS: Final = {
    "idle_in_transaction_session_timeout": IDLE_WAIT_S * 1000,
    "tcp_keepalives_idle": ALIVE_EVERY_S,
    "tcp_keepalives_interval": ALIVE_EVERY_S,
    "tcp_keepalives_count": _KEEPALIVES,
    "tcp_user_timeout": DEAD_AFTER_S * 1000,
}
# Whatever the URL says instead holds.
_OF_CONNECTION: Final = {
    "connect_timeout": CONNECT_WAIT_S,
    "keepalives_idle": ALIVE_EVERY_S,
    "keepalives_interval": ALIVE_EVERY_S,
    "keepalives_count": _KEEPALIVES,
    "tcp_user_timeout": DEAD_AFTER_S * 1000,
    "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
}

_WRITES: Final = "tocsin_writes"
# Pages that SQLite keeps of a transaction, in KiB. An import writes to thousands of pages all over
# the file, and with less goes to the disk for each of them twice. One writes at a time, so this is
# there once on a machine.
_WRITER_CACHE_KIB: Final = 65_536
_CACHE_KIB: Final = 2000


class UnsupportedDatabase(ValueError):
    """The database URL names a kind of database that this server does not run on."""


class Database:
    """One database, and the two kinds of transaction that the store uses.

    Both raise Unavailable when the database is away, busy for too long or full (store/trouble.py).
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        pool_wait_s: float = POOL_WAIT_S,
        sqlite_wait_s: float = SQLITE_WAIT_S,
    ) -> None:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise UnsupportedDatabase(
                f"the database URL begins with {kind!r}: use sqlite:///PATH or postgresql://..."
            )
        self.is_sqlite: Final = kind == "sqlite"
        pool = {"pool_size": pool_size, "pool_timeout": pool_wait_s, "max_overflow": 0}
        self.engine: Final = (
            _sqlite(parsed, pool, sqlite_wait_s) if self.is_sqlite else _postgresql(parsed, pool)
        )

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that changes something; commit at the end, roll back on an error."""
        options = {_WRITES: True}
        with (
            trouble_told(),
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one instant of the database and changes nothing."""
        with trouble_told(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _sqlite(url: URL, pool: Mapping[str, Any], wait_s: float) -> Engine:
    if not url.database or url.database == ":memory:":
        raise UnsupportedDatabase(
            "an SQLite database needs a file: use sqlite:///PATH, for several processes share it"
        )
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    waits = {} if "timeout" in url.query else {"timeout": wait_s}
    engine = sqlalchemy.create_engine(
        url, connect_args={"check_same_thread": False, **waits}, **pool
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: SqliteConnection, _record: Any) -> None:
        connection.isolation_level = None  # this module says BEGIN itself, below
        connection.create_function("tocsin_folded", 1, _folded, deterministic=True)
        # The journal's mode is the file's, for good: of two that open a new file at the same time
        # one is told that it is locked, and the other sets it for both.
        with suppress(SqliteError):
            connection.execute("PRAGMA journal_mode = WAL").close()
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(_WRITES, False):
            connection.exec_driver_sql("BEGIN")
            return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        raw: Any = connection.connection.driver_connection
        raw.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}").close()

    @event.listens_for(engine, "checkin")
    def shrink(connection: SqliteConnection | None, _record: Any) -> None:
        if connection is not None:
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}").close()

    return engine


def _folded(text: str | None) -> str | None:
    return None if text is None else folded(text)


def _postgresql(url: URL, pool: Mapping[str, Any]) -> Engine:
    ours = {name: value for name, value in _OF_CONNECTION.items() if name not in url.query}
    return sqlalchemy.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args=ours,
        **pool,
    )
