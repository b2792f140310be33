"""A small HTTP/1.1 server for simulators: httptools on asyncio, with delays and resets."""

import asyncio
import socket
import ssl
import struct
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

_BACKLOG: Final = 4096
_BODY_LIMIT: Final = 1 << 20
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time at all


@dataclass(slots=True)
class Request:
    """A request whose headers have arrived; names in lower case. The body follows later.

    origin: the one that the client meant, scheme and Host header.
    """

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    origin: str


@dataclass(slots=True)
class Reply:
    """An answer: sent after *delay_ms*, or a connection reset in its place.

    pieces: how many the body is sent in, each *piece_ms* after the one before it.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay_ms: int = 0
    reset: bool = False
    pieces: int = 1
    piece_ms: int = 0

    def wire(self, *, keep_alive: bool) -> deque[bytes]:
        """Return the bytes of the answer, in its pieces; the head goes with the first."""
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Unnamed')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status != 204:
            lines.append(f"Content-Length: {len(self.body)}")
        if not keep_alive:
            lines.append("Connection: close")
        head = "\r\n".join((*lines, "", "")).encode("latin-1")
        size = max(1, -(-len(self.body) // self.pieces))
        rest = (self.body[at : at + size] for at in range(size, len(self.body), size))
        return deque((head + self.body[:size], *rest))


class Conversation(ABC):
    """One request being answered."""

    resets_body = False  # reset the connection instead of reading the body

    @abstractmethod
    def answer(self, body: bytes) -> Reply:
        """Return the answer, now that the whole *body* is there."""


class Application(ABC):
    """What a server serves."""

    @abstractmethod
    def open(self, request: Request) -> Conversation:
        """Return the conversation for *request*, whose body is still to come."""


@dataclass(slots=True)
class _Slot:
    """The place of one answer in the order of its connection (RFC 9112 section 9.3.2).

    wire: the pieces that are still to be sent; None until the answer is there.
    """

    wire: deque[bytes] | None = None
    piece_ms: int = 0
    last: bool = False


class _Connection(asyncio.Protocol):
    def __init__(self, application: Application, connections: "set[_Connection]") -> None:
        self._application = application
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._slots: deque[_Slot] = deque()
        self._closed = False
        self._scheme = "http"
        self._new_message()

    def _new_message(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._conversation: Conversation | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._scheme = "https" if transport.get_extra_info("ssl_object") else "http"
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._closed = True
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end()
        except httptools.HttpParserError:
            if not self._closed:
                self._refuse(400)

    # httptools' side

    def on_message_begin(self) -> None:
        self._new_message()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._closed:
            return
        try:
            url = urlsplit(self._target.decode("ascii"))
        except ValueError:  # UnicodeDecodeError is one
            url = urlsplit("/")
        host = next((value for name, value in self._headers if name == "host"), "")
        request = Request(
            self._parser.get_method().decode("ascii"),
            url.path,
            url.query,
            self._headers,
            f"{self._scheme}://{host}",
        )
        self._conversation = self._application.open(request)

    def on_body(self, body: bytes) -> None:
        if self._closed or self._conversation is None:
            return
        if self._conversation.resets_body:
            self.reset()
            return
        self._body_bytes += len(body)
        if self._body_bytes > _BODY_LIMIT:
            self._refuse(413)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._closed or self._conversation is None:
            return
        if self._conversation.resets_body:
            self.reset()
            return
        keep_alive = self._parser.should_keep_alive()
        reply = self._conversation.answer(b"".join(self._body))
        slot = _Slot(last=not keep_alive)
        self._slots.append(slot)
        if reply.delay_ms:
            loop = asyncio.get_running_loop()
            loop.call_later(reply.delay_ms / 1000, self._fill, slot, reply, keep_alive)
        else:
            self._fill(slot, reply, keep_alive)

    def _fill(self, slot: _Slot, reply: Reply, keep_alive: bool) -> None:
        if self._closed:
            return
        if reply.reset:
            self.reset()
            return
        slot.wire, slot.piece_ms = reply.wire(keep_alive=keep_alive), reply.piece_ms
        if slot is self._slots[0]:  # else the first one sends this when it is through
            self._send()

    def _send(self) -> None:
        """Send what is ready, up to the next piece that has to wait."""
        while not self._closed and self._slots and self._slots[0].wire:
            first, wire = self._slots[0], self._slots[0].wire
            self._transport.write(wire.popleft())
            if wire:
                loop = asyncio.get_running_loop()
                loop.call_later(first.piece_ms / 1000, self._send)
                return
            self._slots.popleft()
            if first.last:
                self._end()

    def _refuse(self, status: int) -> None:
        self._transport.write(b"".join(Reply(status).wire(keep_alive=False)))
        self._end()

    def _end(self) -> None:
        self._closed = True
        self._transport.close()

    def reset(self) -> None:
        """Cut the connection so that the peer sees a reset and not an end."""
        self._closed = True
        connected = self._transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()


class HttpServer:
    """Serves an application on one address, plain or with TLS."""

    def __init__(self, application: Application, *, tls: ssl.SSLContext | None = None) -> None:
        self._application = application
        self._tls = tls
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Begin to listen and return the port: *port*, or a free one when that is 0."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self._application, self._connections),
            host,
            port,
            ssl=self._tls,
            backlog=_BACKLOG,
        )
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def close(self) -> None:
        """Stop listening and cut what is connected."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.reset()
            await self._server.wait_closed()
            self._server = None
