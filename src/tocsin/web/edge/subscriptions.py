"""``/v1/edge/KEY/subscriptions``: browsers register, change and leave."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tocsin.domain.accept_language import preferred_language
from tocsin.domain.container import Container
from tocsin.domain.enrolment import Enrolment
from tocsin.domain.errors import NotFound, TocsinError
from tocsin.domain.place import NOWHERE, Place
from tocsin.domain.registration import host_of, read_changes, read_registration
from tocsin.domain.user_agent import browser_and_os
from tocsin.services.subscribers import Enrolled
from tocsin.web.callers import bearer_of
from tocsin.web.edge.cors import preflight, require_origin
from tocsin.web.gather import Gather
from tocsin.web.strict_json import loads, read_body

MAX_BYTES: Final = 16_384
_HINTS: Final = ("sec-ch-ua", "sec-ch-ua-platform")


class Subscribers(Protocol):
    """Who takes registrations."""

    def register(self, group: Sequence[Enrolment]) -> Sequence[Enrolled | TocsinError]: ...
    def change(
        self, container: Container, subscriber_id: int, secret: str, changes: Mapping[str, Any]
    ) -> None: ...
    def leave(self, container: Container, subscriber_id: int, secret: str) -> None: ...


class Containers(Protocol):
    """What finds a container by its public key."""

    def by_key(self, key: str) -> Container: ...


class Places(Protocol):
    """What knows where an address is."""

    def place_of(self, address: str) -> Place: ...


def subscriptions(
    subscribers: Subscribers, containers: Containers, places: Places | None
) -> list[Route]:
    """Return the routes of subscriptions; registrations are committed in groups."""
    gather = Gather(subscribers.register)

    async def container_of(request: Request) -> Container:
        return await run_in_threadpool(containers.by_key, request.path_params["key"])

    async def register(request: Request) -> Response:
        container = await container_of(request)
        allowed = require_origin(request, container)
        body = loads(await read_body(request, limit_bytes=MAX_BYTES))
        registration = read_registration(body, source="edge")
        derived = derive(request, await _place_of(request, places))
        enrolled = await gather.add(Enrolment(container, registration, derived))
        if isinstance(enrolled, TocsinError):
            raise enrolled
        return JSONResponse(
            {"id": str(enrolled.id), "secret": enrolled.secret},
            status_code=201 if enrolled.created else 200,
            headers={"Cache-Control": "no-store", **allowed},
        )

    async def change(request: Request) -> Response:
        container = await container_of(request)
        allowed = require_origin(request, container)
        changes = read_changes(loads(await read_body(request, limit_bytes=MAX_BYTES)))
        await run_in_threadpool(
            subscribers.change,
            container,
            _id(request.path_params["subscriber_id"]),
            bearer_of(request),
            changes,
        )
        return Response(status_code=204, headers=allowed)

    async def leave(request: Request) -> Response:
        container = await container_of(request)
        allowed = require_origin(request, container)
        await run_in_threadpool(
            subscribers.leave,
            container,
            _id(request.path_params["subscriber_id"]),
            bearer_of(request),
        )
        return Response(status_code=204, headers=allowed)

    async def ask_first(request: Request) -> Response:
        return preflight(request, await container_of(request))

    path = "/v1/edge/{key}/subscriptions"
    one = f"{path}/{{subscriber_id}}"
    return [
        Route(path, register, methods=["POST"]),
        Route(path, ask_first, methods=["OPTIONS"]),
        Route(one, change, methods=["PATCH"]),
        Route(one, leave, methods=["DELETE"]),
        Route(one, ask_first, methods=["OPTIONS"]),
    ]


async def _place_of(request: Request, places: Places | None) -> Place:
    """Return where *request* comes from; nowhere when nobody knows places."""
    if places is None or request.client is None:
        return NOWHERE
    return await run_in_threadpool(places.place_of, request.client.host)


def derive(request: Request, place: Place) -> dict[str, Any]:
    """Return what the request tells of its sender beside the body, by attribute.

    place: where it comes from.
    """
    headers = request.headers
    browser, system = browser_and_os(
        headers.get("user-agent", ""), {name: headers.get(name, "") for name in _HINTS}
    )
    return {
        "browser": browser,
        "os": system,
        "language": preferred_language(", ".join(headers.getlist("accept-language"))),
        "host": host_of(headers.get("origin", "")),
        **asdict(place),
    }


def _id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= 1 << 64:
        raise NotFound("subscription", text[:32])
    return int(text)
