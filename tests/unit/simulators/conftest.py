"""Simulators on free ports, in a thread of their own, and who talks to them."""

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin.domain.draw import Ad, Why
from tocsin.exchange.answers import MAX_BODY_BYTES, read_answer
from tocsin.exchange.answers import Got as Answer
from tocsin.exchange.asking import ask_of
from tocsin.exchange.question import Question, Source
from tocsin.machine.clock import SystemClock
from tocsin.simulators.exchange import Exchange
from tocsin.simulators.push_service import PushService
from tocsin.simulators.virtual_subscribers import VirtualSubscriber
from tocsin.webpush.base64url import decode
from tocsin.webpush.encryption import encrypt
from tocsin.webpush.request import Urgency, headers
from tocsin.webpush.vapid import Signer, load_private_key

SEED = "a seed"
CLOCK = SystemClock()


@dataclass
class Got:
    """An answer as the sender saw it."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Sender:
    """An application server that does everything right unless told otherwise."""

    base_url: str
    service: PushService
    tls: ssl.SSLContext | None = None
    connection: http.client.HTTPConnection = field(init=False)
    signer: ClassVar = Signer(load_private_key(bytes(31) + b"\x07"))
    stranger: ClassVar = Signer(load_private_key(bytes(31) + b"\x08"))

    def __post_init__(self) -> None:
        self.connection = self.connect()

    def connect(self) -> http.client.HTTPConnection:
        netloc = urlsplit(self.base_url).netloc
        if self.tls:
            return http.client.HTTPSConnection(netloc, timeout=10, context=self.tls)
        return http.client.HTTPConnection(netloc, timeout=10)

    def subscriber(self, n: int) -> VirtualSubscriber:
        return self.service.subscribers.get(n)

    def authorization(
        self, *, signer: Signer | None = None, origin: str = "", shift_ms: int = 0
    ) -> str:
        now_ms = CLOCK.now_ms() + shift_ms
        origin = origin or self.base_url
        return (signer or self.signer).authorization(
            origin, subject="mailto:a@b.example", now_ms=now_ms, life_s=3600
        )

    def headers(self, authorization: str = "", topic: str = "a-topic") -> dict[str, str]:
        lines = headers(
            authorization=authorization or self.authorization(),
            ttl_s=60,
            urgency=Urgency.NORMAL,
            topic=topic,
        )
        return dict(line.split(": ", 1) for line in lines)

    def body(
        self, n: int, plaintext: bytes = b'{"v":1,"title":"Hello"}', salt: bytes = bytes(16)
    ) -> bytes:
        subscription: Any = self.subscriber(n).subscription(self.base_url)["keys"]
        return encrypt(
            plaintext,
            p256dh=decode(subscription["p256dh"]),
            auth=decode(subscription["auth"]),
            sender_key=ec.generate_private_key(ec.SECP256R1()),
            salt=salt,
        )

    def push(self, n: int, *, topic: str = "a-topic", title: str = "Hello") -> Got:
        plaintext = json.dumps({"v": 1, "title": title}).encode()
        return self.ask(
            "POST", self.subscriber(n).path(), self.headers(topic=topic), self.body(n, plaintext)
        )

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Got:
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return Got(response.status, dict(response.getheaders()), response.read())

    def report(self) -> Any:
        return self.ask("GET", "/report").json()

    def behave(self, *rules: dict[str, object]) -> None:
        assert self.ask("POST", "/behaviour", body=json.dumps(rules).encode()).status == 204


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


Start = Callable[..., Sender]


@pytest.fixture
def start() -> Iterator[Start]:
    loop = Loop()
    started: list[tuple[PushService, Sender]] = []

    def start_one(
        *, seed: str = SEED, tls: ssl.SSLContext | None = None, trust: ssl.SSLContext | None = None
    ) -> Sender:
        service = PushService(seed=seed, clock=CLOCK, tls=tls)
        loop.run(service.start("localhost" if tls else "127.0.0.1", 0))
        sender = Sender(service.base_url, service, trust)
        started.append((service, sender))
        return sender

    yield start_one
    for service, sender in started:
        sender.connection.close()
        loop.run(service.close())
    loop.end()


@pytest.fixture
def sender(start: Start) -> Sender:
    return start()


@dataclass
class Buyer:
    """Who asks a demand source, with the requests that the server makes, and reads as it does."""

    exchange: Exchange
    floor: int | None = None
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        netloc = urlsplit(self.exchange.base_url).netloc
        self.connection = http.client.HTTPConnection(netloc, timeout=10)

    def fetch(self, protocol: str, path: str = "", **said: Any) -> Got:
        url = self.exchange.base_url + (path or f"/{protocol}")
        known: dict[str, Any] = {
            "user_agent": "Mozilla/5.0 (Linux; Android 14)",
            "address": "198.51.100.7",
            "language": "pt-BR",
            "page": "https://www.example.com/",
            "number": 2,
            "task_id": 42,
            "subscriber_id": "7",
            "campaign_ids": ("11", "12"),
            "user_data": {"plan": "gold"},
        }
        source = Source(protocol, url, {}, 300, self.floor)
        ask = ask_of(source, Question(**(known | said)), id="q1")
        headers = dict(line.split(": ", 1) for line in ask.headers)
        parts = urlsplit(ask.url)
        return self.ask(ask.method, f"{parts.path}?{parts.query}", headers, ask.body)

    def buy(self, protocol: str, path: str = "", **said: Any) -> tuple[Why, tuple[Ad, ...]]:
        got = self.fetch(protocol, path, **said)
        named = {name.lower(): value for name, value in got.headers.items()}
        answer = Answer(
            got.status,
            named.get("content-type", ""),
            named.get("content-encoding", ""),
            got.body[: MAX_BODY_BYTES + 1],
            None,
        )
        most = said.get("number", 2)
        return read_answer(protocol, answer, id="q1", bid_floor_micros=self.floor, most=most)

    def ask(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Got:
        self.connection.request(method, target, body, headers or {})
        response = self.connection.getresponse()
        return Got(response.status, dict(response.getheaders()), response.read())

    def report(self) -> Any:
        return self.ask("GET", "/report").json()

    def behave(self, *rules: dict[str, object]) -> None:
        got = self.ask("POST", "/behaviour", body=json.dumps(rules).encode())
        assert got.status == 204, got.body


@pytest.fixture
def buyer() -> Iterator[Buyer]:
    loop = Loop()
    exchange = Exchange(clock=CLOCK)
    loop.run(exchange.start())
    buyer = Buyer(exchange)
    yield buyer
    buyer.connection.close()
    loop.run(exchange.close())
    loop.end()
