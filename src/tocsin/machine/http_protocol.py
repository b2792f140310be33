"""One HTTP connection, bounded: a slow, silent or flooding client costs little, and not for long.

uvicorn's protocol parses and answers; what it leaves without a limit gets one here.
"""

import asyncio
import json
import sys
from enum import Enum, auto
from http import HTTPStatus
from typing import ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tocsin.domain.errors import NO_MEMORY
from tocsin.machine.entropy import SystemEntropy
from tocsin.machine.http_limits import (
    HEAD_BYTES,
    HEADER_FIELDS,
    LEAST_BYTES_PER_S,
    Deadline,
    Limits,
    fault_of_head,
)

UNHURRIED: Final = "tocsin.unhurried"
"""The ASGI extension that lets the request at hand take longer than the deadline to arrive.

Its value is to be called; from then on only who sends less than LEAST_BYTES_PER_S is cut off.
"""

CUT: Final = "tocsin.cut"
"""The ASGI extension that ends the connection in the middle of an answer, once it is called."""

_PIECE: Final = 16 * 1024
_TITLES: Final = {400: "Bad request.", 503: "Service unavailable."}
_UNREADABLE: Final = "this cannot be read as a request of HTTP/1.1 (RFC 9112)"
_TOO_LARGE: Final = (
    f"the head of the request is too large; it may have {HEAD_BYTES} bytes"
    f" and {HEADER_FIELDS} headers"
)


class _Reading(Enum):
    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class _RefusedError(Exception):
    """Ends the parsing: the request is not taken."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 over httptools, with limits.

    A request arrives whole within a deadline and its answer is taken within the same, or the
    connection is cut and nothing said; a request that the application lets take its time must
    keep coming instead. One request at a time: what a client pipelines is not
    read, the connection ends after the answer at hand, and the client has to ask again
    (RFC 9112 section 9.3.2). What cannot be read gets one 400 in the shape of every error.
    """

    limits: ClassVar[Limits]

    _asked = False  # a request was handed over, and self.cycle is there
    _reading = _Reading.NOTHING
    _deaf = False  # nothing that comes is read any more: the connection ends with the answer
    _unhurried = False  # the request at hand may take as long as it keeps coming
    _came_bytes = 0  # of its body, since the deadline was started
    _ending = False  # the server ends
    _bare_bytes = 0  # received since the last that was of use: a head, some body, an end
    _fault = _UNREADABLE

    # -- the connection

    def connection_made(  # type: ignore[override]  # uvicorn's own narrowing
        self, transport: asyncio.Transport
    ) -> None:
        """Wait for a request, or close at once when there are connections enough."""
        self._arrival = Deadline(self.loop, self.limits.request_timeout_s, self._not_arrived)
        self._taking = Deadline(self.loop, self.limits.request_timeout_s, transport.abort)
        if len(self.connections) >= self.limits.connections:
            self.transport = transport  # which connection_lost closes
            transport.abort()
            return
        super().connection_made(transport)
        # Writing pauses for as long as anything is unsent, not only for much.
        transport.set_write_buffer_limits(high=0)
        self._arrival.start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._arrival.stop()
        self._taking.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the client its time to take what is unsent."""
        super().pause_writing()
        self._taking.start()

    def resume_writing(self) -> None:
        """Go on: everything is sent."""
        self._taking.stop()
        super().resume_writing()

    def shutdown(self) -> None:
        """Answer what is under way, within what is left of the server's time, and close."""
        self._ending = True
        self._arrival.shorten(self.limits.farewell_s)
        self._taking.shorten(self.limits.farewell_s)
        super().shutdown()

    def _not_arrived(self) -> None:
        came, self._came_bytes = self._came_bytes, 0
        keeps_coming = came >= self.limits.request_timeout_s * LEAST_BYTES_PER_S
        if self._unhurried and self._ending:
            self.transport.abort()
        elif self.flow.read_paused or (self._unhurried and keeps_coming):
            # It is the application that keeps the client waiting, or there is no end of the body.
            self._arrival.start()
        else:
            self.transport.abort()

    def _let_take_its_time(self) -> None:
        self._unhurried = True

    def _cut(self) -> None:
        self.cycle.disconnected = True
        self.transport.close()

    # -- what arrives

    def data_received(self, data: bytes) -> None:
        """Parse *data*, in pieces so small that a head cannot outgrow its limit unseen."""
        if self._reading is _Reading.NOTHING and not self._owes_answer():
            self._arrival.start()
        at = 0
        while at < len(data) and not self._deaf and not self.transport.is_closing():
            piece = data[at : at + min(_PIECE, HEAD_BYTES - self._bare_bytes)]
            at += len(piece)
            self._bare_bytes += len(piece)
            super().data_received(piece)
            if self._bare_bytes >= HEAD_BYTES and not self.transport.is_closing():
                self._fault = _TOO_LARGE
                self.send_400_response(self._fault)

    def on_message_begin(self) -> None:
        """Begin a request, unless the one before waits for its answer."""
        if self._owes_answer():
            raise _RefusedError
        super().on_message_begin()
        self._unhurried, self._came_bytes = False, 0
        self.scope["extensions"] = {  # uvicorn knows none itself
            UNHURRIED: self._let_take_its_time,  # type: ignore[dict-item]
            CUT: self._cut,  # type: ignore[dict-item]
        }
        self._reading = _Reading.HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header of the head."""
        if self._reading is not _Reading.HEAD:
            return  # a trailer, which may be discarded (RFC 9110 section 6.5.1)
        if len(self.headers) >= HEADER_FIELDS:
            self._refuse(_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request to the application, or refuse it."""
        upgrades = self.parser.should_upgrade()
        fault = fault_of_head(
            version=self.parser.get_http_version(),
            target=self.url,
            headers=self.headers,
            upgrades=upgrades,
        )
        if fault is not None:
            self._refuse(fault)
        super().on_headers_complete()
        self._asked = True
        if upgrades or self.expect_100_continue:
            # Where the next request would begin depends on what the client made of the answer.
            self.cycle.keep_alive = False
        self._reading = _Reading.BODY
        self._bare_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Take some of the body."""
        super().on_body(body)
        self._came_bytes += len(body)
        self._bare_bytes = 0

    def on_message_complete(self) -> None:
        """Note that the request is whole; its answer may take as long as it likes."""
        super().on_message_complete()
        self._reading = _Reading.NOTHING
        self._bare_bytes = 0
        self._arrival.stop()
        if self.cycle.response_complete:  # answered early: this end is what keeps the connection
            self._arrival.start()

    # -- what is not taken

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - ours says more
        """Refuse what is being read: with a 400, or by ending when that would be taken wrongly.

        What there is no memory for gets a 503, for it is nobody's fault.
        """
        if self._owes_answer():  # to the request before, and only to that
            self._deaf = True
            self.cycle.keep_alive = False
            self.transport.pause_reading()
            return
        nothing_asked = self._reading is _Reading.NOTHING  # empty lines, and no end of them
        answered = self._reading is _Reading.BODY and self.cycle.response_started
        if nothing_asked or answered:
            self.transport.abort()
            return
        refused = sys.exception()
        is_short = refused is not None and isinstance(refused.__context__, MemoryError)
        self.transport.write(
            self._refusal(503, NO_MEMORY) if is_short else self._refusal(400, self._fault)
        )
        self.transport.close()

    def _owes_answer(self) -> bool:
        """Return whether a request has arrived whole and is not answered."""
        return (
            self._asked and self._reading is _Reading.NOTHING and not self.cycle.response_complete
        )

    def _refuse(self, fault: str) -> None:
        self._fault = fault
        raise _RefusedError(fault)

    def _refusal(self, status: int, message: str) -> bytes:
        trace_id, title = SystemEntropy().uuid(), _TITLES[status]
        shape = {"code": status, "title": title, "message": message, "trace_id": trace_id}
        body = json.dumps(shape).encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-trace-id", trace_id.encode()),
            (b"connection", b"close"),
            *([(b"retry-after", b"1")] if status == 503 else ()),
        ]
        reason = HTTPStatus(status).phrase
        lines = [
            f"HTTP/1.1 {status} {reason}".encode(),
            *(b": ".join(header) for header in headers),
        ]
        return b"\r\n".join([*lines, b"", body])
