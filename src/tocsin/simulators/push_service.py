"""A push service that truly checks what it is sent: for tests, demos and benchmarks.

It owns the virtual subscribers of a seed (virtual_subscribers), demands of each push what
RFC 8030, 8291 and 8292 let a push service demand (push_checks), decrypts the message as the
browser would, keeps a ledger (push_ledger) and misbehaves on demand (push_behaviour).

From Python::

    service = PushService(seed="demo", clock=SystemClock())
    await service.start("127.0.0.1", 0)
    write_import_file(file, count=1000, container=KEY, base_url=service.base_url, seed="demo")
    ...
    await service.close()

The command ``tocsin simulate push-service`` calls write_import_file and run().

Over HTTP, beside ``POST /push/…``:

- ``GET /report``: the totals as JSON; ``GET /report/subscribers``: NDJSON, one line per
  subscriber that got a message; ``GET /report/attempts``: NDJSON, one line per subscriber
  that was pushed to, with every instant and status (0 = reset).
- ``GET /messages?after=N``: the last decrypted messages, numbered from 1.
- ``POST /reset``: forget all of that; rules stay.
- ``POST /behaviour``: a JSON list of rules (push_behaviour.Rule) replaces those in force,
  ``[]`` ends all misbehaviour; ``GET /behaviour``: the rules and how often each was used.
"""

import json
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qs

from tocsin.machine.clock import SystemClock
from tocsin.simulators.http_server import Application, Conversation, HttpServer, Reply, Request
from tocsin.simulators.push_behaviour import Behaviour, Rule
from tocsin.simulators.push_checks import (
    Refused,
    Tokens,
    answered_ttl,
    check_headers,
    check_sender,
    read_message,
)
from tocsin.simulators.push_ledger import RESET, Ledger
from tocsin.simulators.running import run_until_stopped, tls_of
from tocsin.simulators.virtual_subscribers import (
    PATH_PREFIX,
    VirtualSubscriber,
    VirtualSubscribers,
)

_JSON: Final = (("Content-Type", "application/json"),)
_NDJSON: Final = (("Content-Type", "application/x-ndjson"),)
_TEXT: Final = (("Content-Type", "text/plain; charset=utf-8"),)
_HONEST: Final = Rule()
_KEPT_HEADERS: Final = ("ttl", "urgency", "topic")


class Clock(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """Return wall time, in milliseconds since 1970-01-01 UTC."""


class PushService(Application):
    """A push service for the virtual subscribers of *seed*.

    tls: serve https with it. ledger and behaviour may be read and set directly by a test
    that runs in the same event loop.
    """

    def __init__(self, *, seed: str, clock: Clock, tls: ssl.SSLContext | None = None) -> None:
        self.subscribers: Final = VirtualSubscribers(seed)
        self.ledger: Final = Ledger()
        self.behaviour: Final = Behaviour()
        self.tokens: Final = Tokens()
        self.clock: Final = clock
        self.port = 0
        self.base_url = ""
        self._scheme = "https" if tls else "http"
        self._server = HttpServer(self, tls=tls)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Begin to listen; ``port`` and ``base_url`` are known then. Port 0: a free one."""
        self.port = await self._server.start(host, port)
        self.base_url = f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def close(self) -> None:
        """Stop listening and cut what is connected."""
        await self._server.close()

    def open(self, request: Request) -> Conversation:
        """Return the conversation for *request*: a push, or a question from a test."""
        if request.path.startswith(PATH_PREFIX):
            return _Push(self, request)
        return _Question(self, request)


class _Push(Conversation):
    """One push being taken or refused.

    What the headers tell is decided when they arrive, so that a rule can cut the body.
    """

    def __init__(self, service: PushService, request: Request) -> None:
        self._service = service
        self._path = request.path
        self._at_ms = service.clock.now_ms()
        self._subscriber: VirtualSubscriber | None = None
        self._headers: dict[str, str] = {}
        self._refused: Refused | None = None
        self._rule: Rule | None = None
        try:
            subscriber = self._admit(request)
        except Refused as refused:
            self._refused = refused
            return
        self._rule = service.behaviour.choose(subscriber.n)
        self.resets_body = self._rule is not None and self._rule.reset == "mid_body"
        if self.resets_body:
            service.ledger.answered(subscriber.n, RESET, at_ms=self._at_ms)

    def _admit(self, request: Request) -> VirtualSubscriber:
        """Return whom the push is for, after checking its headers."""
        found = self._service.subscribers.at(request.path)
        if found is None:
            raise Refused(404, "nobody lives here")
        subscriber, only_key = found
        self._subscriber = subscriber
        if request.method != "POST":
            raise Refused(405, "a push is a POST")
        self._headers = check_headers(request.headers)
        check_sender(
            self._headers,
            self._service.tokens,
            origin=request.origin,
            only_key=only_key,
            now_ms=self._at_ms,
        )
        return subscriber

    def answer(self, body: bytes) -> Reply:
        """Return the true answer, or the one that a rule puts in its place."""
        if self._refused is not None or self._subscriber is None:
            return self._refuse(self._refused or Refused(404, "nobody lives here"))
        rule = self._rule or _HONEST
        if rule.takes:
            try:
                reply = self._take(body, self._subscriber, rule)
            except Refused as refused:
                return self._refuse(refused)
        else:
            reply = _misbehaved(rule)
        status = RESET if reply.reset else reply.status
        self._service.ledger.answered(self._subscriber.n, status, at_ms=self._at_ms)
        return reply

    def _take(self, body: bytes, subscriber: VirtualSubscriber, rule: Rule) -> Reply:
        """Return 201 and note the message. Raises Refused."""
        plaintext, payload = read_message(body, subscriber)
        reset = rule.reset is not None
        number = self._service.ledger.received(
            subscriber.n,
            plaintext,
            payload,
            {name: self._headers[name] for name in _KEPT_HEADERS if name in self._headers},
            ambiguous=reset,
            at_ms=self._at_ms,
        )
        headers = (("Location", f"/message/{number}"), ("TTL", answered_ttl(self._headers)))
        return Reply(rule.answer or 201, b"", headers, rule.delay_ms, reset)

    def _refuse(self, refused: Refused) -> Reply:
        n = None if self._subscriber is None else self._subscriber.n
        ledger = self._service.ledger
        ledger.answered(n, refused.status, at_ms=self._at_ms)
        ledger.violated(n, self._path, refused.status, refused.reason, at_ms=self._at_ms)
        return Reply(refused.status, refused.reason.encode(), _TEXT)


def _misbehaved(rule: Rule) -> Reply:
    headers: tuple[tuple[str, str], ...] = _TEXT
    if rule.retry_after is not None:
        headers = (*_TEXT, ("Retry-After", rule.retry_after))
    return Reply(
        rule.answer or 500, rule.reason.encode(), headers, rule.delay_ms, rule.reset is not None
    )


class _Question(Conversation):
    """A test or a demo asks or commands."""

    def __init__(self, service: PushService, request: Request) -> None:
        self._service = service
        self._request = request

    def answer(self, body: bytes) -> Reply:
        """Return what was asked for."""
        service = self._service
        match (self._request.method, self._request.path):
            case "GET", "/report":
                return _json(service.ledger.report())
            case "GET", "/report/subscribers":
                return _lines(service.ledger.subscriber_lines())
            case "GET", "/report/attempts":
                return _lines(service.ledger.attempt_lines())
            case "GET", "/messages":
                return self._messages()
            case "GET", "/behaviour":
                return _json(service.behaviour.view())
            case "POST", "/reset":
                service.ledger.reset()
                return Reply(204)
            case "POST", "/behaviour":
                return self._behave(body)
        return Reply(404, b"unknown\n", _TEXT)

    def _messages(self) -> Reply:
        after = parse_qs(self._request.query).get("after", ["0"])[0]
        if not (after.isascii() and after.isdigit()):
            return Reply(400, b"after is not a number\n", _TEXT)
        return _json(self._service.ledger.messages_after(int(after[:18])))

    def _behave(self, body: bytes) -> Reply:
        try:
            self._service.behaviour.replace(body)
        except ValueError as error:
            return Reply(400, str(error).encode(), _TEXT)
        return Reply(204)


def _json(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode() + b"\n", _JSON)


def _lines(lines: Iterable[str]) -> Reply:
    return Reply(200, "".join(lines).encode(), _NDJSON)


def run(
    *,
    seed: str,
    host: str = "127.0.0.1",
    port: int = 0,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    ready: Callable[[PushService], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    tls_cert, tls_key: PEM files; with them it serves https. ready: called once it listens,
    with the service, whose ``base_url`` is known by then.
    Raises OSError when the port is taken, ssl.SSLError when the files are no pair.
    """
    service = PushService(seed=seed, clock=SystemClock(), tls=tls_of(tls_cert, tls_key))
    run_until_stopped(service, host=host, port=port, ready=lambda: ready(service))
