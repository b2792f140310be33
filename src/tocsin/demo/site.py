"""The made-up shop: its pages, and the backend that holds the token and asks Tocsin.

The page never sees the token. It asks this backend, and the backend asks the HTTP API, as the
makers of a real site would do it.
"""

import html
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from string import Template
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tocsin.demo import orders
from tocsin.demo.peer import Answer, OutOfReach, Peer
from tocsin.demo.people import Person, tallied
from tocsin.domain.errors import TocsinError
from tocsin.web.strict_json import loads, read_body

_SHOWN_AT_ONCE: Final = 100
_FORM_LIMIT_BYTES: Final = 65_536
_ASSETS: Final = {
    "site.css": "text/css",
    "site.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """What the site knows once the rest runs. origin, server: as the browser reaches them."""

    origin: str
    server: str
    key: str
    token: str = field(repr=False)
    push_service: str
    people: Mapping[int, Person]
    first_task: str = ""

    @property
    def hood(self) -> Peer:
        """The API, asked with the shop's token."""
        return Peer(self.server, {"Authorization": f"Bearer {self.token}"})

    @property
    def landing_url(self) -> str:
        """Where a click leads: the page itself, so that an open window comes to the front."""
        return f"{self.origin}/"


class Site:
    """The application, and the shop that moves in before the first request."""

    def __init__(self) -> None:
        self.shop: Shop | None = None
        self.app = Starlette(
            routes=[
                self._route("/", _home),
                self._route("/sw.js", _service_worker),
                *(self._route(f"/{name}", _asset) for name in _ASSETS),
                self._route("/pushes", _push, method="POST"),
                self._route("/hello", _hello, method="POST"),
                self._route("/pushes/{task_id:int}", _progress),
                self._route("/messages", _messages),
            ],
        )

    def _route(
        self,
        path: str,
        answer: Callable[[Shop, Request], Awaitable[Response]],
        *,
        method: str = "GET",
    ) -> Route:
        async def guarded(request: Request) -> Response:
            shop = self.shop
            if shop is None:
                return _refusal(503, "the shop is not open yet")
            # A page of another origin must not write to our visitors.
            if method == "POST" and request.headers.get("origin") != shop.origin:
                return _refusal(403, "only the shop's own page may send")
            try:
                response = await answer(shop, request)
            except TocsinError as error:
                response = _refusal(400, str(error))
            except OutOfReach as error:
                response = _refusal(502, str(error))
            response.headers.update(_fences(shop))
            return response

        return Route(path, guarded, methods=[method])


def _fences(shop: Shop) -> dict[str, str]:
    """Return what every answer carries: nothing but our own files and the tag may run."""
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"script-src 'self' {shop.server}; connect-src 'self' {shop.server}; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


async def _home(shop: Shop, _: Request) -> Response:
    page = Template(_file("index.html").decode()).substitute(
        server=html.escape(shop.server),
        key=html.escape(shop.key),
        first_task=html.escape(shop.first_task),
        count=len(shop.people),
        languages=_options(tallied(shop.people, "language")),
        countries=_options(tallied(shop.people, "country")),
    )
    return Response(page, media_type="text/html")


async def _service_worker(shop: Shop, _: Request) -> Response:
    line = f"importScripts({json.dumps(f'{shop.server}/tag/sw.js')});\n"
    return Response(line, media_type="text/javascript")


async def _asset(_: Shop, request: Request) -> Response:
    name = request.url.path.removeprefix("/")
    return Response(_file(name), media_type=_ASSETS[name])


async def _push(shop: Shop, request: Request) -> Response:
    form = loads(await read_body(request, limit_bytes=_FORM_LIMIT_BYTES), what="the form")
    return await _post(shop, orders.from_form(form, landing_url=shop.landing_url))


async def _hello(shop: Shop, _: Request) -> Response:
    return await _post(shop, orders.hello(landing_url=shop.landing_url))


async def _post(shop: Shop, task: dict[str, Any]) -> Response:
    answer = await run_in_threadpool(shop.hood.ask, "POST", orders.PUSH_TASKS, task)
    line = {"curl": orders.curl(shop.server, task)}
    return JSONResponse({**answer.value, **line}, status_code=answer.status)


async def _progress(shop: Shop, request: Request) -> Response:
    path = f"{orders.PUSH_TASKS}/{request.path_params['task_id']}/executions"
    return _passed_on(await run_in_threadpool(shop.hood.ask, "GET", path))


async def _messages(shop: Shop, request: Request) -> Response:
    after = request.query_params.get("after", "0")
    if not (after.isascii() and after.isdigit()):
        return _refusal(400, "after takes the number of a message")
    answer = await run_in_threadpool(
        Peer(shop.push_service, {}).ask, "GET", f"/messages?after={after}"
    )
    messages = [_with_person(message, shop.people) for message in answer.value[-_SHOWN_AT_ONCE:]]
    return JSONResponse({"messages": messages})


def _with_person(message: Mapping[str, Any], people: Mapping[int, Person]) -> dict[str, Any]:
    payload = message["payload"]
    return {
        "number": message["number"],
        "n": message["n"],
        "title": payload.get("title"),
        "body": payload.get("options", {}).get("body"),
        **asdict(people[message["n"]]),
    }


def _passed_on(answer: Answer) -> Response:
    return JSONResponse(answer.value, status_code=answer.status)


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status_code=status)


def _options(values: Iterable[tuple[str, int]]) -> str:
    return "".join(
        f'<option value="{html.escape(value)}" data-count="{count}">'
        f"{html.escape(value)} ({count})</option>"
        for value, count in values
    )


def _file(name: str) -> bytes:
    return files(__package__).joinpath("pages", name).read_bytes()
