"""Hearing that the database was changed, by whichever process: what ends a rest before its time.

SQLite keeps a number that is another one after every commit of another connection
(https://www.sqlite.org/pragma.html#pragma_data_version). It is looked at often: a look takes
microseconds, and no lock that a writer would wait for. It does not say what was changed: that is
counted in ``news``. PostgreSQL tells by NOTIFY. On either, triggers of the migrations see to it.
"""

import select
import sqlite3
import threading
from collections.abc import Collection
from typing import Any, Final, Protocol, cast

import psycopg

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
        self._driver: Any = None
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
        connection = self._database.engine.raw_connection()
        self._driver = connection.driver_connection
        connection.detach()  # the pool may open another in its place
        if self._database.is_sqlite:
            return _SqliteEar(self._driver, self._clock)
        return _PostgresqlEar(self._driver)

    def close(self) -> None:
        """Listen no more, until the next wait."""
        driver, self._driver, self._ear = self._driver, None, None
        if driver is not None:
            driver.close()  # not the pool's way, which would ask one that is lost to roll back


class _SqliteEar:
    def __init__(self, driver: sqlite3.Connection, clock: Clock) -> None:
        self._driver = driver
        self._clock = clock
        self._version = self._look()
        self._numbers = self._counted()

    def wait(self, stop: threading.Event) -> Collection[str]:
        self._clock.wait(stop, LOOK_EVERY_S)
        version_before, self._version = self._version, self._look()
        if self._version == version_before:
            return ()
        before, self._numbers = self._numbers, self._counted()
        return {name for name, _ in self._numbers - before}

    def _look(self) -> int:
        # To the last row: a statement that is not at its end keeps its read lock.
        [(version,)] = self._driver.execute("PRAGMA data_version").fetchall()
        return cast("int", version)

    def _counted(self) -> set[tuple[str, int]]:
        return set(self._driver.execute("SELECT name, number FROM news").fetchall())


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
