"""A way to a server that passes everything on, until it is told to do something else."""

import re
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

_CHUNK: Final = 1 << 16

# PostgreSQL, "Message Formats": a simple Query, and what a server says when it is ready for more.
_BEGIN_WRITE: Final = b"BEGIN ISOLATION LEVEL READ COMMITTED"
_COMMIT: Final = re.compile(rb"Q....COMMIT;?\x00", re.DOTALL)
_READY: Final = re.compile(rb"Z\x00\x00\x00\x05[ITE]\Z")


class Cut(Enum):
    """On which side of a COMMIT a connection is cut: nobody but the server knows."""

    BEFORE = "before the server has it"
    AFTER = "after the server has done it"


@dataclass
class Wire:
    """A listening port that leads to another one, for any number of connections.

    cuts: what becomes of the next transactions that write, as they commit; of PostgreSQL's
    protocol without TLS. opened: how many connections there have been.
    """

    server: tuple[str, int]
    cuts: deque[Cut] = field(default_factory=deque)
    opened: int = 0
    _listener: socket.socket = field(init=False)
    _sockets: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @classmethod
    @contextmanager
    def to(cls, host: str, port: int) -> Iterator["Wire"]:
        """Yield one that ends, with all of its connections, when the block does."""
        wire = cls((host, port))
        wire._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        wire._run(wire._accept)
        try:
            yield wire
        finally:
            wire._close()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.opened += 1
                self._sockets.append(client)
                _Connection(self, client).start()

    def _close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for one in self._sockets:
            _hang_up(one)
        for thread in self._threads[1:]:
            thread.join()
        for one in self._sockets:
            one.close()


class _Connection:
    """One connection through a wire: a thread for each direction."""

    def __init__(self, wire: Wire, client: socket.socket) -> None:
        self._wire = wire
        self._client = client
        self._server = socket.socket()
        self._is_writing = False
        self._is_deaf = False  # the client hears nothing more, and the server's word ends it

    def start(self) -> None:
        self._wire._sockets.append(self._server)
        try:
            self._server.connect(self._wire.server)
        except OSError:
            _hang_up(self._client)
            return
        self._wire._run(self._pass_on, self._client, self._server, self._ask)
        self._wire._run(self._pass_on, self._server, self._client, self._answer)

    def _pass_on(
        self,
        source: socket.socket,
        target: socket.socket,
        judge: Callable[[bytes], bool],
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if not judge(data):
                    break
                if not (self._is_deaf and target is self._client):
                    target.sendall(data)
        _hang_up(self._client)
        _hang_up(self._server)

    def _ask(self, data: bytes) -> bool:
        """Return whether the client's word is passed on."""
        if b"BEGIN" in data:
            self._is_writing = _BEGIN_WRITE in data
        if not (self._is_writing and self._wire.cuts and _COMMIT.search(data)):
            return True
        cut = self._wire.cuts.popleft()
        self._is_deaf = cut is Cut.AFTER
        return self._is_deaf

    def _answer(self, data: bytes) -> bool:
        """Return whether the connection is kept after the server's word."""
        return not (self._is_deaf and _READY.search(data))


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
