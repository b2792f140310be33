"""Whose word about a request's origin is believed, on real sockets."""

import socket
from typing import Any, Final

import pytest
from http_wires import Serve, answer, respond

from tocsin.machine.http_server import HttpServer

HERE: Final = "127.0.0.1"
CLIENT: Final = "81.2.69.160"


async def tell(scope: Any, _: Any, send: Any) -> None:
    """Answer with where the request comes from, and its scheme."""
    await respond(send, f"{scope['client'][0]} {scope['scheme']}".encode())


def asked(wire: socket.socket, *headers: str) -> str:
    lines = "".join(f"{header}\r\n" for header in headers)
    wire.sendall(f"GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    status, _, body = answer(wire)
    assert status == 200
    return body.decode()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "origin"),
    [
        ([HERE], CLIENT, CLIENT),
        ([HERE], f"{CLIENT}:4711", CLIENT),
        ([HERE], "2a02:2f0b::1", "2a02:2f0b::1"),
        ([HERE], "[2a02:2f0b::1]:4711", "2a02:2f0b::1"),
        pytest.param([HERE], f"1.2.3.4, {CLIENT}", CLIENT, id="what the client made up"),
        pytest.param([HERE], f"{CLIENT}, 10.0.0.9", "10.0.0.9", id="another proxy, not trusted"),
        pytest.param([HERE, "10.0.0.0/8"], f"{CLIENT}, 10.0.0.9", CLIENT, id="a chain"),
        pytest.param(
            [HERE, "10.0.0.0/8"], f"{CLIENT}, ::ffff:10.0.0.9", CLIENT, id="in its IPv6 form"
        ),
        pytest.param(["127.0.0.0/8"], CLIENT, CLIENT, id="a network"),
        pytest.param(["10.0.0.0/8", "::1"], CLIENT, HERE, id="from elsewhere"),
        pytest.param([], CLIENT, HERE, id="nobody is trusted"),
        pytest.param([HERE], "", HERE, id="empty"),
        pytest.param([HERE], "unknown", "unknown", id="RFC 7239's word"),
        pytest.param([HERE], f"{CLIENT}, [::,,", "", id="garbage"),
        pytest.param([HERE], f"{CLIENT}:{'9' * 5000}", f"{CLIENT}:{'9' * 5000}", id="long"),
    ],
)
def test_where_a_request_comes_from(
    serve: Serve, trusted: list[str], forwarded: str, origin: str
) -> None:
    served = serve(trusted_proxies=trusted)
    served.application = tell

    assert asked(served.wire(), f"X-Forwarded-For: {forwarded}") == f"{origin or HERE} http"


def test_lines_of_one_header_are_one_list(serve: Serve) -> None:
    served = serve(trusted_proxies=[HERE])
    served.application = tell

    lines = ("X-Forwarded-For: 1.2.3.4", f"X-Forwarded-For: {CLIENT}")
    assert asked(served.wire(), *lines) == f"{CLIENT} http"


@pytest.mark.parametrize(("trusted", "scheme"), [([HERE], "https"), ([], "http")])
def test_the_scheme_is_the_proxys_word_too(
    serve: Serve, trusted: list[str], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # the HTTP library's own way is no way in
    served = serve(trusted_proxies=trusted)
    served.application = tell

    assert asked(served.wire(), "X-Forwarded-Proto: https") == f"{HERE} {scheme}"


def test_a_socket_of_both_families_knows_an_ipv4_proxy() -> None:
    try:
        server = HttpServer(tell, host="::", port=0, trusted_proxies=["127.0.0.0/8"])
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server, socket.create_connection((HERE, server.port), timeout=20) as wire:
        assert asked(wire, f"X-Forwarded-For: {CLIENT}") == f"{CLIENT} http"
