"""Where addresses are, by a database file in MaxMind's format that may be replaced in use."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import maxminddb

from tocsin.domain.place import NOWHERE, Place, place_in, public_address

LOOK_EVERY_MS: Final = 60_000
# A database's type ends in the kind of its records, as in GeoLite2-City and DBIP-Country-Lite.
_KINDS: Final = ("City", "Country", "Enterprise")
_FITS: Final = "a City or Country database in MaxMind's format fits, unpacked (.mmdb)"
_Stamp: TypeAlias = tuple[int, ...]


class BadGeoipDatabase(ValueError):
    """The file cannot be used; says which, why, and what fits."""


class Clock(Protocol):
    """Durations."""

    def monotonic_ms(self) -> int:
        """Return milliseconds on a clock that only goes forward."""
        ...


class GeoipDatabase:
    """The database in the file *path*. Safe to use from several threads.

    A file that took its place is taken up within LOOK_EVERY_MS of being asked again. One that
    does not fit leaves the old one in use; on_refusal gets the sentence, once for each such file.
    Raises BadGeoipDatabase when the first one does not fit.
    """

    def __init__(self, path: Path, *, clock: Clock, on_refusal: Callable[[str], object]) -> None:
        self._path = path
        self._clock = clock
        self._on_refusal = on_refusal
        self._looking = threading.Lock()
        self._looked_ms = clock.monotonic_ms()
        self._stamp = _stamp(path)
        self._reader = _opened(path)
        self._refused: set[tuple[_Stamp, str]] = set()

    def place_of(self, address: str) -> Place:
        """Return where *address* is. May read a new file: call it in a thread. Never raises.

        NOWHERE for what is no address, for a private one, and for one that the database has not.
        """
        self._renew()
        found = public_address(address)
        if found is None:
            return NOWHERE
        try:
            return place_in(self._reader.get(found))
        except (maxminddb.InvalidDatabaseError, UnicodeDecodeError, TypeError):
            self._refuse(f"the GeoIP database {self._path} is damaged; {_FITS}", self._stamp)
        except ValueError:  # an IPv6 address, and a database of IPv4 ones alone
            pass
        return NOWHERE

    def _renew(self) -> None:
        """Take up a file that took the place of the one in use; one thread looks at a time."""
        if self._clock.monotonic_ms() - self._looked_ms < LOOK_EVERY_MS:
            return
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._looked_ms = self._clock.monotonic_ms()
            # The stamp first: a file that is still being written has another one afterwards.
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._reader, self._stamp = _opened(self._path), stamp
                self._refused.clear()
        except BadGeoipDatabase as bad:
            self._refuse(f"{bad}; the old one stays in use", stamp)
        finally:
            self._looking.release()

    def _refuse(self, sentence: str, stamp: _Stamp) -> None:
        if (stamp, sentence) not in self._refused:
            self._refused.add((stamp, sentence))
            self._on_refusal(sentence)


def _stamp(path: Path) -> _Stamp:
    """Return what differs once the file is another or has another content; () without a file."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _opened(path: Path) -> maxminddb.Reader:
    """Return a reader of the whole file in memory, by the library's part in Python.

    Its part in C maps the file and answers in microseconds instead of a tenth of a millisecond,
    at the price of the process: whoever writes a new database over a mapped one (``gunzip -c >
    FILE``) cuts it short first, and the next look-up is a SIGBUS; a damaged file is a SIGSEGV.
    """
    try:
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        kind = str(reader.metadata().database_type)
    except OSError as error:
        raise BadGeoipDatabase(
            f"cannot read the GeoIP database {path}: {error.strerror}; {_FITS}"
        ) from None
    except (maxminddb.InvalidDatabaseError, ValueError, TypeError):
        raise BadGeoipDatabase(f"{path} is no GeoIP database: {_FITS}") from None
    if not any(fitting in kind for fitting in _KINDS):
        raise BadGeoipDatabase(f"the GeoIP database {path} is of type {kind}; {_FITS}")
    return reader
