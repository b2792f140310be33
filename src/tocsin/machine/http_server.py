"""Serving an application over HTTP, in a thread of its own."""

import resource
import socket
import threading
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from types import TracebackType
from typing import Any, Final, Self

import uvicorn

from tocsin.machine.http_limits import Limits
from tocsin.machine.http_protocol import BoundedProtocol

GRACE_S: Final = 10
REQUEST_TIMEOUT_S: Final = 30
CONNECTIONS: Final = 2048
_BACKLOG: Final = 2048


class HttpServer:
    """An HTTP server on a socket that is bound before anything is announced.

    A client that takes longer than request_timeout_s to send a request, or to take its answer,
    is cut off; a connection beyond *connections* is closed at once. trusted_proxies: addresses
    and networks; a request from there has the scheme that X-Forwarded-Proto says, and comes from
    the last address in X-Forwarded-For that is not one of them. Raises OSError when the address
    cannot be had.
    """

    def __init__(
        self,
        app: Any,
        *,
        host: str,
        port: int,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        connections: int = CONNECTIONS,
        grace_s: int = GRACE_S,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # By its number asyncio knows a socket of TCP, and sends what is written at once.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.port: Final[int] = self._socket.getsockname()[1]
        limits = Limits(
            request_timeout_s=request_timeout_s,
            # Half of the grace for what still arrives, half for answering it.
            farewell_s=grace_s / 2,
            connections=min(connections, _descriptors() // 2),
        )
        # As many as this are accepted before the first of them can be closed again.
        self._backlog = min(_BACKLOG, _descriptors() // 4)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=type("LimitedProtocol", (BoundedProtocol,), {"limits": limits}),
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # a warning for each bad request would be for clients to write
                access_log=False,
                server_header=False,
                forwarded_allow_ips=[*_in_both_forms(trusted_proxies)],
                backlog=self._backlog,
                timeout_graceful_shutdown=grace_s,
            )
        )
        # Outside the main thread uvicorn leaves the signals to their owner.
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="http"
        )

    def __enter__(self) -> Self:
        """Start serving."""
        self._socket.listen(self._backlog)
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


def _in_both_forms(proxies: Iterable[str]) -> Iterator[str]:
    """Yield *proxies*; IPv4 ones also as a socket of IPv6 sees them (RFC 4291 section 2.5.5.2)."""
    for proxy in proxies:
        yield proxy
        network = ip_network(proxy)
        if network.version == 4:
            yield f"::ffff:{network.network_address}/{96 + network.prefixlen}"


def _descriptors() -> int:
    """Return how many files and connections this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20
