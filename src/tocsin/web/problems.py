"""Errors as answers: the one catalogue, the shape, and the trace id on every answer."""

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.domain.errors import (
    NO_MEMORY,
    BodyTooLarge,
    Conflict,
    Fault,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TocsinError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreadable,
    UnsupportedMediaType,
)

# contract.md section 1, row "Errors".
TITLES: Final[Mapping[int, str]] = {
    400: "Bad request.",
    401: "Unauthorized.",
    403: "Forbidden.",
    404: "Not found.",
    405: "Method not allowed.",
    409: "Conflict.",
    410: "Gone.",
    413: "Payload too large.",
    415: "Unsupported media type.",
    429: "Too many requests.",
    500: "Internal server error.",
    503: "Service unavailable.",
}

# The catalogue: every error that a caller can be told about, and its status.
STATUS: Final[Mapping[type[TocsinError], int]] = {
    Invalid: 400,
    Unreadable: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    TooManyRequests: 429,
    Unavailable: 503,
}

_CUT: Final = "tocsin.cut"
"""The ASGI extension by which our server ends the connection in the middle of an answer."""

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# W3C Trace Context section 3.2.2; a version after 00 may go on behind a further dash.
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def install(
    app: Starlette,
    *,
    new_trace_id: Callable[[], str],
    on_crash: Callable[[str, Exception], None],
) -> None:
    """Give *app* the error answers and the trace ids. Call it last: it must stand outermost.

    new_trace_id: makes a UUID as text. on_crash: is told of every exception that nobody
    foresaw, with its trace id; the caller of the API gets a 500 that says nothing. It is also
    told what is behind a 503, among them that there is no memory left.
    """

    async def answer_unavailable(request: Request, error: Exception) -> Response:
        if isinstance(error.__cause__, Exception):
            on_crash(trace_id_of(request), error.__cause__)
        return await _answer_foreseen(request, error)

    async def answer_without_memory(request: Request, error: Exception) -> Response:
        on_crash(trace_id_of(request), error)
        return await _answer_foreseen(request, Unavailable(NO_MEMORY))

    app.add_exception_handler(Unavailable, answer_unavailable)
    app.add_exception_handler(MemoryError, answer_without_memory)
    app.add_exception_handler(TocsinError, _answer_foreseen)
    app.add_exception_handler(HTTPException, _answer_framework)
    app.add_middleware(traced, new_trace_id=new_trace_id, on_crash=on_crash)


def traced(
    app: ASGIApp,
    *,
    new_trace_id: Callable[[], str],
    on_crash: Callable[[str, Exception], None],
) -> ASGIApp:
    """Return *app* with a trace id in every request's state and every answer's head."""

    async def with_trace_id(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        trace_id = _incoming_trace_id(scope["headers"]) or new_trace_id()
        scope = {**scope, "state": {**scope.get("state", {}), "trace_id": trace_id}}
        started = False

        async def send_traced(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = [*message.get("headers", ()), (b"x-trace-id", trace_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await app(scope, receive, send_traced)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception as crash:
            on_crash(trace_id, crash)
            if started:
                # The connection is cut, so that half an answer is not taken for one.
                cut = scope.get("extensions", {}).get(_CUT)
                if cut is None:
                    raise  # any server cuts it then, and tells the log once more
                cut()
                return
            answer = _answer(trace_id, 500, headers=answer_headers(scope))
            await answer(scope, receive, send_traced)

    return with_trace_id


def answer_headers(scope: Scope) -> dict[str, str]:
    """Return what the handler left in the request's state for any answer to carry: its CORS."""
    headers: dict[str, str] = scope["state"].get("answer_headers", {})
    return dict(headers)


def trace_id_of(request: Request) -> str:
    """Return the trace id of *request*, a UUID as text."""
    trace_id: str = request.state.trace_id
    return trace_id


async def _answer_foreseen(request: Request, error: Exception) -> Response:
    """Answer by the catalogue. Asynchronous, like its twin, so that a refusal costs no thread."""
    if not isinstance(error, TocsinError):
        raise error
    status = STATUS[type(error)]
    advice = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, TooManyRequests | Unavailable):
        advice["Retry-After"] = str(error.retry_after_s)
    return _answer(
        trace_id_of(request),
        status,
        message=str(error),
        faults=error.faults if isinstance(error, Invalid) else (),
        headers=advice | answer_headers(request.scope),
    )


async def _answer_framework(request: Request, error: Exception) -> Response:
    """Answer what the router raises: no such path, no such method there."""
    if not isinstance(error, HTTPException):
        raise error
    message, headers = str(error.detail), dict(error.headers or {})
    if error.status_code == 404:
        message = "there is nothing at this address"
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
        message = f"this address takes {headers['Allow']}"
    return _answer(trace_id_of(request), error.status_code, message=message, headers=headers)


def _allowed(request: Request) -> list[str]:
    """Return the methods that the path of *request* takes, over all routes that share it."""
    routes = request.app.routes
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]


def _answer(
    trace_id: str,
    status: int,
    *,
    message: str | None = None,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    shape: dict[str, Any] = {
        "code": status,
        "title": TITLES.get(status) or f"{HTTPStatus(status).phrase}.",
    }
    if message and status != 500:
        shape["message"] = message
    shape["trace_id"] = trace_id
    if faults:
        shape["errors"] = [{"field": fault.field, "message": fault.message} for fault in faults]
    # A lone surrogate from a query must not break the answer that refuses it.
    body = json.dumps(shape, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, status, headers, media_type="application/json")


def _incoming_trace_id(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """Return the trace id of the caller's one valid traceparent as a UUID, if there is one."""
    values = [value.decode("latin-1") for name, value in headers if name == b"traceparent"]
    found = _TRACEPARENT.fullmatch(values[0].strip()) if len(values) == 1 else None
    if found is None:
        return None
    version, trace, parent, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace, 16) or not int(parent, 16):
        return None
    return str(uuid.UUID(hex=trace))
