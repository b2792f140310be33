"""What every route has in common: who may call, what a body may be, how errors look."""

import json
import socket
import uuid
from pathlib import Path
from typing import Any

import pytest
from face import Answer, Face, serving, task

from tocsin.domain import bearer
from tocsin.store.tables import token as token_table
from tocsin.web.callers import KNOWN_FOR_MS

TASKS = "/v1/hood/push-tasks"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def check_shape(answer: Answer, status: int, title: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["code"] == status
    assert answer.json["title"] == title
    assert answer.json["message"]
    assert answer.json["trace_id"] == answer.headers["X-Trace-Id"]
    assert str(uuid.UUID(answer.json["trace_id"])) == answer.json["trace_id"]
    assert answer.json.keys() <= {"code", "title", "message", "trace_id", "errors"}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer x", "bearer tocsin_x", "Bearer \xff"],
)
def test_without_a_good_token_nobody_enters(face: Face, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    for method, path in (("GET", TASKS), ("POST", TASKS), ("GET", f"{TASKS}/1/executions")):
        answer = face.call(method, path, headers=headers)
        check_shape(answer, 401, "Unauthorized.")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_in_the_query_is_not_read(sqlite_face: Face) -> None:
    token = sqlite_face.token(sqlite_face.account())

    assert sqlite_face.call("GET", f"{TASKS}?access_token={token}").status == 401
    assert (
        sqlite_face.call("GET", TASKS, headers={"authorization": f"bEARER  {token} "}).status == 200
    )


def test_an_expired_token_is_refused(own_face: Face) -> None:
    face = own_face
    owner = face.account()
    token = face.token(owner)
    assert face.call("GET", TASKS, token=token).status == 200
    with face.program.database.write() as connection:
        connection.execute(
            token_table.update()
            .where(token_table.c.account_id == owner.id)
            .values(valid_until_ms=face.clock.now_ms())
        )
    face.clock.forward(KNOWN_FOR_MS)

    check_shape(face.call("GET", TASKS, token=token), 401, "Unauthorized.")


def test_a_token_does_what_its_scopes_say(face: Face) -> None:
    owner = face.account()
    reader, writer = face.token(owner, "read"), face.token(owner, "write")

    check_shape(face.call("POST", TASKS, task(), token=reader), 403, "Forbidden.")
    check_shape(face.call("GET", TASKS, token=writer), 403, "Forbidden.")
    assert face.call("GET", TASKS, token=reader).json["total"] == 0
    assert face.call("POST", TASKS, task(), token=writer).status == 201
    assert face.call("GET", TASKS, token=reader).json["total"] == 1


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/hood", f"{TASKS}/", "/v2/hood/push-tasks", "/docs", "/openapi.json"]
)
def test_where_nothing_is(sqlite_face: Face, path: str) -> None:
    check_shape(sqlite_face.call("GET", path), 404, "Not found.")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", TASKS, "GET, POST"),
        ("PUT", f"{TASKS}/1", "GET"),
        ("GET", "/v1/edge/events", "POST"),
        ("PUT", "/v1/edge/x/subscriptions/1", "PATCH, DELETE, OPTIONS"),
    ],
)
def test_a_method_that_is_not_taken(
    sqlite_face: Face, method: str, path: str, allowed: str
) -> None:
    answer = sqlite_face.call(method, path)

    check_shape(answer, 405, "Method not allowed.")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("headers", "status", "title"),
    [
        ({"Content-Type": "text/plain"}, 415, "Unsupported media type."),
        ({"Content-Type": ""}, 415, "Unsupported media type."),
        ({"Content-Type": "application/json; charset=utf-16"}, 415, "Unsupported media type."),
        (
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            415,
            "Unsupported media type.",
        ),
        ({"Content-Type": "application/json"}, 400, "Bad request."),
        ({"Content-Type": "Application/JSON; charset=UTF-8"}, 400, "Bad request."),
    ],
)
def test_a_body_of_another_type(
    sqlite_face: Face, headers: dict[str, str], status: int, title: str
) -> None:
    token = sqlite_face.token(sqlite_face.account())

    check_shape(sqlite_face.call("POST", TASKS, b"[]", headers=headers, token=token), status, title)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"a":1,"a":2}',
        b'{"name":"\\u0000"}',
        b'{"name":"\\ud800"}',
        b'{"ttl":NaN}',
        b'{"ttl":1e999}',
        b"\xef\xbb\xbf{}",
        b'{"name":"\xff"}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" * 500_000,
    ],
)
def test_a_body_that_is_not_the_json_we_take(sqlite_face: Face, body: bytes) -> None:
    token = sqlite_face.token(sqlite_face.account())

    answer = sqlite_face.call(
        "POST", TASKS, body, headers={"Content-Type": "application/json"}, token=token
    )

    check_shape(answer, 400, "Bad request.")


def test_a_body_of_a_mebibyte_and_a_byte_is_too_large(sqlite_face: Face) -> None:
    token = sqlite_face.token(sqlite_face.account())

    def post(size: int) -> Answer:
        headers = {"Content-Type": "application/json"}
        return sqlite_face.call(
            "POST", TASKS, b"{" + b" " * (size - 2) + b"}", headers=headers, token=token
        )

    check_shape(post(1024 * 1024 + 1), 413, "Payload too large.")
    check_shape(post(1024 * 1024), 400, "Bad request.")


def test_a_body_without_end_is_cut_off_at_the_limit(sqlite_face: Face) -> None:
    """Chunked: no length announces it, and nobody reads on to its end."""
    token = sqlite_face.token(sqlite_face.account())
    with socket.create_connection(("127.0.0.1", sqlite_face.port), timeout=20) as wire:
        wire.sendall(
            f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(17):
            wire.sendall(chunk)

        head = wire.recv(65_536)

    assert head.startswith(b"HTTP/1.1 413 ")


def test_the_callers_trace_goes_on(sqlite_face: Face) -> None:
    as_uuid = str(uuid.UUID(hex=TRACE))

    for path in ("/nowhere", "/healthz"):
        answer = sqlite_face.call(
            "GET", path, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        )
        assert answer.headers["X-Trace-Id"] == as_uuid
    assert sqlite_face.call("GET", "/nowhere").json["trace_id"] != as_uuid


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        f"00-{TRACE}-00f067aa0ba902b7",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-00f067aa0ba902b7-01-more",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
    ],
)
def test_a_trace_that_is_none_is_not_taken(sqlite_face: Face, value: str) -> None:
    answer = sqlite_face.call("GET", "/healthz", headers={"traceparent": value})

    assert answer.status == 200
    assert answer.headers["X-Trace-Id"] != str(uuid.UUID(hex=TRACE))


def test_health_and_metrics(face: Face) -> None:
    assert face.call("GET", "/healthz").json == {"status": "ok"}
    assert face.call("GET", "/readyz").json == {"status": "ready"}
    metrics = face.call("GET", "/metrics").body
    assert b"tocsin_events" in metrics
    assert b'tocsin_live_recipients{outcome="pending"}' in metrics


def test_an_empty_database_is_not_ready(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path, database_url) as face:
        answer = face.call("GET", "/readyz")
        assert answer.status == 503
        assert "db upgrade" in answer.json["reason"]
        assert face.call("GET", "/healthz").status == 200


def test_a_crash_says_nothing_to_the_caller(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """There is no table to look a token up in."""
    with serving(tmp_path, f"sqlite:///{tmp_path / 'empty.db'}", log_format="json") as face:
        token = bearer.make(bytes(bearer.SECRET_BYTES))
        answer = face.call("GET", TASKS, token=token)

    assert answer.status == 500
    assert answer.json == {
        "code": 500,
        "title": "Internal server error.",
        "trace_id": answer.headers["X-Trace-Id"],
    }
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    failed: dict[str, Any] = next(line for line in lines if line["event"] == "request_failed")
    assert failed["trace_id"] == answer.json["trace_id"]
    assert token not in json.dumps(lines)


def test_a_refusal_leaves_one_line_without_anything_a_client_wrote(
    tmp_path: Path, migrated_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "canary17"
    with serving(tmp_path, migrated_url) as face:
        refused = face.call("GET", f"/v1/hood/push-tasks/{canary}?x={canary}", token=canary)

    lines = [line for line in capsys.readouterr().err.splitlines() if "request" in line]
    assert len(lines) == 1
    assert "status=401" in lines[0]
    assert "route=/v1/hood/push-tasks/{task_id}" in lines[0]
    assert f"trace_id={refused.headers['X-Trace-Id']}" in lines[0]
    assert canary not in lines[0]


def test_an_order_leaves_a_line_and_a_look_at_it_none(
    tmp_path: Path, migrated_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path, migrated_url) as face:
        token = face.token(face.account())
        face.call("POST", "/v1/hood/push-tasks", task(), token=token)
        face.call("GET", "/v1/hood/push-tasks", token=token)

    lines = [line for line in capsys.readouterr().err.splitlines() if "request" in line]
    assert len(lines) == 1
    assert "method=POST" in lines[0]
    assert "status=201" in lines[0]
