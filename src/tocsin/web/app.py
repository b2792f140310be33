"""The HTTP face: every route, and what stands in front of all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tocsin import __version__
from tocsin.telemetry.events import Event, Telemetry, where
from tocsin.web import problems
from tocsin.web.access import logged
from tocsin.web.docs.page import docs
from tocsin.web.edge.described import PATHS, SECURITY
from tocsin.web.hood.door import Door, Operation
from tocsin.web.openapi import document


class Health(Protocol):
    """How the program is: whether the database answers, and what is under way."""

    def check(self) -> str | None:
        """Return what is wrong, None when nothing is."""
        ...

    def live(self) -> tuple[Mapping[str, int], int]:
        """Return how many recipients of live executions have each outcome, by its name.

        Beside them, how many VAPID keys push services refuse.
        """
        ...


class Clock(Protocol):
    """Durations."""

    def monotonic_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Face:
    """What the application is made of: calls of the Hood API, other routes, what they share."""

    door: Door
    operations: tuple[Operation, ...]
    routes: tuple[Route, ...]
    health: Health
    telemetry: Telemetry
    clock: Clock
    new_trace_id: Callable[[], str]


def build(face: Face) -> Starlette:
    """Return the application."""
    app = Starlette(
        routes=[
            *face.routes,  # the edge first: routes are tried in turn, and browsers are many
            *face.door.routes(face.operations),
            *_watching(face),
            *docs(document(face.operations, version=__version__, others=PATHS, security=SECURITY)),
        ]
    )
    app.router.redirect_slashes = False

    def on_crash(trace_id: str, crash: Exception) -> None:
        face.telemetry.emit(
            Event.REQUEST_FAILED,
            error=type(crash).__name__,
            where=where(crash),
            trace_id=trace_id,
        )

    app.add_middleware(logged, telemetry=face.telemetry, monotonic_ms=face.clock.monotonic_ms)
    problems.install(app, new_trace_id=face.new_trace_id, on_crash=on_crash)
    return app


def _watching(face: Face) -> list[Route]:
    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        wrong = await run_in_threadpool(face.health.check)
        if wrong is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": wrong}, status_code=503)

    async def metrics(_: Request) -> Response:
        live, refused_keys = await run_in_threadpool(face.health.live)
        return Response(
            face.telemetry.exposition(live, refused_keys=refused_keys),
            media_type="text/plain; version=0.0.4",
        )

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
