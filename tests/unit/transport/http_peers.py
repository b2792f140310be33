"""Servers of the tests: real sockets on free ports, each connection in a thread of its own."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[["Peer", socket.socket], None]

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STATUS_201 = b"\x08\x03201"  # HPACK: literal without indexing, name :status is 8 (RFC 7541 A)


class Peer:
    """What a listening socket has seen, and what it does with each connection."""

    def __init__(self, behaviour: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.gate = threading.Event()
        self._behaviour = behaviour
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, host: str = "127.0.0.1", path: str = "/push/1") -> str:
        return f"http{'s' if self._context else ''}://{host}:{self.port}{path}"

    def read(self, connection: socket.socket) -> bytes:
        """Return one request and note it; nothing when the client is gone."""
        request = read_request(connection)
        if request:
            self.requests.append(request)
        return request

    def stop(self) -> None:
        self.gate.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if self._context is None:
                self._behaviour(self, connection)
                return
            with self._context.wrap_socket(connection, server_side=True) as secured:
                self._open.append(secured)
                self._behaviour(self, secured)


@contextmanager
def listening(behaviour: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[Peer]:
    peer = Peer(behaviour, context)
    try:
        yield peer
    finally:
        peer.stop()


def read_request(connection: socket.socket) -> bytes:
    """Return one HTTP/1.1 request as it came, or nothing when the client is gone."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        more = connection.recv(65536)
        if not more:
            return b""
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(lines[b"Content-Length"]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answers(answer: bytes = CREATED) -> Behaviour:
    """Each request gets *answer*."""

    def behave(peer: Peer, connection: socket.socket) -> None:
        while peer.read(connection):
            connection.sendall(answer)

    return behave


def answers_then_hangs_up(count: int) -> Behaviour:
    """The first *count* requests of a connection get 201; the next is read and never answered."""

    def behave(peer: Peer, connection: socket.socket) -> None:
        for _ in range(count):
            peer.read(connection)
            connection.sendall(CREATED)
        peer.read(connection)

    return behave


def resets(peer: Peer, connection: socket.socket) -> None:
    """Read the request, then reset the connection."""
    peer.read(connection)
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, for 0 seconds: close sends RST
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def stays_silent(peer: Peer, connection: socket.socket) -> None:
    """Read requests and say nothing until the test opens the gate."""
    peer.read(connection)
    peer.gate.wait()


def never_greets(peer: Peer, _connection: socket.socket) -> None:
    """Say nothing at all, not even the server's part of a TLS handshake."""
    peer.gate.wait()


def floods(peer: Peer, connection: socket.socket) -> None:
    """Answer 201 with a body of 10 MB."""
    peer.read(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 10000000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"\x07flood " * 1250)
    peer.requests.append(b"all of it went out")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one HTTP/2 frame (RFC 9113 section 4.1)."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def frames(connection: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield type, flags, stream and payload of each frame that comes."""
    stream = connection.makefile("rb")
    with stream:
        assert stream.read(len(PREFACE)) == PREFACE
        while len(head := stream.read(9)) == 9:
            payload = stream.read(int.from_bytes(head[:3]))
            yield head[3], head[4], int.from_bytes(head[5:]), payload


def answers_h2(streams_at_once: int) -> Behaviour:
    """Answer 201 to the streams of a connection, each time that this many are waiting on it."""

    def behave(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(frame(SETTINGS, 0, 0))
        waiting: list[int] = []
        for kind, flags, stream, payload in frames(connection):
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0))
            if kind == DATA and payload:
                peer.requests.append(payload)
            if stream and flags & END_STREAM:
                waiting.append(stream)
            if len(waiting) == streams_at_once:
                done = (frame(HEADERS, END_STREAM | END_HEADERS, n, STATUS_201) for n in waiting)
                connection.sendall(b"".join(done))
                waiting.clear()

    return behave


def refuses_h2(error: int) -> Behaviour:
    """Answer the first stream of a connection, and reset every later one with *error*."""

    def behave(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(frame(SETTINGS, 0, 0))
        for kind, flags, stream, payload in frames(connection):
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0))
            if kind == DATA and payload:
                peer.requests.append(payload)
            if stream and flags & END_STREAM:
                good = frame(HEADERS, END_STREAM | END_HEADERS, stream, STATUS_201)
                bad = frame(RST_STREAM, 0, stream, error.to_bytes(4))
                connection.sendall(good if stream == 1 else bad)

    return behave
