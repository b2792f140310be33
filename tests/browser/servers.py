"""The two servers that a browser meets: the customer's site, and an edge that keeps the contract.

`EdgeDouble` is small on purpose: it answers as section 4 of the contract says and writes down what
came. The tests of the worker need no more of an edge than `base_url`, `container_key`, `events()`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Condition, Thread
from typing import Any, ClassVar, Protocol

from tocsin.browser import script

JAVASCRIPT = "text/javascript; charset=utf-8"


class Edge(Protocol):
    """What a test of the browser's side needs to know of the server."""

    base_url: str
    container_key: str

    def events(self) -> list[dict[str, Any]]:
        """Return the events that came, oldest first."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    media_type: str = "application/json"


@dataclass(frozen=True)
class Call:
    """One request to the edge's subscriptions."""

    method: str
    path: str
    body: Any
    authorization: str | None


@dataclass
class EdgeDouble:
    """An edge for one container whose site is *origin*."""

    origin: str
    vapid: str
    base_url: str = ""
    container_key: str = "k3y"
    stale_vapid: str = ""  # what a cached loader still says
    refusing: int = 0  # the status that subscriptions are answered with instead
    calls: list[Call] = field(default_factory=list)
    draws: dict[str, Answer] = field(default_factory=dict)  # what is answered, by token
    drawn: list[str] = field(default_factory=list)  # the tokens that came
    _events: list[dict[str, Any]] = field(default_factory=list)
    _ids: dict[str, str] = field(default_factory=dict)
    _changed: Condition = field(default_factory=Condition)

    def events(self) -> list[dict[str, Any]]:
        with self._changed:
            return list(self._events)

    def answer(self, call: Call) -> Answer:
        """Return the answer to *call*, after noting it."""
        with self._changed:
            match call.method, call.path.removeprefix("/v1/edge/").split("/"):
                case "GET", ["adex", token]:
                    self.drawn.append(token)
                    return self.draws.get(token, Answer(410))
                case "GET", _:
                    return self._get(call.path)
                case "POST", ["events"]:
                    self._events.append(call.body)
                    return Answer(204)
                case _, [self.container_key, "subscriptions", *rest]:
                    self.calls.append(call)
                    return self._subscriptions(call, rest)
                case _:
                    return Answer(404)

    def _get(self, path: str) -> Answer:
        if path == f"/tag/{self.container_key}.js":
            config = json.dumps(self._config()).encode()
            loader = script("tag/loader.js").replace(b"__TOCSIN_CONFIG__", config)
            return Answer(200, loader, JAVASCRIPT)
        if path == "/tag/assets/tag.0000.js":
            return Answer(200, script("tag/tag.js"), JAVASCRIPT)
        if path == "/tag/sw.js":
            first = f"const TOCSIN_URL = {json.dumps(self.base_url)};\n".encode()
            return Answer(200, first + script("worker/worker.js"), JAVASCRIPT)
        if path == f"/v1/edge/{self.container_key}/config":
            return Answer(200, json.dumps({"vapid_public_key": self.vapid}).encode())
        return Answer(404)

    def _config(self) -> dict[str, str]:
        return {
            "url": self.base_url,
            "key": self.container_key,
            "vapid": self.stale_vapid or self.vapid,
            "worker": "/sw.js",
            "asset": f"{self.base_url}/tag/assets/tag.0000.js",
        }

    def _subscriptions(self, call: Call, rest: list[str]) -> Answer:
        if self.refusing:
            problem = {"code": self.refusing, "title": "Refused.", "message": "not today"}
            return Answer(self.refusing, json.dumps(problem).encode())
        if call.method != "POST":
            known = rest and call.authorization == f"Bearer secret of {rest[0]}"
            return Answer(204 if known else 401)
        body = call.body
        endpoint = body["subscription"]["endpoint"]
        name = self._ids.get(endpoint) or self._ids.get(body.get("previous_endpoint", ""))
        status = 200 if name else 201
        name = self._ids[endpoint] = name or str(2**63 + len(self._ids))
        return Answer(status, json.dumps({"id": name, "secret": f"secret of {name}"}).encode())


@dataclass
class Site:
    """The customer's site: a page with the tag, and the one-line worker."""

    origin: str = ""
    edge: Edge | None = None
    tag_attributes: str = ""
    policy: str = ""  # Content-Security-Policy of its pages
    worker: str = "importScripts({url});"

    def answer(self, call: Call) -> Answer:
        assert self.edge
        if call.path == "/sw.js":
            script = self.worker.format(url=json.dumps(f"{self.edge.base_url}/tag/sw.js"))
            return Answer(200, script.encode(), JAVASCRIPT)
        if call.path == "/favicon.ico":
            return Answer(404)
        tag = f"{self.edge.base_url}/tag/{self.edge.container_key}.js"
        page = f"""<!doctype html><html lang="en"><title>{call.path}</title>
            <meta http-equiv="Content-Security-Policy" content="{self.policy}">
            <button id="bell"><b>Notify me</b></button>
            <script src="{tag}" {self.tag_attributes}></script>"""
        return Answer(200, page.encode(), "text/html; charset=utf-8")


class _Handler(BaseHTTPRequestHandler):
    """Hands each request to the `answer` of the server's part."""

    protocol_version = "HTTP/1.1"
    part: ClassVar[EdgeDouble | Site]

    def _serve(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(text) if text else None
        call = Call(self.command, self.path, body, self.headers.get("authorization"))
        self._send(self.part.answer(call))

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names are http.server's

    def do_OPTIONS(self) -> None:
        self._send(Answer(204))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if isinstance(self.part, EdgeDouble) and self.headers.get("origin") == self.part.origin:
            self.send_header("Access-Control-Allow-Origin", self.part.origin)
            self.send_header("Access-Control-Allow-Methods", "POST, PATCH, DELETE")
            self.send_header("Access-Control-Allow-Headers", "content-type, authorization")
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Cache-Control", "no-store")
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a test's own words are enough."""


_names = count(1)


@contextmanager
def serving(part: EdgeDouble | Site) -> Iterator[str]:
    """Yield the base URL at which *part* answers: an origin that nobody had before.

    A port alone comes again in a long run, and one browser sees them all: it would find the worker
    of an earlier site there, and its open connections, which answer on.
    """
    handler = type("Handler", (_Handler,), {"part": part})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://test-{next(_names)}.localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
