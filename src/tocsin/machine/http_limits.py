"""What one HTTP client may take: time, connections, bytes of a head; and how a head must look."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 64 * 1024
HEADER_FIELDS: Final = 100
LEAST_BYTES_PER_S: Final = 1024
"""What must come, on an average, of a request that may take longer than the deadline."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take of one server.

    request_timeout_s: how long a request may take to arrive whole, and its answer to be taken.
    farewell_s: the same for what is under way when the server ends. connections: open at once.
    """

    request_timeout_s: float
    farewell_s: float
    connections: int


class Deadline:
    """Calls *late* when it was started and not stopped within its seconds."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, late: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._late = late
        self._running: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start, unless it runs: what has begun gets no more time."""
        if self._running is None:
            self._running = self._loop.call_later(self._seconds, self._end)

    def stop(self) -> None:
        """Stop, if it runs."""
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def shorten(self, seconds: float) -> None:
        """Give at most *seconds*, from now for what runs."""
        if seconds < self._seconds:
            self._seconds = seconds
            if self._running is not None:
                self.stop()
                self.start()

    def _end(self) -> None:
        self._running = None
        self._late()


def fault_of_head(
    *, version: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], upgrades: bool
) -> str | None:
    """Return what is wrong with a head that the parser has let pass, None when nothing is.

    Whatever two programs in a row could frame differently is refused (RFC 9112 section 11.2).
    headers: names in lower case. upgrades: the parser takes all that follows for another
    protocol, a body as well.
    """
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    codings = values.get(b"transfer-encoding", [])
    if version not in ("1.0", "1.1"):
        return f"the request is HTTP/{version}; this server speaks HTTP/1.1"
    hosts = len(values.get(b"host", []))
    if hosts > 1 or (not hosts and version == "1.1"):  # RFC 9112 section 3.2
        return f"the request has {hosts} Host headers; it must have one"
    if not target.startswith(b"/") and target != b"*":
        return "the request names a whole address; it must name a path that begins with /"
    if codings and version == "1.0":  # RFC 9112 section 6.1
        return "the request is HTTP/1.0 and has a Transfer-Encoding, which came with HTTP/1.1"
    if codings and [coding.strip().lower() for coding in codings] != [b"chunked"]:
        return "the request has a Transfer-Encoding other than chunked"
    if upgrades and (codings or b"content-length" in values):
        return "the request has a body and asks for another protocol; this server speaks HTTP/1.1"
    return None
