"""Hearing that the database was changed, by whichever process: what ends a rest before its time.

SQLite keeps a number that is another one after every commit of another connection
(https://www.sqlite.org/pragma.html#pragma_data_version). It is looked at often: a look takes
microseconds, and no lock that a writer would wait for. It does not say what was changed.
PostgreSQL tells by NOTIFY; the triggers of migration 0004 send the news.
"""

import select
import sqlite3
import threading
from collections.abc import Collection
from typing import Any, Final, Protocol, cast

import psycopg
from sqlalchemy.pool import PoolProxiedConnection

from tocsin.store.engine import Database

CHANNEL: Final = "tocsin"

ALL_NEWS: Final = ("calendar", "executions", "parcels")
"""What loops are woken for. All of them are told where it is not known which it was."""

LOOK_EVERY_S: Final = 0.05
"""How late a change in SQLite is heard of at most: nearly all that an idle server costs."""

STOP_WITHIN_MS: Final = 250
"""How long a stop may go unnoticed while PostgreSQL has nothing to tell."""


class Clock(Protocol):
    """A wait that a stop ends."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until *stop* is set, at most *seconds*."""
        ...


class _Ear(Protocol):
    """How one kind of database is listened to."""

    def wait(self, stop: threading.Event) -> Collection[str]: ...


class Changes:
    """What other transactions commit, heard on a connection of its own."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._connection: PoolProxiedConnection | None = None
        self._ear: _Ear | None = None

    def wait(self, stop: threading.Event) -> Collection[str]:
        """Return the news of what was changed since the last call; after a short while none.

        The first call tells all the news, for what came before it was not heard; so does the
        first after a failure. Raises what the driver raises when the database is away.
        """
        try:
            if self._ear is None:
                self._ear = self._listen()
                return ALL_NEWS
            return self._ear.wait(stop)
        except Exception:
            self.close()
            raise

    def _listen(self) -> _Ear:
        self._connection = self._database.engine.raw_connection()
        driver: Any = self._connection.driver_connection
        self._connection.detach()  # the pool may open another in its place
        if self._database.is_sqlite:
            return _SqliteEar(driver, self._clock)
        return _PostgresqlEar(driver)

    def close(self) -> None:
        """Listen no more, until the next wait."""
        connection, self._connection, self._ear = self._connection, None, None
        if connection is not None:
            connection.close()


class _SqliteEar:
    def __init__(self, driver: sqlite3.Connection, clock: Clock) -> None:
        self._driver = driver
        self._clock = clock
        self._version = self._look()

    def wait(self, stop: threading.Event) -> Collection[str]:
        self._clock.wait(stop, LOOK_EVERY_S)
        before, self._version = self._version, self._look()
        return () if self._version == before else ALL_NEWS

    def _look(self) -> int:
        # To the last row: a statement that is not at its end keeps its read lock.
        [(version,)] = self._driver.execute("PRAGMA data_version").fetchall()
        return cast("int", version)


class _PostgresqlEar:
    def __init__(self, driver: "psycopg.Connection[Any]") -> None:
        self._driver = driver
        driver.rollback()
        driver.autocommit = True
        driver.execute(f"LISTEN {CHANNEL}")
        self._poll = select.poll()
        self._poll.register(driver.fileno(), select.POLLIN)

    def wait(self, stop: threading.Event) -> Collection[str]:  # noqa: ARG002 - the server ends it
        # Not in notifies(timeout=...), which wakes ten times a second to look for signals.
        self._poll.poll(STOP_WITHIN_MS)
        return {told.payload for told in self._driver.notifies(timeout=0)}
