"""The HTTP face: every route, and what stands in front of all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fastapi import APIRouter, FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.telemetry.events import Event, Telemetry, where
from tocsin.web import problems
from tocsin.web.access import logged


class Health(Protocol):
    """How the program is: whether the database answers, and what is under way."""

    def check(self) -> str | None:
        """Return what is wrong, None when nothing is."""
        ...

    def live(self) -> Mapping[str, int]:
        """Return how many recipients of live executions have each outcome, by its name."""
        ...


class Clock(Protocol):
    """Durations."""

    def monotonic_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Face:
    """What the application is made of: routers, and what they share."""

    routers: tuple[APIRouter, ...]
    health: Health
    telemetry: Telemetry
    clock: Clock
    new_trace_id: Callable[[], str]


def build(face: Face) -> FastAPI:
    """Return the application."""
    # The interactive pages of FastAPI load from other hosts, and its document does not know
    # what our own readers take: both are off until they can be true.
    app = FastAPI(title="Tocsin", openapi_url=None, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False
    for router in (*face.routers, _operations(face)):
        app.include_router(router)

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


def _operations(face: Face) -> APIRouter:
    router = APIRouter()

    async def healthz() -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz() -> Response:
        wrong = await run_in_threadpool(face.health.check)
        if wrong is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": wrong}, status_code=503)

    async def metrics() -> Response:
        live = await run_in_threadpool(face.health.live)
        return Response(face.telemetry.exposition(live), media_type="text/plain; version=0.0.4")

    router.add_api_route("/healthz", healthz, methods=["GET"])
    router.add_api_route("/readyz", readyz, methods=["GET"])
    router.add_api_route("/metrics", metrics, methods=["GET"])
    return router
