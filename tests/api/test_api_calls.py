"""What every call of the Hood API shares: rate limits, keys for retries, a database in trouble."""

import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from face import Answer, Face, errors, serving, task

from postgres import Postgres
from tocsin.domain.idempotency import KEPT_MS
from tocsin.store import trouble
from tocsin.store.engine import Database
from tocsin.web.callers import KNOWN_FOR_MS

TASKS = "/v1/hood/push-tasks"
KEY = "Idempotency-Key"


@pytest.fixture
def limited(tmp_path: Path, migrated_url: str) -> Iterator[Face]:
    """Return a face that takes 3 requests a second and 5 a minute."""
    with serving(tmp_path, migrated_url, rate_burst=3, rate_steady=5) as face:
        yield face


def limits(answer: Answer) -> tuple[int, ...]:
    """Return the status and the numbers of the rate limit headers that are there."""
    names = ("Limit", "Remaining", "Reset")
    found = [answer.headers[f"X-RateLimit-{name}"] for name in names]
    return (answer.status, *(int(value) for value in found if value is not None))


def test_an_account_may_ask_so_often_in_a_second_and_in_a_minute(limited: Face) -> None:
    owner, other = limited.account(), limited.account()
    tokens = [limited.token(owner), limited.token(owner)]

    def ask(number: int) -> Answer:
        return limited.call("GET", TASKS, token=tokens[number % 2])

    assert [limits(ask(number)) for number in range(3)] == [
        (200, 3, 2, 1),
        (200, 3, 1, 1),
        (200, 3, 0, 1),
    ]
    refused = ask(3)
    assert limits(refused) == (429,)
    assert refused.headers["Retry-After"] == "1"
    assert refused.json["title"] == "Too many requests."
    assert refused.json["message"] == (
        "the account may make 3 requests in a second: try again in 1 s"
    )
    assert limits(limited.call("GET", TASKS, token=limited.token(other))) == (200, 3, 2, 1)

    limited.clock.forward(1000)
    assert [limits(ask(number)) for number in range(2)] == [(200, 5, 1, 59), (200, 5, 0, 59)]
    refused = ask(0)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "59")
    limited.clock.forward(59_000)
    assert limits(ask(0)) == (200, 3, 2, 1)


def test_errors_tell_what_is_left_too_and_the_edge_is_not_limited(limited: Face) -> None:
    owner = limited.account()
    token, site = limited.token(owner), limited.site(owner)

    assert limits(limited.call("POST", TASKS, {}, token=token)) == (400, 3, 2, 1)
    assert limits(limited.call("GET", f"{TASKS}/7", token=token)) == (404, 3, 1, 1)
    assert limits(limited.call("GET", TASKS, token="x")) == (401,)
    for number in range(9):
        assert limits(limited.register(site, number)) == (201,)


def test_of_two_faces_together_exactly_the_burst_is_taken(
    limited: Face, migrated_url: str, tmp_path: Path
) -> None:
    token = limited.token(limited.account())
    with (
        serving(tmp_path, migrated_url, rate_burst=3, rate_steady=5) as twin,
        ThreadPoolExecutor(8) as pool,
    ):
        faces = [limited, twin] * 8
        answers = list(pool.map(lambda face: face.call("GET", TASKS, token=token), faces))

    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 13


def test_who_asks_too_often_is_told_before_they_have_sent_the_body(limited: Face) -> None:
    token = limited.token(limited.account())
    for _ in range(3):
        limited.call("GET", TASKS, token=token)

    with socket.create_connection(("127.0.0.1", limited.port), timeout=20) as wire:
        wire.sendall(
            f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n".encode()
        )
        head = wire.recv(65_536)

    assert head.startswith(b"HTTP/1.1 429 ")


def post(face: Face, token: str, key: str, body: dict[str, Any], path: str = TASKS) -> Answer:
    return face.call("POST", path, body, headers={KEY: key}, token=token)


def test_a_retry_gets_the_first_answer_and_makes_nothing(own_face: Face) -> None:
    face = own_face
    token = face.token(face.account())

    first = post(face, token, "one", task())
    again = post(face, token, "one", task(), "/v0/hood/push-tasks")
    other = post(face, token, "one", task(name="Other"))

    assert (first.status, first.headers["Idempotency-Replayed"]) == (201, None)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.body == first.body
    assert other.status == 409
    assert "'one'" in other.json["message"]
    assert face.call("GET", TASKS, token=token).json["total"] == 1
    face.clock.forward(KEPT_MS)
    assert post(face, token, "one", task(name="Other")).headers["Idempotency-Replayed"] is None


def test_fifty_retries_at_once_make_one_task(face: Face) -> None:
    token = face.token(face.account())

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(face, token, "k", task()), range(50)))

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    replayed = [answer.headers["Idempotency-Replayed"] for answer in answers]
    assert sorted(replayed, key=str) == [None] + ["true"] * 49
    assert face.call("GET", TASKS, token=token).json["total"] == 1


def test_a_retry_after_the_start_time_is_a_retry_all_the_same(own_face: Face) -> None:
    """What was good then is in the past now: a client that is told so would order it twice."""
    face, token = own_face, own_face.token(own_face.account())
    ordered = task(start_time="2026-02-05 11:30:00")
    first = post(face, token, "k", ordered)
    assert first.status == 201

    face.clock.forward(3_600_000)

    again = post(face, token, "k", ordered)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert errors(post(face, token, "other", ordered)) == ["start_time"]
    assert errors(post(face, token, "k", ordered | {"name": "Other"})) == ["start_time"]
    face.clock.forward(KEPT_MS)
    assert errors(post(face, token, "k", ordered)) == ["start_time"]


@pytest.mark.parametrize(
    "keys", [[""], ["x" * 256], ["a b"], ["é"], ["a", "b"]], ids=["none", "long", "blank", "é", "2"]
)
def test_a_key_that_is_none_is_refused(sqlite_face: Face, keys: list[str]) -> None:
    token = sqlite_face.token(sqlite_face.account())
    lines = "".join(f"{KEY}: {key}\r\n" for key in keys)
    body = b'{"name": "x"}'

    with socket.create_connection(("127.0.0.1", sqlite_face.port), timeout=20) as wire:
        wire.sendall(
            f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{lines}"
            "Connection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode(
                "latin-1"
            )
            + body
        )
        answer = wire.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"visible ASCII" in answer


def check_unavailable(answer: Answer, sentence: str) -> None:
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json.keys() == {"code", "title", "message", "trace_id"}
    assert answer.json["title"] == "Service unavailable."
    assert answer.json["message"] == sentence


def test_a_file_that_is_kept_locked_costs_a_503_and_no_more(
    tmp_path: Path, migrated_sqlite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tocsin.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    url = f"sqlite:///{path}"
    database = Database(url, sqlite_wait_s=0.05)
    with (
        serving(tmp_path, url, database=database, rate_burst=100) as face,
        closing(sqlite3.connect(path, isolation_level=None)) as shell,
    ):
        token = face.token(face.account())
        assert post(face, token, "k", task()).status == 201
        shell.execute("BEGIN EXCLUSIVE")
        for answer in (post(face, token, "k", task()), face.call("GET", TASKS, token=token)):
            check_unavailable(answer, trouble.BUSY)
        assert face.call("GET", "/readyz").status == 200

        shell.execute("ROLLBACK")
        assert face.call("GET", TASKS, token=token).json["total"] == 1
        assert post(face, token, "k", task()).headers["Idempotency-Replayed"] == "true"

    told = [line for line in capsys.readouterr().err.splitlines() if "request_failed" in line]
    assert len(told) == 2
    assert "error=OperationalError" in told[0]


def test_a_server_that_is_away_costs_503_until_it_is_back(
    tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    with (
        serving(tmp_path, url) as face,
        psycopg.connect(postgres.url("postgres"), autocommit=True) as boss,
    ):
        face.program.upgrade()
        token = face.token(face.account())
        assert face.call("GET", TASKS, token=token).status == 200
        boss.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        boss.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )

        check_unavailable(face.call("GET", TASKS, token=token), trouble.AWAY)
        check_unavailable(face.call("POST", TASKS, task(), token=token), trouble.AWAY)
        face.clock.forward(KNOWN_FOR_MS)
        check_unavailable(face.call("GET", TASKS, token=token), trouble.AWAY)
        ready = face.call("GET", "/readyz")
        assert (ready.status, ready.json["reason"]) == (
            503,
            "the database cannot be used: OperationalError",
        )

        boss.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert face.call("GET", TASKS, token=token).json["total"] == 0
        assert face.call("GET", "/readyz").status == 200


def test_who_finds_every_connection_taken_is_told_in_time(
    tmp_path: Path, migrated_url: str
) -> None:
    database = Database(migrated_url, pool_size=1, pool_wait_s=0.05)
    with serving(tmp_path, migrated_url, database=database) as face:
        token = face.token(face.account())
        with database.read():
            check_unavailable(face.call("GET", TASKS, token=token), trouble.BUSY)

        assert face.call("GET", TASKS, token=token).status == 200
