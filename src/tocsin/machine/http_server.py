"""Serving an application over HTTP, in a thread of its own."""

import socket
import threading
from types import TracebackType
from typing import Any, Final, Self

import uvicorn

GRACE_S: Final = 10
_BACKLOG: Final = 2048


class HttpServer:
    """An HTTP server on a socket that is bound before anything is announced.

    httptools parses strictly: it refuses a Content-Length beside a Transfer-Encoding. Raises
    OSError when the address cannot be had.
    """

    def __init__(self, app: Any, *, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.port: Final[int] = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        # Outside the main thread uvicorn leaves the signals to their owner.
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="http"
        )

    def __enter__(self) -> Self:
        """Start serving."""
        self._socket.listen(_BACKLOG)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop taking requests, finish those that are under way, and end."""
        self._server.should_exit = True
        self._thread.join()
