"""Slow and cunning clients of the real face, and what becomes of requests when it ends."""

import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from face import ORIGIN, Face, serving, task

from programs import Programs

TASKS = "/v1/hood/push-tasks"
IMPORT = "/v1/hood/users/import"


@pytest.fixture
def hasty(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Face]:
    """Return a face whose clients have a second."""
    path = tmp_path / "tocsin.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    with serving(tmp_path, f"sqlite:///{path}", request_timeout=1) as face:
        yield face


def wire_to(port: int, sent: bytes = b"") -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=20)
    wire.sendall(sent)
    return wire


def rest(wire: socket.socket) -> bytes:
    """Return everything that comes until the server closes."""
    received = b""
    with suppress(ConnectionError):
        while some := wire.recv(65_536):
            received += some
    return received


def test_a_client_that_stops_is_cut_off(hasty: Face, capfd: pytest.CaptureFixture[str]) -> None:
    """Before its head, in it, in the body of an order, in that of a registration."""
    site = hasty.site(hasty.account())
    token = hasty.token(hasty.account())
    body = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    order = f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    edge = f"POST /v1/edge/{site.key}/subscriptions HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\n"

    wires = [wire_to(hasty.port, text.encode()) for text in ("", order, order + body, edge + body)]
    assert hasty.register(site, 1).status == 201, "nobody waits for the slow ones"
    got = [rest(wire) for wire in wires]
    for wire in wires:
        wire.close()

    assert got == [b""] * 4
    assert hasty.call("GET", TASKS, token=token).json["total"] == 0
    err = capfd.readouterr().err
    assert "request_failed" not in err
    assert "Traceback" not in err
    assert "Exception" not in err


def test_an_import_may_take_longer_than_the_deadline_and_an_order_may_not(hasty: Face) -> None:
    token = hasty.token(hasty.account())
    over = threading.Event()
    sent = {IMPORT: 0, TASKS: 0}

    def keep_coming(path: str, media_type: str) -> bytes:
        wire = wire_to(
            hasty.port,
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n"
            "Connection: close\r\n\r\n".encode(),
        )
        with wire, suppress(ConnectionError):
            while not over.wait(0.02):
                wire.sendall(b"400\r\n%s\r\n" % (b" " * 1021 + b"{}\n"))
                sent[path] += 1
            wire.sendall(b"0\r\n\r\n")
            return rest(wire)
        return b""

    with ThreadPoolExecutor(2) as clients:
        import_ = clients.submit(keep_coming, IMPORT, "application/x-ndjson")
        order = clients.submit(keep_coming, TASKS, "application/json")
        for _ in range(2):
            with wire_to(hasty.port) as idle:
                assert rest(idle) == b"", "this long a request may take"
        assert order.done()
        over.set()
        answer = import_.result()

    assert order.result() == b""
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b'"status": "error"') == sent[IMPORT]


@pytest.mark.parametrize(
    "target",
    [
        "/HEALTHZ", "//healthz", "/healthz/", "/./healthz", "/x/../healthz", "/healthz%2f",
        "/%2e/healthz", "/healthz%00", "/healthz;x", "/V1/hood/push-tasks", "//v1//hood/push-tasks",
        "/v1/hood/Push-Tasks", "/v1%2fhood/push-tasks", "/%ff", "/%zz", "*", "//[",
    ],
)  # fmt: skip
def test_no_other_spelling_of_a_path_gets_in(sqlite_face: Face, target: str) -> None:
    with wire_to(
        sqlite_face.port,
        f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
    ) as wire:
        got = rest(wire)

    assert re.fullmatch(rb"HTTP/1\.1 4\d\d .*", got.split(b"\r\n")[0])
    assert got.count(b"HTTP/1.1 4") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"NO\r\n\r\n",
        b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n".encode(),
    ],
)
def test_what_is_no_request_gets_an_error_like_any_other(sqlite_face: Face, sent: bytes) -> None:
    with wire_to(sqlite_face.port, sent) as wire:
        head, _, body = rest(wire).partition(b"\r\n\r\n")

    shape = json.loads(body)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert shape.keys() == {"code", "title", "message", "trace_id"}
    assert (shape["code"], shape["title"]) == (400, "Bad request.")
    assert f"\r\nx-trace-id: {shape['trace_id']}\r\n".encode() in head


def test_a_request_half_sent_when_the_server_is_told_to_end_is_answered(
    programs: Programs, tmp_path: Path
) -> None:
    server = programs.start("serve", "--role", "web", "--port", "0", data=tmp_path)
    token = server.expect(r"^ +(tocsin_\S+)$")[1]
    port = urlsplit(server.address).port
    assert port
    body = json.dumps(task()).encode()
    silent, idle = wire_to(port), wire_to(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(4096).startswith(b"HTTP/1.1 200 ")
    order = wire_to(
        port,
        f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n".encode(),
    )
    assert order.recv(4096).startswith(b"HTTP/1.1 100 "), "the server waits for the body"
    order.sendall(body[:10])

    server.interrupt_leader(signal.SIGTERM)

    # These are closed after the port: from here on nobody is let in.
    assert rest(silent) == b""
    assert b"HTTP/1.1" not in rest(idle)
    with pytest.raises(ConnectionError):
        wire_to(port)
    order.sendall(body[10:])
    assert rest(order).startswith(b"HTTP/1.1 201 ")
    assert server.wait(within=8) == 0, "earlier than the grace: nobody is waited for"
    for wire in (silent, idle, order):
        wire.close()
    assert "error" not in server.output.lower()
