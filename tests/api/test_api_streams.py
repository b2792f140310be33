"""Subscribers by the thousand over HTTP: what becomes of each line, and what an export holds."""

import http.client
import json
import select
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, Final

import jsonschema_rs
import pytest
from face import Answer, Face, errors, subscription
from test_api_slow_clients import rest, wire_to

from loops import run
from rig import until
from tocsin.domain.account import Account, Scope
from tocsin.domain.container import Container
from tocsin.domain.errors import Unavailable
from tocsin.domain.subscription import Subscriber
from tocsin.machine.spool import KEPT_BYTES, new_spool
from tocsin.telemetry.events import Event
from tocsin.web.hood.line_shapes import EXPORTED, IMPORTED, LINE, RESULT
from tocsin.web.imports import AT_ONCE, LONGEST_LINE_BYTES

IMPORT: Final = "/v1/hood/users/import"
EXPORT: Final = "/v1/hood/users/export"
NDJSON: Final = {"Content-Type": "application/x-ndjson"}
RICH: Final[dict[str, Any]] = {
    "application": "shop.example.com",
    "country": "RS",
    "region": "792680",
    "city": "792680",
    "language": "sr",
    "timezone": "Europe/Belgrade",
    "browser": "12",
    "os": "12",
    "remote_user_id": "žika \u2028",
    "user_data": {"plan": "gold", "tags": ["a", 1, True], "n": 2.5},
    "subscribed_at": "2020-01-02T03:04:05Z",
    "last_seen": "2026-02-05T11:00:00Z",
    "status": "unsubscribed",
}


@pytest.fixture
def owner(face: Face) -> Account:
    """Return a new tenant."""
    return face.account()


@pytest.fixture
def site(face: Face, owner: Account) -> Container:
    """Return its site."""
    return face.site(owner)


@pytest.fixture
def token(face: Face, owner: Account) -> str:
    """Return a token that may do everything."""
    return face.token(owner)


def line(site: Container, number: int, **more: Any) -> bytes:
    return json.dumps({"container": site.key, "subscription": subscription(number)} | more).encode()


def take(face: Face, token: str, body: bytes, query: str = "", **headers: str) -> Answer:
    return face.call("POST", IMPORT + query, body, headers=NDJSON | headers, token=token)


def lines_of(answer: Answer, schema: Any) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.body[-1:] in (b"\n", b"")
    found = [json.loads(one) for one in answer.body.splitlines()]
    for one in found:
        jsonschema_rs.validate(schema, one)
    return found


def taken(face: Face, owner: Account) -> int:
    return sum(1 for _ in face.program.subscribers.export(owner.scope))


# -- an import


@pytest.mark.parametrize("many", [4, 5])
def test_the_database_is_made_to_see_how_many_there_are_when_many_have_come(
    face: Face, site: Container, token: str, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Lines that bring nobody do not count, so nobody makes the server look for nothing."""
    monkeypatch.setattr("tocsin.web.hood.user_streams.MANY", many)
    stock: list[bool] = []
    monkeypatch.setattr(face.program.subscribers, "take_stock", lambda: stock.append(True))
    lines = [*(line(site, number) for number in range(4)), line(site, 0), b"{}", b"", b" "]

    answer = take(face, token, b"\n".join(lines))

    statuses = [one["status"] for one in lines_of(answer, RESULT)]
    assert statuses == ["created"] * 4 + ["updated", "error"]
    assert stock == [True] * (many == 4)


def test_every_line_gets_a_line(face: Face, site: Container, token: str) -> None:
    stranger = face.site(face.account())
    lines = [
        line(site, 1, **RICH),
        b"",
        line(site, 1, language="en") + b"\r",
        b"{",
        line(stranger, 2),
        b"\xff",
        b'{"x":"' + b"x" * LONGEST_LINE_BYTES + b'"}',
        line(site, 3),
    ]

    answer = take(face, token, b"\n".join(lines))

    results = lines_of(answer, RESULT)
    assert [(one["line"], one["status"]) for one in results] == [
        (1, "created"), (3, "updated"), (4, "error"), (5, "error"), (6, "error"), (7, "error"),
        (8, "created"),
    ]  # fmt: skip
    assert results[0]["id"] == results[1]["id"]
    sentences = ["not JSON", "there is no container", "not UTF-8", "longer than 65536 bytes"]
    for result, sentence in zip(results[2:6], sentences, strict=True):
        assert sentence in result["message"]
        assert "id" not in result
    assert answer.headers["X-Trace-Id"]
    assert int(answer.headers["Content-Length"]) == len(answer.body), "so that all of it is missed"


def test_the_example_is_a_line(face: Face, site: Container, token: str) -> None:
    example = {**LINE, "container": str(site.id)}
    jsonschema_rs.validate(IMPORTED, example)

    for media_type in ("application/ndjson", "application/jsonl", "Application/X-NDJSON"):
        answer = take(face, token, json.dumps(example).encode(), **{"Content-Type": media_type})
        assert [one["line"] for one in lines_of(answer, RESULT)] == [1]


def test_no_line_is_no_answer_line(face: Face, token: str) -> None:
    for body in (b"", b"\n", b"\n \n\r\n"):
        assert lines_of(take(face, token, body), RESULT) == []


def test_lines_are_counted_from_where_an_import_goes_on(
    face: Face, site: Container, token: str
) -> None:
    results = lines_of(take(face, token, line(site, 1) + b"\n{", "?first_line=40001"), RESULT)

    assert [one["line"] for one in results] == [40_001, 40_002]


def test_what_an_import_does_not_take(face: Face, owner: Account, site: Container) -> None:
    token, body = face.token(owner), line(site, 1)

    def refused(*asked: Any, by: str = token, **headers: str) -> tuple[int, str]:
        answer = take(face, by, body, *asked, **headers)
        return answer.status, answer.json["message"]

    status, told = refused(**{"Content-Type": "application/json"})
    assert (status, "send Content-Type: application/x-ndjson" in told) == (415, True)
    status, told = refused(**{"Content-Encoding": "gzip"})
    assert (status, "the body as it is" in told) == (415, True)
    status, told = refused(**{"Content-Type": "application/x-ndjson; charset=latin-1"})
    assert (status, "in UTF-8" in told) == (415, True)
    status, told = refused(**{"Idempotency-Key": "once"})
    assert (status, "sent again as it is" in told) == (400, True)
    status, told = refused("?first_lin=2")
    assert (status, "first_lin: is not known here; the nearest is first_line" in told) == (
        400,
        True,
    )
    for wrong in ("0", "-1", "x", "", "1.5", "9" * 17, "%D9%A1", "1&first_line=2"):
        assert refused(f"?first_line={wrong}")[0] == 400
    assert refused(by=face.token(owner, "read"))[0] == 403
    assert taken(face, owner) == 0


def test_an_import_may_be_larger_than_any_other_body(
    face: Face, site: Container, token: str
) -> None:
    """More than a body may have elsewhere, more than a connection holds, more than is in memory."""
    bad = b'{"%s": 1}\n' % (b"x" * 1000)
    body = bad * 30_000 + line(site, 1)
    assert len(body) > 16 * 2**20

    answer = take(face, token, body)

    assert len(answer.body) > 8 * KEPT_BYTES
    results = answer.body.splitlines()
    assert len(results) == 30_001
    assert json.loads(results[-1])["status"] == "created"


def test_what_is_longer_than_a_group_is_taken_meanwhile_and_answered_at_the_end(
    face: Face, owner: Account, site: Container, token: str
) -> None:
    body = b"\n".join(line(site, number) for number in range(AT_ONCE + 200))
    with wire_to(face.port, head(token, len(body)) + body[:-1]) as wire:
        until(lambda: taken(face, owner) == AT_ONCE or None, within=20)
        assert not select.select([wire], [], [], 0)[0], "a proxy would stop sending"
        wire.sendall(body[-1:])
        assert rest(wire).count(b'"created"') == AT_ONCE + 200


def test_who_hangs_up_leaves_what_is_taken_and_may_send_it_again(
    face: Face, owner: Account, site: Container, token: str, capfd: pytest.CaptureFixture[str]
) -> None:
    body = b"\n".join(line(site, number) for number in range(AT_ONCE + 200))
    wire = wire_to(face.port, head(token, len(body)) + body[:-1])
    until(lambda: taken(face, owner) == AT_ONCE or None, within=20)
    wire.close()

    statuses = [one["status"] for one in lines_of(take(face, token, body), RESULT)]

    assert statuses == ["updated"] * AT_ONCE + ["created"] * 200
    assert taken(face, owner) == AT_ONCE + 200
    err = capfd.readouterr().err
    assert "Traceback" not in err
    assert "request_failed" not in err


def test_a_database_that_goes_away_is_told_with_the_line_to_go_on_from(
    face: Face, site: Container, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, groups = face.program.subscribers.register, iter([True, False, False])

    def register(group: Any) -> Any:
        if next(groups):
            return real(group)
        raise Unavailable("the database cannot be reached: try again in a moment")

    monkeypatch.setattr(face.program.subscribers, "register", register)
    body = b"\n".join([b"", *(line(site, number) for number in range(AT_ONCE + 1))])

    answer = take(face, token, body, "?first_line=7")
    again = take(face, token, body)

    assert (answer.status, again.status) == (503, 503)
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["message"].endswith(
        f"What came before line {AT_ONCE + 7} is taken: send line {AT_ONCE + 7} and those behind "
        f"it, with first_line={AT_ONCE + 7}"
    )
    assert "first_line" not in again.json["message"], "nothing was taken"


# -- how much of it is in memory


@pytest.fixture
def ask(
    tmp_path: Any, migrated_sqlite: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    """Return what sends the pieces of a body to the application, as a server would."""
    from face import serving  # noqa: PLC0415

    path = tmp_path / "tocsin.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    with serving(tmp_path, f"sqlite:///{path}") as face:
        token = face.token(face.account())

        def ask(pieces: Iterator[bytes], note: Callable[[int], None]) -> int:
            """Return how many bytes came back. note: is told of each that is written or sent."""
            monkeypatch.setattr("tocsin.wiring.new_spool", lambda: Spool(note))
            return run(asked(face.program.web(), token, pieces))

        yield ask


class Spool:
    """A spool that tells how many lines were written to it."""

    def __init__(self, note: Callable[[int], None]) -> None:
        self._file, self._note = new_spool(), note

    def write(self, written: bytes) -> int:
        self._note(written.count(b"\n"))
        return self._file.write(written)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


async def asked(app: Any, token: str, pieces: Iterator[bytes]) -> int:
    came = 0
    headers = {**NDJSON, "Authorization": f"Bearer {token}"}

    async def receive() -> dict[str, Any]:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: dict[str, Any]) -> None:
        nonlocal came
        assert message.get("status", 200) == 200
        body = message.get("body", b"")
        assert len(body) <= 64 * 1024
        came += len(body)

    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": "POST",
        "path": IMPORT,
        "raw_path": IMPORT.encode(),
        "query_string": b"",
        "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
    }
    await app(scope, receive, send)
    return came


def test_no_more_of_an_import_is_in_hand_than_is_taken_at_once(ask: Callable[..., Any]) -> None:
    """Counted, not weighed: lines that were asked for, less those that are dealt with."""
    each, most, given, dealt_with = 100, 0, 0, 0

    def pieces() -> Iterator[bytes]:
        nonlocal given, most
        for _ in range(2000):
            given += each
            most = max(most, given - dealt_with)
            yield b"{}\n" * each

    def note(lines: int) -> None:
        nonlocal dealt_with
        dealt_with += lines

    came = ask(pieces(), note)

    assert given == dealt_with == 200_000
    assert came > 64 * given
    assert most <= AT_ONCE + each


def test_a_line_without_an_end_takes_no_memory(ask: Callable[..., Any]) -> None:
    noted: list[int] = []
    tracemalloc.start()
    try:
        came = ask((b"x" * 65_536 for _ in range(2000)), noted.append)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert noted == [1]
    assert came
    assert peak < 16 * 2**20, "of 125 MiB"


# -- an export


def test_an_export_holds_whom_the_token_sees_in_order(
    face: Face, owner: Account, site: Container, token: str
) -> None:
    child = face.account(owner)
    its_site = face.site(child)
    body = b"\n".join(line(its_site if n % 3 == 0 else site, n, **RICH) for n in range(250))
    made = [one["id"] for one in lines_of(take(face, token, body), RESULT)]

    whole = lines_of(face.call("GET", EXPORT, token=token), EXPORTED)
    part = lines_of(face.call("GET", EXPORT, token=face.token(child)), EXPORTED)

    assert [one["id"] for one in whole] == made
    assert [one["id"] for one in part] == made[::3]
    assert whole[1] == {"id": made[1], "container": str(site.id), **RICH}
    for place in (0, 120, 249):
        rest_of_it = face.call("GET", f"{EXPORT}?after={made[place]}", token=token)
        assert lines_of(rest_of_it, EXPORTED) == whole[place + 1 :]


def test_keys_are_given_to_an_administrator_who_asks(
    face: Face, owner: Account, site: Container, token: str
) -> None:
    take(face, token, line(site, 1))
    reader = face.token(owner, "read", "write")

    with_keys = lines_of(face.call("GET", f"{EXPORT}?keys=1", token=token), EXPORTED)
    without = face.call("GET", f"{EXPORT}?keys=0", token=reader)
    refused = face.call("GET", f"{EXPORT}?keys=1", token=reader)

    assert with_keys[0]["subscription"] == subscription(1)
    found = subscription(1)
    for secret in (found["endpoint"], *found["keys"].values()):  # type: ignore[attr-defined]
        assert str(secret) not in without.body.decode()
    assert refused.status == 403
    assert "'admin'" in refused.json["message"]


def test_what_an_export_does_not_take(face: Face, owner: Account, token: str) -> None:
    stranger = face.site(face.account())
    theirs = face.register(stranger, 1).json["id"]
    for query, field in (
        ("keys=2", "keys"),
        ("keys=", "keys"),
        ("keys=1&keys=0", "keys"),
        ("after=x", "after"),
        ("after=18446744073709551616", "after"),
        ("after=1", "after"),
        (f"after={theirs}", "after"),
        ("page=1", "page"),
    ):
        answer = face.call("GET", f"{EXPORT}?{query}", token=token)
        assert (answer.status, errors(answer)) == (400, [field]), query
    assert face.call("GET", EXPORT, token=face.token(owner, "write")).status == 403
    assert lines_of(face.call("GET", EXPORT, token=token), EXPORTED) == []


def test_a_head_of_an_export_makes_none(
    face: Face, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = 0

    def export(_: Scope, **_after: Any) -> Iterator[Subscriber]:
        nonlocal pages
        pages += 1
        yield from ()

    monkeypatch.setattr(face.program.subscribers, "export", export)
    answer = face.call("HEAD", EXPORT, token=token)

    assert (answer.status, answer.body, pages) == (200, b"", 1)
    assert answer.headers["Content-Type"] == "application/x-ndjson"


def test_an_export_that_breaks_off_is_not_taken_for_a_whole_one(
    face: Face,
    site: Container,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    take(face, token, b"\n".join(line(site, number) for number in range(150)))
    noted: list[tuple[Event, Any]] = []
    whole = face.program.subscribers.export

    def export(scope: Scope, **after: Any) -> Iterator[Subscriber]:
        yield from whole(scope, **after)
        raise Unavailable("the database cannot be reached") from TimeoutError("it is away")

    monkeypatch.setattr(face.program.subscribers, "export", export)
    monkeypatch.setattr(
        face.program.telemetry, "emit", lambda event, **facts: noted.append((event, facts))
    )
    with pytest.raises(http.client.IncompleteRead) as broken:
        face.call("GET", EXPORT, token=token)

    assert broken.value.partial.count(b"\n") == 100
    assert [facts["error"] for event, facts in noted if event is Event.REQUEST_FAILED] == [
        "TimeoutError"
    ]
    assert not caplog.records, "no second line, of another form"


def test_who_reads_slowly_holds_no_connection_to_the_database(
    face: Face, owner: Account, site: Container, token: str
) -> None:
    take(face, token, line(site, 1))
    people = face.program.subscribers.export(owner.scope)

    next(people)

    assert face.program.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def head(token: str, length: int) -> bytes:
    """Return the head of an import of *length* bytes."""
    return (
        f"POST {IMPORT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {length}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
