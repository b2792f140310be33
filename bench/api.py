"""Push tasks created a second on one core: durable, rate limits off, on each database.

Run: PYTHONPATH=src:tests python bench/api.py [--seconds 10] [--connections 64] [--profile FILE]

The server (`serve --role web`) has the first core to itself, the client the last, and PostgreSQL
shares the client's. First as much as the server takes (closed loop), then half of that at even
intervals (open loop), where a request's time counts from when it was due.
"""
# ruff: noqa: INP001, T201 - a script: nothing imports it, and it prints what it measured

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from postgres import running_postgres
from programs import Program, environment

BODY = {
    "name": "Sale",
    "status": 0,
    "start_time": "immediately",
    "frequency": "86400",
    "message": {
        "title": {"en": "Good news", "de": "Gute Nachricht"},
        "body": {"en": "Everything is cheaper today", "de": "Heute ist alles billiger"},
        "image": {"en": "https://www.example.com/images/sale.png"},
        "landing_url": "https://www.example.com/sale",
        "actions": [{"title": {"en": "Show me"}, "url": "https://www.example.com/list"}],
    },
    "targeting": {
        "countries": {"op": "include", "items": ["DE", "AT", "CH"]},
        "browsers": {"op": "include", "items": ["12"]},
        "languages": {"op": "exclude", "items": ["fr"]},
    },
    "ttl": "3600",
}
CORES = sorted(os.sched_getaffinity(0))
WARM_UP_S = 2.0


@dataclass
class Load:
    """What came back: seconds from due to answered, one for each request."""

    times: list[float] = field(default_factory=list)
    refused: int = 0


class Connection(asyncio.Protocol):
    """One kept-alive connection with one request on it at a time."""

    def __init__(self, answered: Callable[["Connection", bool], None]) -> None:
        self._answered = answered
        self._received = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        if not ended:
            return
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if length and len(body) >= int(length[1]):
            good = head.startswith(b"HTTP/1.1 201")
            self._received = b""
            self._answered(self, good)


async def closed_loop(port: int, request: bytes, connections: int, seconds: float) -> Load:
    """Send on every connection as soon as it has its answer."""
    load, until = Load(), time.perf_counter() + seconds
    began: dict[Connection, float] = {}
    over = asyncio.Event()

    def answered(connection: Connection, good: bool) -> None:
        now = time.perf_counter()
        load.times.append(now - began[connection])
        load.refused += not good
        if now >= until:
            over.set()
            return
        began[connection] = now
        connection.transport.write(request)

    for connection in await connected(port, connections, answered):
        began[connection] = time.perf_counter()
        connection.transport.write(request)
    await over.wait()
    return load


async def open_loop(
    port: int, request: bytes, connections: int, seconds: float, rate: float
) -> Load:
    """Send at even intervals; who finds no free connection waits, and that counts."""
    load = Load()
    due_of: dict[Connection, float] = {}
    waiting: list[float] = []

    def answered(connection: Connection, good: bool) -> None:
        load.times.append(time.perf_counter() - due_of[connection])
        load.refused += not good
        free.append(connection)
        if waiting:
            send(waiting.pop(0))

    def send(due: float) -> None:
        connection = free.pop()
        due_of[connection] = due
        connection.transport.write(request)

    free = await connected(port, connections, answered)
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        while (left := due - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        # The server closes a connection that was idle for long.
        free[:] = [one for one in free if not one.transport.is_closing()]
        if free:
            send(due)
        else:
            waiting.append(due)
    while len(load.times) < int(rate * seconds):
        await asyncio.sleep(0.01)
    return load


async def connected(
    port: int, connections: int, answered: Callable[[Connection, bool], None]
) -> list[Connection]:
    """Return open connections."""
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: Connection(answered), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]


@contextmanager
def serving(database_url: str, directory: Path, profile: Path | None) -> Iterator[tuple[int, str]]:
    """Yield the process id, the port and the token of a fresh server on a core of its own."""
    settings = {
        "TOCSIN_DATABASE_URL": database_url,
        "TOCSIN_RATE_BURST": "0",
        "TOCSIN_RATE_STEADY": "0",
        "TOCSIN_LOG_FORMAT": "json",
    }
    measured = ["-m", "cProfile", "-o", str(profile)] if profile else []
    argv = [
        *("taskset", "-c", str(CORES[0]), sys.executable, *measured),
        *("-m", "tocsin", "serve", "--role", "web", "--port", "0"),
    ]
    with Program(argv, env=environment(data=directory, env=settings)) as server:
        server.expect(r"is listening on")
        token = server.expect(r"^ +(tocsin_\S+)$")[1]
        yield server.pid, int(server.address.rpartition(":")[2]), token  # type: ignore[misc]


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(times: list[float], share: float) -> float:
    """Return the time that *share* of the requests did not exceed, in milliseconds."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def measure(name: str, database_url: str, options: argparse.Namespace) -> None:
    """Print what one database gives."""
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(database_url, Path(directory), options.profile) as (pid, port, token),
    ):
        body = json.dumps(BODY).encode()
        head = (
            f"POST /v1/hood/push-tasks HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        request = head.encode() + body
        asyncio.run(closed_loop(port, request, options.connections, WARM_UP_S))
        used = cpu_seconds(pid)
        began = time.perf_counter()
        full = asyncio.run(closed_loop(port, request, options.connections, options.seconds))
        took, used = time.perf_counter() - began, cpu_seconds(pid) - used
        rate = len(full.times) / took
        half = asyncio.run(open_loop(port, request, options.connections, options.seconds, rate / 2))
    print(
        f"{name:11} {rate:6.0f} creates/s  {len(full.times) / used:6.0f} per CPU-second  "
        f"p50 {percentile(full.times, 0.5):5.1f} ms  p99 {percentile(full.times, 0.99):5.1f} ms  "
        f"| at half: p50 {percentile(half.times, 0.5):5.1f} ms  "
        f"p99 {percentile(half.times, 0.99):5.1f} ms  | not 201: {full.refused + half.refused}"
    )


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--profile", type=Path, help="write a cProfile of the server's main thread")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {len(CORES)} cores, {platform.machine()}")
    os.sched_setaffinity(0, {CORES[-1]})
    if options.only != "postgresql":
        with tempfile.TemporaryDirectory() as directory:
            measure("sqlite", f"sqlite:///{directory}/tocsin.db", options)
    if options.only != "sqlite":
        with running_postgres() as server:
            measure("postgresql", server.new_database(), options)
    print(f"client: {resource.getrusage(resource.RUSAGE_SELF).ru_utime:.1f} s of CPU")


if __name__ == "__main__":
    main()
