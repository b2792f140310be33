"""One line for each order and each refusal of the Hood API: what was asked and answered."""

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.telemetry.events import Event, Telemetry

_LOGGED: Final = ("/v0/", "/v1/hood/", "/v2/")


def logged(app: ASGIApp, *, telemetry: Telemetry, monotonic_ms: Callable[[], int]) -> ASGIApp:
    """Return *app*, whose Hood requests leave a line each, but for reads that went well.

    Those come every second from whoever watches an execution, and the edge is busier still. The
    line names the route and not the path, so that nothing a client wrote gets into it.
    """

    async def with_line(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_LOGGED):
            await app(scope, receive, send)
            return
        began_ms, status = monotonic_ms(), 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, send_noting)
        finally:
            if status != 200 or scope["method"] != "GET":
                emit(scope, status, monotonic_ms() - began_ms)

    def emit(scope: Scope, status: int, ms: int) -> None:
        telemetry.emit(
            Event.REQUEST,
            method=scope["method"],
            route=getattr(scope.get("route"), "path", "-"),
            status=status,
            ms=ms,
            account=scope["state"].get("account_id"),
            trace_id=scope["state"]["trace_id"],
        )

    return with_line
