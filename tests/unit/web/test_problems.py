"""Errors as answers, and the trace id on all of them."""

import asyncio
import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import tocsin
from loops import run
from tocsin.domain.errors import (
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
from tocsin.web.problems import STATUS, TITLES, install, trace_id_of

TRACE_ID = "99a84211-f73d-4ff8-acdf-eb3e06bb9d62"
INCOMING = "0af7651916cd43dd8448eb211c80319c"
SAMPLES: list[TocsinError] = [
    Invalid((Fault("message.title.en", "is 601 bytes long; 600 are the most"),)),
    Unreadable("the body is empty"),
    Unauthorized("the token is not known"),
    Forbidden("this token may only read"),
    NotFound("push task", "1057"),
    Conflict("the task is finished"),
    Gone("what the token draws was drawn before"),
    BodyTooLarge(1024 * 1024),
    UnsupportedMediaType("text/plain", "application/json"),
    TooManyRequests(10, 1, 1),
    Unavailable("the database does not answer"),
]


def subclasses(root: type[TocsinError]) -> Iterator[type[TocsinError]]:
    for child in root.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_of_the_product_has_a_row() -> None:
    for module in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
        if "migrations" not in module.name:  # those run inside Alembic alone
            importlib.import_module(module.name)
    of_the_product = {
        error for error in subclasses(TocsinError) if error.__module__.startswith("tocsin.")
    }

    assert of_the_product == set(STATUS)
    assert set(STATUS.values()) <= set(TITLES)
    assert set(STATUS) == {type(sample) for sample in SAMPLES}


class House:
    """A small application with the product's error answers, called in this process."""

    def __init__(self) -> None:
        self.crashes: list[tuple[str, Exception]] = []
        self.app = Starlette(routes=self._routes())
        install(self.app, new_trace_id=lambda: TRACE_ID, on_crash=self._note)

    def _note(self, trace_id: str, crash: Exception) -> None:
        self.crashes.append((trace_id, crash))

    def _routes(self) -> list[Route]:
        async def view(request: Request) -> Response:
            return JSONResponse(
                {"number": request.path_params["number"], "trace_id": trace_id_of(request)}
            )

        async def sample(request: Request) -> Response:
            raise SAMPLES[int(request.path_params["number"])]

        async def crash(_: Request) -> Response:
            raise KeyError("a secret of ours")

        async def short(_: Request) -> Response:
            raise MemoryError

        async def fault(_: Request) -> Response:
            raise HTTPException(500, "a secret of ours")

        async def half(_: Request) -> Response:
            async def parts() -> Any:
                yield b"half"
                raise KeyError("a secret of ours")

            return StreamingResponse(parts())

        async def left(_: Request) -> Response:
            raise ClientDisconnect

        return [
            Route("/tasks/{number}", view, methods=["GET"]),
            Route("/tasks/{number}", view, methods=["PATCH"]),
            Route("/tasks/{number}", view, methods=["DELETE"]),
            Route("/samples/{number}", sample, methods=["GET"]),
            Route("/crash", crash, methods=["GET"]),
            Route("/short", short, methods=["GET"]),
            Route("/fault", fault, methods=["GET"]),
            Route("/half", half, methods=["GET"]),
            Route("/left", left, methods=["GET"]),
        ]

    def call(self, method: str, path: str, **headers: str) -> "Answer":
        """Return what the application answers."""
        answer = Answer()
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": raw,
        }
        run(self.app(scope, answer.receive, answer.send))
        return answer


class Answer:
    def __init__(self) -> None:
        self._asked = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    @property
    def json(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.body)
        return read

    async def receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request"}
        return await asyncio.Event().wait()  # the client stays, and says no more

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


@pytest.mark.parametrize(
    ("number", "status", "title"),
    [
        pytest.param(0, 400, "Bad request.", id="invalid"),
        pytest.param(1, 400, "Bad request.", id="unreadable"),
        pytest.param(2, 401, "Unauthorized.", id="unauthorized"),
        pytest.param(3, 403, "Forbidden.", id="forbidden"),
        pytest.param(4, 404, "Not found.", id="not found"),
        pytest.param(5, 409, "Conflict.", id="conflict"),
        pytest.param(6, 410, "Gone.", id="gone"),
        pytest.param(7, 413, "Payload too large.", id="too large"),
        pytest.param(8, 415, "Unsupported media type.", id="media type"),
    ],
)
def test_an_error_in_the_contract_s_shape(number: int, status: int, title: str) -> None:
    answer = House().call("GET", f"/samples/{number}")

    shape = answer.json
    shape.pop("errors", None)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-trace-id"] == TRACE_ID
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert list(shape) == ["code", "title", "message", "trace_id"]
    assert shape == {
        "code": status,
        "title": title,
        "message": str(SAMPLES[number]),
        "trace_id": TRACE_ID,
    }


def test_an_invalid_body_lists_its_faults() -> None:
    shape = House().call("GET", "/samples/0").json

    assert shape["message"] == "message.title.en: is 601 bytes long; 600 are the most"
    assert shape["errors"] == [
        {"field": "message.title.en", "message": "is 601 bytes long; 600 are the most"}
    ]


def test_401_names_its_scheme() -> None:
    assert House().call("GET", "/samples/2").headers["www-authenticate"] == "Bearer"


def test_an_unknown_address() -> None:
    answer = House().call("GET", "/nowhere")

    assert answer.status == 404
    assert answer.json == {
        "code": 404,
        "title": "Not found.",
        "message": "there is nothing at this address",
        "trace_id": TRACE_ID,
    }


def test_another_method_is_told_which_ones_there_are() -> None:
    answer = House().call("POST", "/tasks/7")

    assert answer.status == 405
    assert answer.headers["Allow".lower()] == "GET, HEAD, PATCH, DELETE"
    assert answer.json["title"] == "Method not allowed."


def test_a_crash_says_nothing_and_is_told_to_us() -> None:
    house = House()

    answer = house.call("GET", "/crash")

    assert answer.status == 500
    assert answer.json == {"code": 500, "title": "Internal server error.", "trace_id": TRACE_ID}
    assert answer.headers["x-trace-id"] == TRACE_ID
    ((trace_id, crash),) = house.crashes
    assert (trace_id, type(crash)) == (TRACE_ID, KeyError)


def test_what_there_is_no_memory_for_may_be_asked_again_and_is_told_to_us() -> None:
    house = House()

    answer = house.call("GET", "/short")

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "no memory left" in answer.json["message"]
    ((trace_id, crash),) = house.crashes
    assert (trace_id, type(crash)) == (TRACE_ID, MemoryError)


def test_a_500_that_a_library_raises_says_nothing_either() -> None:
    answer = House().call("GET", "/fault")

    assert answer.json == {"code": 500, "title": "Internal server error.", "trace_id": TRACE_ID}


def test_a_crash_after_half_an_answer_cuts_the_connection() -> None:
    house = House()

    with pytest.raises(KeyError):
        house.call("GET", "/half")

    assert len(house.crashes) == 1


def test_a_client_that_left_is_no_crash() -> None:
    house = House()

    assert house.call("GET", "/left").status == 0
    assert house.crashes == []


def test_a_good_answer_has_its_trace_id_too() -> None:
    answer = House().call("GET", "/tasks/7")

    assert answer.json == {"number": "7", "trace_id": TRACE_ID}
    assert answer.headers["x-trace-id"] == TRACE_ID


@pytest.mark.parametrize(
    ("traceparent", "taken"),
    [
        pytest.param(f"00-{INCOMING}-b7ad6b7169203331-01", True, id="the standard's example"),
        pytest.param(f"00-{INCOMING}-b7ad6b7169203331-00", True, id="not sampled"),
        pytest.param(f"cc-{INCOMING}-b7ad6b7169203331-01-more", True, id="a later version"),
        pytest.param(f"cc-{INCOMING}-b7ad6b7169203331-01", True, id="a later version, no more"),
        pytest.param(f"00-{INCOMING}-b7ad6b7169203331-01-more", False, id="version 00 has no more"),
        pytest.param(f"cc-{INCOMING}-b7ad6b7169203331-01more", False, id="more without a dash"),
        pytest.param(f"ff-{INCOMING}-b7ad6b7169203331-01", False, id="version ff"),
        pytest.param(f"00-{'0' * 32}-b7ad6b7169203331-01", False, id="trace of zeros"),
        pytest.param(f"00-{INCOMING}-{'0' * 16}-01", False, id="parent of zeros"),
        pytest.param(f"00-{INCOMING.upper()}-b7ad6b7169203331-01", False, id="capitals"),
        pytest.param(f"00-{INCOMING[1:]}-b7ad6b7169203331-01", False, id="a digit short"),
        pytest.param(INCOMING, False, id="the trace alone"),
        pytest.param("", False, id="empty"),
    ],
)
def test_the_caller_s_trace_goes_on(traceparent: str, taken: bool) -> None:
    answer = House().call("GET", "/nowhere", traceparent=traceparent)

    wanted = "0af76519-16cd-43dd-8448-eb211c80319c" if taken else TRACE_ID
    assert answer.headers["x-trace-id"] == wanted == answer.json["trace_id"]
