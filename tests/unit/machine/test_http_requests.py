"""What a client may ask of the HTTP server, and how much: the rest is refused, and only once."""

import json
import re
import tracemalloc
import uuid
from contextlib import suppress
from typing import Final

import pytest
from http_wires import GET, MIB, POST, Served, answer, answers, rest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tocsin.machine.http_limits import HEAD_BYTES, HEADER_FIELDS

HIDDEN: Final = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


# -- how much ----------------------------------------------------------------------------------


def test_a_head_may_have_64_kib(served: Served) -> None:
    bare = len(b"GET /a HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n")

    def ask(size: int) -> int:
        value = b"x" * (size - bare)
        return answer(served.wire(b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + value + b"\r\n\r\n"))[0]

    assert ask(HEAD_BYTES) == 200
    assert ask(HEAD_BYTES + 1) == 400
    assert served.application.asked == ["/a"]


def test_a_head_may_have_a_hundred_headers(served: Served) -> None:
    def ask(count: int) -> int:
        return answer(
            served.wire(b"GET /a HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * count + b"\r\n")
        )[0]

    assert ask(HEADER_FIELDS - 1) == 200
    assert ask(HEADER_FIELDS) == 400


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: ", b"x" * 1000),
        (b"GET /a HTTP/1.1\r\nHost: x\r\n", b"X: %s\r\n" % (b"x" * 1000)),
        (b"GET /a HTTP/1.1\r\nHost: x\r\n", b"a:\r\n" * 250),
        (b"GET /", b"x" * 1000),
        (b"", b"\r\n" * 500),
        (b"", b"x" * 1000),
        (GET, b"\r\n" * 500),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ", b"x" * 1000),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"a:\r\n" * 250),
        (b"", GET * 30),
    ],
    ids=[
        "a header", "long headers", "many headers", "a target", "empty lines", "a method",
        "empty lines after a request", "a chunk extension", "a trailer", "many trailers",
        "requests",
    ],
)  # fmt: skip
def test_what_has_no_end_is_refused_and_not_kept(served: Served, start: bytes, more: bytes) -> None:
    flood = more * 10_000
    tracemalloc.start()
    try:
        wire = served.wire(start)
        with suppress(ConnectionError):
            wire.sendall(flood)
        got = rest(wire)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3 * MIB
    assert answers(got) <= 1
    assert len(served.application.asked) <= 1


# -- what may be asked -------------------------------------------------------------------------


def test_a_refusal_has_the_shape_of_every_error(served: Served) -> None:
    status, head, body = answer(served.wire(b"NO\r\n\r\n"))

    shape = json.loads(body)
    assert status == 400
    assert list(shape) == ["code", "title", "message", "trace_id"]
    assert (shape["code"], shape["title"]) == (400, "Bad request.")
    assert "RFC 9112" in shape["message"]
    assert str(uuid.UUID(shape["trace_id"])) == shape["trace_id"]
    for line in (
        f"x-trace-id: {shape['trace_id']}",
        "content-type: application/json",
        "connection: close",
        "date: ",
    ):
        assert f"\r\n{line}".encode() in head


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"GET /a HTTP/0.9\r\nHost: x\r\n", "HTTP/0.9"),
        (b"GET /a HTTP/2.0\r\nHost: x\r\n", "HTTP/2.0"),
        (b"GET /a HTTP/1.1\r\n", "Host"),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n", "Host"),
        (b"GET http://x/a HTTP/1.1\r\nHost: x\r\n", "a path"),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n", "other than chunked"),
        (b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", "HTTP/1.0"),
        (POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 9\r\n", "protocol"),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"x" * HEAD_BYTES, "65536"),
    ],
)
def test_a_refusal_says_what_is_wrong(served: Served, head: bytes, says: str) -> None:
    status, _, body = answer(served.wire(head + b"\r\n"))

    assert status == 400
    assert says in json.loads(body)["message"]


CHUNKED: Final = POST + b"Transfer-Encoding: chunked\r\n"
SMUGGLED: Final = {
    "length and encoding": POST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "encoding and length": CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 47\r\n\r\n",
    "the same length twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a signed length": POST + b"Content-Length: +0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length too large": POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "a length in hexadecimal": POST + b"Content-Length: 0x0\r\n\r\n",
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a folded length": POST + b"Content-Length:\r\n 0\r\n\r\n",
    "bare LF": b"GET /a HTTP/1.1\nHost: x\n\n",
    "bare LF after a header": b"GET /a HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "bare CR after a header": b"GET /a HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    "NUL in a value": b"GET /a HTTP/1.1\r\nHost: x\r\nA: a\0b\r\n\r\n",
    "NUL in a name": b"GET /a HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n",
    "NUL in the target": b"GET /a\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a folded header": b"GET /a HTTP/1.1\r\nHost: x\r\nA: a\r\n b\r\n\r\n",
    "a header folded with a tab": b"GET /a HTTP/1.1\r\nHost: x\r\nA: a\r\n\tb\r\n\r\n",
    "a fold before the headers": b"GET /a HTTP/1.1\r\n Host: x\r\n\r\n",
    "a blank before the colon": POST + b"Content-Length : 0\r\n\r\n",
    "no colon": b"GET /a HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
    "no name": b"GET /a HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
    "an unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two headers": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "gzip in chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked after a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size too large": CHUNKED + b"\r\n" + b"f" * 17 + b"\r\nx",
    "a negative chunk size": CHUNKED + b"\r\n-1\r\nx",
    "a chunk size with 0x": CHUNKED + b"\r\n0x0\r\n\r\n",
    "a chunk size with bare LF": CHUNKED + b"\r\n0\n\n",
    "a chunk longer than its size": CHUNKED + b"\r\n1\r\nabc\r\n0\r\n\r\n",
    "LF in a chunk extension": CHUNKED + b"\r\n0;a\n\r\n\r\n",
    "a folded trailer": CHUNKED + b"\r\n0\r\nA: b\r\n c\r\n\r\n",
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/0.9, named": b"GET /a HTTP/0.9\r\n\r\n",
    "HTTP/2.0": b"GET /a HTTP/2.0\r\nHost: x\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": b"GET /a HTTP/1.2\r\nHost: x\r\n\r\n",
    "no version": b"GET /a HTTP/\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a small method": b"get /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "another protocol": b"SETUP rtsp://x/ RTSP/1.0\r\n\r\n",
    "a whole address": b"GET http://other/a HTTP/1.1\r\nHost: x\r\n\r\n",
    "an address without a scheme": b"GET other/a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT other:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target beyond ASCII": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a body before another protocol": (
        POST + b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 47\r\n\r\n"
    ),
}


@pytest.mark.parametrize("sent", SMUGGLED.values(), ids=SMUGGLED)
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "apart"])
def test_what_could_be_read_in_two_ways_is_refused_once(
    served: Served, sent: bytes, *, apart: bool
) -> None:
    wire = served.wire(sent if apart else sent + HIDDEN)
    got = wire.recv(1) if apart else b""
    with suppress(ConnectionError):
        wire.sendall(HIDDEN)
    got += rest(wire)

    assert got.startswith(b"HTTP/1.1 400 ")
    assert answers(got) == 1
    assert "/hidden" not in served.application.asked
    assert served.application.headers == [], "nothing reached the application whole"


@pytest.mark.parametrize("more", [HIDDEN, b"\0", HIDDEN * 1000], ids=["one", "garbage", "many"])
@pytest.mark.parametrize("before", [GET, POST + b"Content-Length: 1\r\n\r\nx"], ids=["GET", "POST"])
def test_what_is_sent_before_the_answer_is_not_read(
    served: Served, before: bytes, more: bytes
) -> None:
    got = rest(served.wire(before + more))

    assert got.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in got
    assert answers(got) == 1
    assert served.application.asked == ["/a"]


def test_an_empty_line_after_a_body_does_no_harm(served: Served) -> None:
    wire = served.wire(POST + b"Content-Length: 1\r\n\r\nx\r\n")

    assert answer(wire)[2] == b"x"
    wire.sendall(GET)
    assert answer(wire)[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /early HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    ],
    ids=["upgrade", "expect"],
)
def test_where_the_next_request_begins_is_never_in_doubt(served: Served, sent: bytes) -> None:
    """What follows would be of the other protocol; the body may come or not."""
    got = rest(served.wire(sent))

    assert answers(got) == 1
    assert b"\r\nconnection: close\r\n" in got
    assert served.application.asked == ["/early"]


def test_a_trailer_is_no_header(served: Served) -> None:
    status, _, body = answer(served.wire(CHUNKED + b"\r\n1\r\nx\r\n0\r\nAuthorization: y\r\n\r\n"))

    assert (status, body) == (200, b"x")
    assert b"authorization" not in dict(served.application.headers[0])


def test_a_body_that_breaks_off_wrongly_after_the_answer_gets_no_second(served: Served) -> None:
    wire = served.wire(b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert answer(wire)[2] == b"early"

    wire.sendall(b"no\r\n")

    assert rest(wire) == b""


def test_a_refusal_after_an_answer_that_waits_to_be_taken_is_the_last_word(served: Served) -> None:
    """The application, too, has an answer to the refused request: it comes too late."""
    served.application.answer = bytes(32 * MIB)
    wire = served.wire(GET)
    start = wire.recv(1)

    wire.sendall(CHUNKED.replace(b"/a", b"/early") + b"\r\n-1\r\n")

    got = start + rest(wire)
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", got) == [b"200", b"400"]
    assert served.application.asked == ["/a", "/early"]


def test_what_there_is_no_memory_for_is_nobodys_fault(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_body(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(HttpToolsProtocol, "on_body", on_body)

    status, head, body = answer(served.wire(POST + b"Content-Length: 1\r\n\r\nx"))

    assert (status, json.loads(body)["title"]) == (503, "Service unavailable.")
    assert b"retry-after: 1\r\n" in head


def test_empty_lines_without_end_are_no_request_to_answer(served: Served) -> None:
    wire = served.wire(GET)
    assert answer(wire)[0] == 200

    with suppress(ConnectionError):
        wire.sendall(b"\r\n" * HEAD_BYTES)

    assert rest(wire) == b""
