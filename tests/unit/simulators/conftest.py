"""A push service on a free port, in a thread of its own, and a sender to talk to it."""

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

from tocsin.machine.clock import SystemClock
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
