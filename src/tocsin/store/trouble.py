"""What befalls a database without anybody's fault, told apart from our own mistakes.

The first becomes Unavailable: nothing was done, or at the end of a transaction nobody knows, so
nothing is tried again here. The second (a table that is not there, a wrong statement) stays
what it is. Sentences leak nothing: what the driver said is the error's cause, for the log.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from tocsin.domain.errors import Unavailable

BUSY: Final = "the database is busy: try again in a moment"
CROWDED: Final = "the database has no connection free: try again in a moment"
AWAY: Final = "the database cannot be reached: try again in a moment"
FULL: Final = "the database has no room left: nothing can be written until it has"
READ_ONLY: Final = "the database takes no changes at present: try again in a moment"

# Primary result codes (https://www.sqlite.org/rescode.html).
_OF_SQLITE: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_PROTOCOL: BUSY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: AWAY,
    sqlite3.SQLITE_CANTOPEN: AWAY,
    sqlite3.SQLITE_READONLY: READ_ONLY,
}
# SQLSTATE classes and codes (PostgreSQL, appendix A); the longest that fits counts.
_OF_POSTGRESQL: Final[Mapping[str, str | None]] = {
    "25006": READ_ONLY,  # a standby, or one that is being failed over
    "40": BUSY,  # serialization failures and deadlocks
    "53": BUSY,  # too many connections, no memory
    "53100": FULL,
    "53300": CROWDED,
    "54": None,  # a statement too complex is ours
    "55P03": BUSY,
    "57014": BUSY,
}
# Of a server that lets nobody in, libpq hands on no SQLSTATE but only what it said: in English, or
# else the reason is AWAY.
_TOO_MANY: Final = re.compile("too many (clients|connections)|connection slots are reserved")


@contextmanager
def trouble_told() -> Iterator[None]:
    """Raise Unavailable, in place of what SQLAlchemy raises, for what is nobody's mistake."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = reason_of(error)
        if reason is None:
            raise
        raise Unavailable(reason) from error


def reason_of(error: SQLAlchemyError) -> str | None:
    """Return why the database is not to be had; None when *error* is a mistake of ours."""
    if isinstance(error, NoConnectionFree):
        return BUSY
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _OF_SQLITE.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
    state = getattr(error.orig, "sqlstate", None) or ""
    for known in (state, state[:2]):
        if known in _OF_POSTGRESQL:
            return _OF_POSTGRESQL[known]
    if not state and _TOO_MANY.search(str(error.orig)):
        return CROWDED
    is_cut = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return AWAY if is_cut else None
