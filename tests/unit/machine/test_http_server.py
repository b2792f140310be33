"""The HTTP server with clients that are slow, silent or many, on real sockets; and its end."""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any, Final

import pytest
from http_wires import GET, MIB, POST, Application, Serve, Served, answer, respond, rest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tocsin.machine.http_protocol import CUT, UNHURRIED, BoundedProtocol

SHORT_S: Final = 0.25


# -- the deadline for arriving ---------------------------------------------------------------


HALVES: Final = {
    "an empty line": b"\r\n",
    "a letter": b"G",
    "half a head": b"GET /a HTTP/1.1\r\nHost: x\r\nX: ",
    "half a body": POST + b"Content-Length: 2\r\n\r\nx",
}


@pytest.mark.parametrize("sent", [b"", *HALVES.values()], ids=["nothing", *HALVES])
def test_who_does_not_send_on_is_cut_off(serve: Serve, sent: bytes) -> None:
    served = serve(request_timeout_s=SHORT_S)

    assert rest(served.wire(sent)) == b""
    assert served.application.asked == ["/a"] * sent.startswith(POST)


@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_who_does_not_send_on_after_an_answer_is_cut_off(serve: Serve, sent: bytes) -> None:
    served = serve(request_timeout_s=SHORT_S)
    wire = served.wire(GET)
    assert answer(wire)[0] == 200

    wire.sendall(sent)

    assert rest(wire) == b""


def test_who_stops_in_a_body_is_gone_for_the_application(serve: Serve) -> None:
    served = serve(request_timeout_s=SHORT_S)
    served.wire(HALVES["half a body"])

    assert served.application.disconnected.wait(20)


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: ", b"x"),
        (b"GET /a HTTP/1.1\r\nHost: x\r\n", b"X: x\r\n"),
        (POST + b"Content-Length: 1000\r\n\r\n", b"x"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n"),
        (b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"", b"\r\n"),
        (GET, b"\r\n"),
    ],
    ids=[
        "a header", "headers", "a body", "chunks", "a chunk extension", "trailers",
        "a body already answered", "empty lines", "empty lines after a request",
    ],
)  # fmt: skip
def test_who_drips_is_cut_off_as_well(serve: Serve, start: bytes, drop: bytes) -> None:
    wire = serve(request_timeout_s=SHORT_S).wire(start)
    wire.settimeout(SHORT_S / 10)
    drops, ended = 0, False
    while not ended and drops < 100:
        try:
            wire.sendall(drop)
            ended = not wire.recv(4096)
        except TimeoutError:
            drops += 1
        except ConnectionError:
            ended = True

    assert ended
    assert drops


def test_an_idle_connection_ends_by_keep_alive(serve: Serve) -> None:
    served = serve(request_timeout_s=60)
    served.server._server.config.timeout_keep_alive = 0
    wire = served.wire(GET)

    assert rest(wire).startswith(b"HTTP/1.1 200 ")


def test_a_request_that_is_whole_may_take_longer_than_the_deadline(serve: Serve) -> None:
    served = serve(request_timeout_s=SHORT_S)
    held = served.wire(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
    assert served.application.under_way.wait(20)

    served.until_cut()
    served.application.may_answer.set()

    assert answer(held)[0] == 200
    held.sendall(GET)
    assert answer(held)[0] == 200, "the connection goes on"


def test_time_that_the_application_keeps_a_client_waiting_is_not_the_clients(
    serve: Serve,
) -> None:
    served = serve(request_timeout_s=SHORT_S)
    application = served.application

    async def late(scope: Any, receive: Any, send: Any) -> None:
        application.under_way.set()
        await asyncio.to_thread(application.may_answer.wait, 20)
        await application(scope, receive, send)

    served.application = late
    wire = served.wire(POST + b"Content-Length: %d\r\n\r\n" % MIB)
    sender = threading.Thread(target=wire.sendall, args=[bytes(MIB)])
    sender.start()
    assert application.under_way.wait(20)

    served.until_cut()
    served.until_cut()
    application.may_answer.set()

    assert len(answer(wire)[2]) == MIB
    sender.join()


def test_an_early_answer_leaves_the_connection_in_step(served: Served) -> None:
    wire = served.wire(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n")

    assert answer(wire)[2] == b"early"
    wire.sendall(GET.ljust(99))
    wire.sendall(POST + b"Content-Length: 1\r\n\r\nx")
    assert answer(wire)[2] == b"x"
    assert served.application.asked == ["/early", "/a"]


def test_who_is_silent_after_an_early_answer_is_cut_off(serve: Serve) -> None:
    """What is left of the body comes after the answer, and ends the wait for keep-alive."""
    wire = serve(request_timeout_s=SHORT_S).wire(
        b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    )
    assert answer(wire)[2] == b"early"
    wire.sendall(b"x")

    assert rest(wire) == b""


# -- a body of any length ----------------------------------------------------------------------


async def unhurried(scope: Any, receive: Any, send: Any) -> None:
    scope["extensions"][UNHURRIED]()
    came, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        came += len(message["body"])
        more = message["more_body"]
    await respond(send, b"%d" % came)


class Coming:
    """Sends a body of chunks, 50 KiB a second, until it is over or the server hangs up."""

    def __init__(self, wire: socket.socket) -> None:
        self.sent = 0
        self._wire = wire
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_coming)
        self._thread.start()

    def _keep_coming(self) -> None:
        with suppress(OSError):
            while not self._over.wait(0.02):
                self._wire.sendall(b"400\r\n%s\r\n" % bytes(1024))
                self.sent += 1024

    def end(self) -> None:
        self._over.set()
        self._thread.join()


CHUNKED: Final = POST + b"Transfer-Encoding: chunked\r\n"


def test_an_unhurried_request_may_take_as_long_as_it_keeps_coming(serve: Serve) -> None:
    served = serve(request_timeout_s=0.5)
    served.application = unhurried
    wire = served.wire(CHUNKED + b"\r\n")
    coming = Coming(wire)
    for _ in range(4):
        served.until_cut()
    coming.end()
    wire.sendall(b"0\r\n\r\n")
    assert answer(wire)[2] == b"%d" % coming.sent

    served.application = Application()
    wire.sendall(CHUNKED + b"\r\n")
    coming = Coming(wire)
    assert rest(wire) == b"", "for the next request the deadline holds again"
    coming.end()


@pytest.mark.parametrize("drop", [b"", b"1\r\nx\r\n"], ids=["stops", "drips"])
def test_an_unhurried_request_that_hardly_comes_is_cut_off(serve: Serve, drop: bytes) -> None:
    served = serve(request_timeout_s=SHORT_S)
    served.application = unhurried
    wire = served.wire(CHUNKED + b"\r\n1\r\nx\r\n")
    wire.settimeout(SHORT_S / 10)
    for _ in range(100):
        try:
            wire.sendall(drop)
            assert wire.recv(4096) == b""
            break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    else:
        pytest.fail("it may go on")


def test_an_unhurried_request_does_not_delay_the_end(serve: Serve) -> None:
    served = serve(request_timeout_s=2, grace_s=2)
    served.application = unhurried
    wire = served.wire(CHUNKED + b"Expect: 100-continue\r\n\r\n")
    assert wire.recv(4096).startswith(b"HTTP/1.1 100 ")
    coming = Coming(wire)

    served.server.__exit__(None, None, None)

    coming.end()
    assert rest(wire) == b""


def test_an_answer_can_be_cut_in_the_middle(serve: Serve) -> None:
    served = serve(request_timeout_s=60)

    async def cut(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        scope["extensions"][CUT]()

    served.application = cut

    assert rest(served.wire(GET)).endswith(b"\r\n4\r\nsome\r\n")


# -- the deadline for taking the answer ------------------------------------------------------


@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_who_does_not_take_the_answer_is_cut_off(serve: Serve, closing: bytes) -> None:
    served = serve(request_timeout_s=SHORT_S)
    served.application.answer = bytes(64 * MIB)
    wire = served.wire(b"GET /a HTTP/1.1\r\nHost: x\r\n" + closing + b"\r\n")
    wire.recv(1)

    served.until_cut()
    served.until_cut()

    assert 0 < len(rest(wire)) < 64 * MIB


def test_a_stream_that_nobody_takes_ends_for_the_application(serve: Serve) -> None:
    served = serve(request_timeout_s=SHORT_S)
    over = threading.Event()

    async def stream(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        for _ in range(64):
            await send({"type": "http.response.body", "body": bytes(MIB), "more_body": True})
        await send({"type": "http.response.body"})
        over.set()

    served.application = stream
    served.wire(GET).recv(1)

    assert over.wait(20)


def test_a_little_that_is_not_taken_is_enough_to_be_cut_off(serve: Serve) -> None:
    """The answer ends with what the connection does not hold any more: nobody writes again."""
    served = serve(request_timeout_s=SHORT_S)

    async def stream(_scope: Any, _receive: Any, send: Any) -> None:
        (connection,) = served.server._server.server_state.connections
        await send({"type": "http.response.start", "status": 200})
        while not connection.transport.get_write_buffer_size():
            await send({"type": "http.response.body", "body": bytes(16_384), "more_body": True})
        await send({"type": "http.response.body"})

    served.application = stream
    wire = served.wire(GET)
    wire.recv(1)

    served.application = Application()
    served.until_cut()
    served.until_cut()

    assert not rest(wire).endswith(b"0\r\n\r\n")


def test_who_takes_a_large_answer_gets_it_and_stays(serve: Serve) -> None:
    served = serve(request_timeout_s=1)
    served.application.answer = bytes(8 * MIB)
    wire = served.wire(GET)
    assert len(answer(wire)[2]) == 8 * MIB

    served.until_cut()

    wire.sendall(GET)
    assert len(answer(wire)[2]) == 8 * MIB


# -- how many ---------------------------------------------------------------------------------


def test_connections_beyond_the_limit_are_closed_at_once(serve: Serve) -> None:
    served = serve(request_timeout_s=60, connections=3)
    wires = [served.wire(GET) for _ in range(3)]
    assert [answer(wire)[0] for wire in wires] == [200] * 3

    for _ in range(50):
        assert rest(served.wire()) == b""

    wires[0].sendall(GET)
    assert answer(wires[0])[0] == 200
    wires[1].close()
    while not rest(served.wire(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))):
        pass  # until the server knows that one of the three is gone


# -- the end -----------------------------------------------------------------------------------


def test_what_is_under_way_at_the_end_is_answered_and_the_rest_closed(serve: Serve) -> None:
    served = serve(request_timeout_s=60)
    idle, silent, half = served.wire(GET), served.wire(), served.wire(b"GET /a HT")
    assert answer(idle)[0] == 200
    held = served.wire(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
    served.application.under_way.clear()
    body = served.wire(POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert body.recv(4096).startswith(b"HTTP/1.1 100 ")

    ending = threading.Thread(target=served.server.__exit__, args=[None, None, None])
    ending.start()
    assert [rest(wire) for wire in (idle, silent, half)] == [b""] * 3
    with pytest.raises(ConnectionError):
        served.wire()
    body.sendall(b"ok")
    assert answer(body)[2] == b"ok"
    served.application.may_answer.set()
    status, head, _ = answer(held)
    ending.join(20)

    assert status == 200
    assert b"connection: close" in head
    assert not ending.is_alive()


def test_who_is_silent_or_deaf_does_not_delay_the_end(serve: Serve) -> None:
    served = serve(request_timeout_s=3600, grace_s=1)
    served.application.answer = bytes(64 * MIB)
    served.wire(GET).recv(1)
    body = served.wire(POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert body.recv(4096).startswith(b"HTTP/1.1 100 ")

    ending = threading.Thread(target=served.server.__exit__, args=[None, None, None])
    ending.start()
    ending.join(20)

    assert not ending.is_alive()
    assert rest(body) == b""
    assert served.application.disconnected.wait(20)


# -- what it stands on -------------------------------------------------------------------------


def test_uvicorn_still_has_what_is_bounded() -> None:
    """A name that is new or another there would leave a limit without effect."""
    ours = {name for name in vars(BoundedProtocol) if not name.startswith("_")} - {"limits"}
    assert {name for name in ours if not callable(getattr(HttpToolsProtocol, name, None))} == set()

    used = {"loop", "transport", "flow", "parser", "cycle", "connections", "server_state"} | {
        "url", "headers", "expect_100_continue", "scope",
    }  # fmt: skip
    assert used <= set(HttpToolsProtocol.__init__.__code__.co_names) | {"url"}
    cycle = {"keep_alive", "response_started", "response_complete", "disconnected"}
    assert cycle <= set(RequestResponseCycle.__init__.__code__.co_names)
