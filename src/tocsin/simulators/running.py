"""What the commands have in common: a simulator that serves until it is told to stop."""

import asyncio
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol


class Simulator(Protocol):
    """A peer that listens."""

    async def start(self, host: str, port: int) -> None:
        """Begin to listen; port 0: a free one."""

    async def close(self) -> None:
        """Stop listening and cut what is connected."""


def tls_of(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return what serves https with these PEM files; None without a certificate.

    Raises OSError, which ssl.SSLError is, when they cannot be read or are no pair.
    """
    if cert is None:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    return tls


def run_until_stopped(
    simulator: Simulator, *, host: str, port: int, ready: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM. ready: called once it listens.

    Raises OSError when the port is taken.
    """
    asyncio.run(_serve(simulator, host, port, ready))


async def _serve(simulator: Simulator, host: str, port: int, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await simulator.start(host, port)
    ready()
    await stop.wait()
    await simulator.close()
