"""The database's clock: the one that all processes which share a database agree on."""

import threading
from typing import Final, Protocol

from sqlalchemy import Connection, event

from tocsin.store.engine import Database

MEASURE_EVERY_MS: Final = 10_000
"""How long a measurement holds: clocks that tick drift apart by less than a millisecond in it."""

LONGEST_LOOK_MS: Final = 1_000
"""What a look took longer than tells too little: the process may have been frozen meanwhile."""

_LOOK: Final = "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)"


class _OwnClock(Protocol):
    """This machine's clocks."""

    def now_ms(self) -> int: ...
    def monotonic_ms(self) -> int: ...
    def wait(self, stop: threading.Event, seconds: float) -> bool: ...


class DatabaseClock:
    """Wall time as the server of PostgreSQL has it; on SQLite, which is of one machine, its own.

    It is looked at with a transaction that is begun anyway, once in a while, and goes on by this
    machine's monotonic clock: it is read without the database, and whatever becomes of this
    machine's wall clock does not matter.
    """

    def __init__(self, database: Database, own: _OwnClock) -> None:
        """Look at once. Raises Unavailable when the database is away."""
        self._own = own
        self._ahead_ms: int | None = None
        self._look_at_ms = own.monotonic_ms()
        if not database.is_sqlite:
            event.listen(database.engine, "begin", self._begun)
            with database.read():
                pass

    def now_ms(self) -> int:
        """Return wall time, in milliseconds since 1970-01-01 UTC."""
        ahead_ms = self._ahead_ms
        return self._own.now_ms() if ahead_ms is None else ahead_ms + self._own.monotonic_ms()

    def monotonic_ms(self) -> int:
        """Return milliseconds on a clock that only goes forward; for durations alone."""
        return self._own.monotonic_ms()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until *stop* is set, at most *seconds*; return whether it is set."""
        return self._own.wait(stop, seconds)

    def _begun(self, connection: Connection) -> None:
        """Look at the database's clock, if the last look was long ago."""
        before_ms = self._own.monotonic_ms()
        if before_ms < self._look_at_ms:
            return
        shown_ms: int = connection.exec_driver_sql(_LOOK).scalar_one()
        after_ms = self._own.monotonic_ms()
        is_sound = after_ms - before_ms <= LONGEST_LOOK_MS
        if is_sound or self._ahead_ms is None:
            self._ahead_ms = shown_ms - (before_ms + after_ms) // 2
        if is_sound:
            self._look_at_ms = after_ms + MEASURE_EVERY_MS
