"""An HTTP server over an application of a test's own, and wires to it that say anything."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from tocsin.machine.http_server import HttpServer

GET: Final = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST: Final = b"POST /a HTTP/1.1\r\nHost: x\r\n"
MIB: Final = 1024 * 1024


class Application:
    """Reads each request to its end and answers with the body; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.disconnected = threading.Event()
        self.under_way = threading.Event()
        self.may_answer = threading.Event()
        self.answer = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        self.under_way.set()
        if scope["path"] == "/early":
            await respond(send, b"early")
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        else:
            self.disconnected.set()
            return
        self.headers.append(scope["headers"])
        if scope["path"] == "/held":
            await asyncio.to_thread(self.may_answer.wait, 20)
        await respond(send, self.answer or body)


async def respond(send: Any, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


class Served:
    """A server, the application behind it, which a test may change, and wires to it."""

    def __init__(self, **limits: Any) -> None:
        self.application: Any = Application()
        self.server = HttpServer(self, host="127.0.0.1", port=0, **limits)
        self.wires: list[socket.socket] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.application(scope, receive, send)

    def wire(self, sent: bytes = b"") -> socket.socket:
        """Return a new connection on which *sent* has been sent."""
        wire = socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
        self.wires.append(wire)
        wire.sendall(sent)
        return wire

    def until_cut(self) -> None:
        """Wait for as long as a request may take to arrive."""
        assert rest(self.wire(b"G")) == b""

    def hang_up(self) -> None:
        """Close every wire."""
        for wire in self.wires:
            wire.close()
        self.wires.clear()


Serve = Callable[..., Served]


def rest(wire: socket.socket) -> bytes:
    """Return everything that comes until the server closes."""
    received = bytearray()
    with suppress(ConnectionError):
        while some := wire.recv(MIB):
            received += some
    return bytes(received)


def answers(received: bytes) -> int:
    """Return how many answers there are."""
    return len(re.findall(rb"HTTP/1\.1 \d{3} ", received))


def answer(wire: socket.socket) -> tuple[int, bytes, bytes]:
    """Return status, head and body of the next answer."""
    read = wire.makefile("rb")
    head = b""
    while (line := read.readline()) != b"\r\n":
        assert line, f"the connection ended after {head!r}"
        head += line
    length = re.search(rb"content-length: (\d+)", head)
    assert length, head
    return int(head.split(b" ")[1]), head, read.read(int(length[1]))
