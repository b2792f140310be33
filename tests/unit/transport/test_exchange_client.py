"""Asking demand sources over real sockets: what strangers may do, and what comes of it."""

import asyncio
import gzip
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from certificates import Authority
from loops import run
from tocsin.domain.draw import Why
from tocsin.exchange.answers import MAX_BODY_BYTES, Got, read_answer
from tocsin.exchange.hosts import ExchangeHosts
from tocsin.exchange.question import Ask
from tocsin.transport.exchange_client import ExchangeClient

LONG_MS: Final = 20_000
JSON: Final = b"Content-Type: application/json\r\n"

Serve: TypeAlias = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Source:
    """A demand source of one behaviour. port: where it listens. heads: of what it was asked."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.port = 0
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.is_asked = asyncio.Event()
        self.is_left = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                self.is_asked.set()
                _, found, length = head.lower().partition(b"content-length: ")
                self.bodies.append(
                    await reader.readexactly(int(length.split(b"\r\n")[0])) if found else b""
                )
                await self._serve(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.is_left.set()
        finally:
            writer.close()


@asynccontextmanager
async def source(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Source]:
    """Yield a source that listens."""
    peer = Source(serve)
    server = await asyncio.start_server(peer.talk, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


def saying(wire: bytes) -> Serve:
    """Return the behaviour of a source that says *wire* to everything."""

    async def serve(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(wire)
        await writer.drain()

    return serve


def answer(body: bytes, headers: bytes = JSON, status: bytes = b"200 OK") -> bytes:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"HTTP/1.1 " + status + b"\r\n" + headers + length + body


async def silent(_head: bytes, _writer: asyncio.StreamWriter) -> None:
    """Say nothing."""


async def fetched(
    peer: Source, *, timeout_ms: int = LONG_MS, host: str = "localhost", listed: bool = True
) -> Got:
    """Return what a client of its own gets of *peer*."""
    entries = [f"{host}:{peer.port}"] if listed else []
    client = ExchangeClient(ExchangeHosts(entries), ca_file=None)
    try:
        return await client.fetch(question(peer, host=host), timeout_ms=timeout_ms)
    finally:
        client.close()


def question(peer: Source, *, host: str = "localhost", scheme: str = "http") -> Ask:
    return Ask("GET", f"{scheme}://{host}:{peer.port}/feed?num=1", ("accept: application/json",))


def got_of(serve: Serve, *, timeout_ms: int = LONG_MS) -> Got:
    async def ask() -> Got:
        async with source(serve) as peer:
            return await fetched(peer, timeout_ms=timeout_ms)

    return run(ask())


def test_an_answer_comes_as_it_was_sent() -> None:
    got = got_of(saying(answer(b'{"items": []}')))

    assert got == Got(200, "application/json", "", b'{"items": []}', None)


def test_what_is_asked_is_the_question_and_no_more() -> None:
    async def ask() -> bytes:
        async with source(saying(answer(b"{}"))) as peer:
            await fetched(peer)
            return peer.heads[0]

    lines = run(ask()).decode().split("\r\n")

    assert lines[0] == "GET /feed?num=1 HTTP/1.1"
    assert sorted(line.partition(":")[0].lower() for line in lines[1:] if line) == [
        "accept",
        "accept-encoding",
        "host",
    ]


def test_a_bid_request_is_posted() -> None:
    async def ask() -> tuple[bytes, bytes]:
        async with source(saying(answer(b"{}"))) as peer:
            client = ExchangeClient(ExchangeHosts([f"localhost:{peer.port}"]), ca_file=None)
            url = f"http://localhost:{peer.port}/rtb"
            post = Ask("POST", url, ("content-type: application/json",), b'{"id": "1"}')
            await client.fetch(post, timeout_ms=LONG_MS)
            client.close()
            return peer.heads[0], peer.bodies[0]

    head, body = run(ask())

    assert head.startswith(b"POST /rtb HTTP/1.1\r\n")
    assert b"expect" not in head.lower()
    assert body == b'{"id": "1"}'


def test_nobody_is_followed_elsewhere() -> None:
    moved = answer(b"", b"Location: http://localhost:1/\r\n", b"302 Found")

    got = got_of(saying(moved))

    assert (got.status, got.failure) == (302, None)


@pytest.mark.parametrize(
    "body", [b"x" * (10 << 20), b"x" * (MAX_BODY_BYTES + 1)], ids=["10 MB", "one byte too long"]
)
def test_a_long_answer_is_cut_one_byte_after_the_most(body: bytes) -> None:
    got = got_of(saying(answer(body)))

    assert (got.status, len(got.body), got.failure) == (200, MAX_BODY_BYTES + 1, None)


def test_the_longest_answer_that_is_read_comes_whole() -> None:
    got = got_of(saying(answer(b"x" * MAX_BODY_BYTES)))

    assert (len(got.body), got.failure) == (MAX_BODY_BYTES, None)


def test_a_packed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(10 << 20))

    got = got_of(saying(answer(packed, JSON + b"Content-Encoding: gzip\r\n")))

    assert (got.content_encoding, got.body, got.failure) == ("gzip", packed, None)


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"", Why.UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 10\r\n\r\n{", Why.UNREACHABLE),
        (b"<html>what is HTTP?</html>" * 10, Why.MALFORMED),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (1 << 18), Why.MALFORMED),
    ],
    ids=["nothing", "half a body", "no HTTP", "a head without an end"],
)
def test_an_answer_that_is_none(wire: bytes, why: Why) -> None:
    async def hang_up(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(wire)
        writer.close()

    assert got_of(hang_up).failure is why


def test_half_a_head_has_nothing_in_it() -> None:
    async def hang_up(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + JSON)
        writer.close()

    got = got_of(hang_up)

    assert read_answer("feed", got, id="1", bid_floor_micros=None, most=1) == (Why.MALFORMED, ())


def test_silence_ends_with_the_time_there_is() -> None:
    assert got_of(silent, timeout_ms=60).failure is Why.TIMEOUT


def test_dripping_does_not_win_time() -> None:
    async def drip(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 100000\r\n\r\n")
        for _ in range(100_000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.005)

    assert got_of(drip, timeout_ms=120).failure is Why.TIMEOUT


def test_nobody_there() -> None:
    async def ask() -> Got:
        async with source(silent) as peer:
            gone = peer
        return await fetched(gone)

    assert run(ask()).failure is Why.UNREACHABLE


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_address_of_this_machine_is_asked_only_where_it_is_listed(host: str) -> None:
    async def ask(*, listed: bool) -> tuple[Why | None, int]:
        async with source(saying(answer(b"{}"))) as peer:
            got = await fetched(peer, host=host, listed=listed)
            return got.failure, peer.connections

    assert run(ask(listed=True)) == (None, 1)
    assert run(ask(listed=False)) == (Why.UNREACHABLE, 0)


def test_a_certificate_is_checked(authority: Authority) -> None:
    async def ask(ca_file: str | None) -> Why | None:
        async with source(saying(answer(b"{}")), tls=authority.context()) as peer:
            client = ExchangeClient(
                ExchangeHosts([f"localhost:{peer.port}"]),
                ca_file=None if ca_file is None else Path(ca_file),
            )
            got = await client.fetch(question(peer, scheme="https"), timeout_ms=LONG_MS)
            client.close()
            return got.failure

    assert run(ask(authority.ca_file)) is None
    assert run(ask(None)) is Why.UNREACHABLE


def test_many_at_once_and_then_on_kept_connections() -> None:
    async def ask() -> tuple[set[int], int, int]:
        async with source(saying(answer(b"{}"))) as peer:
            client = ExchangeClient(ExchangeHosts([f"localhost:{peer.port}"]), ca_file=None)
            some = [client.fetch(question(peer), timeout_ms=LONG_MS) for _ in range(200)]
            statuses = {got.status for got in await asyncio.gather(*some)}
            before = peer.connections
            for _ in range(10):
                statuses.add((await client.fetch(question(peer), timeout_ms=LONG_MS)).status)
            client.close()
            return statuses, len(peer.heads), peer.connections - before

    assert run(ask()) == ({200}, 210, 0)


def test_whoever_gives_up_leaves_the_source() -> None:
    async def ask() -> None:
        async with source(silent) as peer:
            client = ExchangeClient(ExchangeHosts([f"localhost:{peer.port}"]), ca_file=None)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.fetch(question(peer), timeout_ms=LONG_MS)
            async with asyncio.timeout(10):
                await peer.is_left.wait()
            client.close()

    run(ask())


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_a_client_that_is_closed_reaches_nobody_and_leaves_nothing() -> None:
    before = (descriptors(), threading.active_count())

    async def ask() -> list[Got]:
        async with source(silent) as peer:
            client = ExchangeClient(ExchangeHosts([f"localhost:{peer.port}"]), ca_file=None)
            waiting = asyncio.create_task(client.fetch(question(peer), timeout_ms=LONG_MS))
            await peer.is_asked.wait()
            await asyncio.to_thread(client.close)
            client.close()
            return [await waiting, await client.fetch(question(peer), timeout_ms=LONG_MS)]

    found = run(ask())

    assert [got.failure for got in found] == [Why.UNREACHABLE, Why.UNREACHABLE]
    assert (descriptors(), threading.active_count()) == before


@pytest.mark.parametrize(
    "ask",
    [
        Ask("GET", "http://localhost:1/a\r\nX: y", ()),
        Ask("GET", "http://localhost:1/", ("x: y\r\nz: w",)),
    ],
)
def test_a_line_end_is_not_smuggled_in(ask: Ask) -> None:
    client = ExchangeClient(ExchangeHosts(), ca_file=None)

    with pytest.raises(ValueError, match="lines of ASCII"):
        run(client.fetch(ask, timeout_ms=LONG_MS))
