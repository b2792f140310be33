"""A demand source that truly checks what it is asked: for tests, demos and benchmarks.

It answers feed questions and OpenRTB 2.6 (exchange_checks) with ads of its own (exchange_ads),
which lead to it, keeps a ledger (exchange_ledger) and misbehaves on demand (exchange_behaviour).

From Python::

    exchange = Exchange(clock=SystemClock())
    await exchange.start("127.0.0.1", 0)
    zone_url = exchange.base_url + "/feed"
    ...
    await exchange.close()

The command ``tocsin simulate exchange`` calls run().

Over HTTP, a path that begins with ``/feed`` is asked with GET, one with ``/openrtb`` with POST;
what is not well-formed is answered 400 and is a violation. Of ad N there are ``/image/N.png``,
``/icon/N.png``, ``/pixel/N`` and ``/landing/N``; the last two are counted. And:

- ``GET /report``: the ledger as JSON, with the last 1000 questions and violations.
- ``POST /reset``: forget all of that; rules stay, and no number of an ad is used again.
- ``POST /behaviour``: a JSON list of rules (exchange_behaviour.Rule) replaces those in force,
  ``[]`` ends all misbehaviour; ``GET /behaviour``: the rules and how often each was used.
"""

import json
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from tocsin.machine.clock import SystemClock
from tocsin.simulators.exchange_ads import (
    ads_for,
    answer_with,
    landing_page,
    packed_zeros,
    picture,
)
from tocsin.simulators.exchange_behaviour import Behaviour, Rule
from tocsin.simulators.exchange_checks import Asked, read_feed, read_openrtb
from tocsin.simulators.exchange_ledger import RESET, Ledger
from tocsin.simulators.http_server import Application, Conversation, HttpServer, Reply, Request
from tocsin.simulators.running import run_until_stopped, tls_of

FEED_PATH: Final = "/feed"
OPENRTB_PATH: Final = "/openrtb"

_JSON: Final = (("Content-Type", "application/json"),)
_TEXT: Final = (("Content-Type", "text/plain; charset=utf-8"),)
_HTML: Final = (("Content-Type", "text/html; charset=utf-8"),)
_PNG: Final = (("Content-Type", "image/png"), ("Cache-Control", "no-store"))
_HONEST: Final = Rule()
_OF_AN_AD: Final = re.compile(r"/(image|icon|pixel|landing)/([1-9][0-9]{0,17})(?:\.png)?")
_SIZES: Final = {"image": (360, 180), "icon": (96, 96), "pixel": (1, 1)}


class Clock(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """Return wall time, in milliseconds since 1970-01-01 UTC."""


class Exchange(Application):
    """A demand source.

    tls: serve https with it. public_url: where devices reach it, when that is not where it
    listens. ledger and behaviour may be read and set directly by a test that runs in the same
    event loop.
    """

    def __init__(
        self, *, clock: Clock, tls: ssl.SSLContext | None = None, public_url: str = ""
    ) -> None:
        self.ledger: Final = Ledger()
        self.behaviour: Final = Behaviour()
        self.clock: Final = clock
        self.port = 0
        self.base_url = ""
        self.made = 0
        self._asked = 0
        self._public_url = public_url.rstrip("/")
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
        """Return the conversation for *request*: a question, a device, or a test that asks."""
        if request.path.startswith((FEED_PATH, OPENRTB_PATH)):
            return _Question(self, request)
        match = _OF_AN_AD.fullmatch(request.path)
        if match is not None:
            return _Visit(self, request, match[1], int(match[2]))
        return _Control(self, request)

    def sell(self, asked: Asked, path: str) -> Reply:
        """Return the true answer to a well-formed question, or the one that a rule makes of it."""
        self._asked += 1
        rule = self.behaviour.choose(asked.protocol, path, self._asked) or _HONEST
        reply, ads = _in_place_of_ads(rule), []
        if reply is None:
            if not rule.empty:
                base_url = self._public_url or self.base_url
                ads = ads_for(asked, rule, first=self.made + 1, base_url=base_url)
                self.made += len(ads)
            reply = Reply(200, answer_with(asked, ads, rule), _JSON)
        reply.delay_ms = rule.delay_ms
        if rule.drip is not None:
            reply.pieces, reply.piece_ms = rule.drip.pieces, rule.drip.every_ms
        self.ledger.asked(
            asked,
            path,
            status=RESET if reply.reset else reply.status,
            ads=[ad.number for ad in ads],
            at_ms=self.clock.now_ms(),
        )
        return reply


def _in_place_of_ads(rule: Rule) -> Reply | None:
    """Return the answer of a rule that offers nothing, and does not say so in the protocol."""
    if rule.reset:
        return Reply(reset=True)
    if rule.redirect is not None:
        return Reply(302, b"", (("Location", rule.redirect),))
    if rule.html:
        return Reply(200, b"<!doctype html><title>Please sign in</title>\n", _HTML)
    if rule.gzip_bytes is not None:
        return Reply(200, packed_zeros(rule.gzip_bytes), (*_JSON, ("Content-Encoding", "gzip")))
    if rule.answer is not None:
        body = b"told to fail\n" if rule.answer >= 400 else b""
        return Reply(rule.answer, body, _TEXT if body else ())
    return None


class _Question(Conversation):
    """A question being answered."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self._exchange = exchange
        self._request = request

    def answer(self, body: bytes) -> Reply:
        """Return ads, or 400 to what is not well-formed."""
        request = self._request
        if request.path.startswith(FEED_PATH):
            asked = read_feed(request.method, request.query, body)
        else:
            asked = read_openrtb(request.method, request.headers, body)
        if not asked.flaws:
            return self._exchange.sell(asked, request.path)
        at_ms, ledger = self._exchange.clock.now_ms(), self._exchange.ledger
        ledger.asked(asked, request.path, status=400, ads=(), at_ms=at_ms)
        for flaw in asked.flaws:
            ledger.violated(request.path, flaw, at_ms=at_ms)
        return _said(400, "\n".join(asked.flaws))


class _Visit(Conversation):
    """A device fetches what belongs to an ad."""

    def __init__(self, exchange: Exchange, request: Request, part: str, ad: int) -> None:
        self._exchange = exchange
        self._request = request
        self._part = part
        self._ad = ad

    def answer(self, body: bytes) -> Reply:
        """Return the picture or the page, and count; an ad that was never made has neither."""
        del body
        request, ledger = self._request, self._exchange.ledger
        flaw = None
        if request.method != "GET":
            flaw = "what belongs to an ad is fetched with GET"
        elif self._ad > self._exchange.made:
            flaw = "there is no such ad"
        elif "AUCTION_" in request.query:
            flaw = "a macro was not filled"
        if flaw is not None:
            ledger.violated(request.path, flaw, at_ms=self._exchange.clock.now_ms())
            return _said(404, flaw)
        if self._part == "landing":
            ledger.landing(self._ad)
            return Reply(200, landing_page(self._ad), _HTML)
        if self._part == "pixel":
            ledger.pixel(self._ad)
        return Reply(200, picture(self._ad, *_SIZES[self._part]), _PNG)


class _Control(Conversation):
    """A test or a demo asks or commands."""

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self._exchange = exchange
        self._request = request

    def answer(self, body: bytes) -> Reply:
        """Return what was asked for."""
        exchange = self._exchange
        match (self._request.method, self._request.path):
            case "GET", "/report":
                return _json(exchange.ledger.report())
            case "GET", "/behaviour":
                return _json(exchange.behaviour.view())
            case "POST", "/reset":
                exchange.ledger.reset()
                return Reply(204)
            case "POST", "/behaviour":
                try:
                    exchange.behaviour.replace(body)
                except ValueError as error:
                    return _said(400, str(error))
                return Reply(204)
        return _said(404, "unknown")


def _json(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode() + b"\n", _JSON)


def _said(status: int, text: str) -> Reply:
    return Reply(status, text.encode("utf-8", "replace") + b"\n", _TEXT)


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    public_url: str = "",
    ready: Callable[[Exchange], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    tls_cert, tls_key: PEM files; with them it serves https. ready: called once it listens, with
    the exchange, whose ``base_url`` is known by then.
    Raises OSError when the port is taken, ssl.SSLError when the files are no pair.
    """
    exchange = Exchange(clock=SystemClock(), tls=tls_of(tls_cert, tls_key), public_url=public_url)
    run_until_stopped(exchange, host=host, port=port, ready=lambda: ready(exchange))
