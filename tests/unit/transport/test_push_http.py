import os
import tracemalloc
from pathlib import Path

import pytest
from driving import collect, push_all, push_one, sending
from http_peers import (
    CREATED,
    answers,
    answers_then_hangs_up,
    floods,
    listening,
    resets,
    stays_silent,
)

from tocsin.transport.push_http import NullPushHttp, Push, Pushed, PushFailure

HEADERS = ("TTL: 60", "Topic: abc", "Authorization: vapid t=x, k=y", "Content-Encoding: aes128gcm")


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - Path.iterdir would hold one open


@pytest.mark.parametrize(
    "body", [b"\x00\xff\r\n\r\n" + bytes(range(256)) * 15, b"", b"x" * 100_000], ids=len
)
def test_the_request_is_exactly_what_was_given_and_nothing_more(body: bytes) -> None:
    with listening(answers()) as peer, sending() as http:
        http.submit(Push(peer.url(path="/a/../b?c=%64"), HEADERS, body, "tag"))
        results = collect(http)

    head = "\r\n".join(
        [
            "POST /a/../b?c=%64 HTTP/1.1",
            f"Host: 127.0.0.1:{peer.port}",
            *HEADERS,
            f"Content-Length: {len(body)}",
        ]
    )
    assert peer.requests == [head.encode() + b"\r\n\r\n" + body]
    assert results == [Pushed("tag", 201, None, "", None)]


def test_a_header_that_libcurl_would_add_is_sent_as_given() -> None:
    given = ("Accept: a/b", "Content-Type: c/d", "User-Agent: e")

    with listening(answers()) as peer, sending() as http:
        http.submit(Push(peer.url(), given, b"", None))
        collect(http)

    assert peer.requests[0].decode().split("\r\n")[2:5] == list(given)


def test_a_reused_handle_sends_the_headers_of_its_push() -> None:
    other = (*HEADERS[:-1], "TTL: 61")
    with listening(answers()) as peer, sending() as http:
        for headers in (HEADERS, HEADERS, other, HEADERS, ()):
            http.submit(Push(peer.url(), headers, b"", None))
            collect(http)

    sent = [tuple(one.decode().split("\r\n")[2:-3]) for one in peer.requests]
    assert sent == [HEADERS, HEADERS, other, HEADERS, ()]


def test_a_reused_handle_carries_nothing_over() -> None:
    full = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"
    bare = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"

    with listening(answers(full)) as one, listening(answers(bare)) as other, sending() as http:
        first = push_one(http, one.url(), b"long " * 100)
        second = push_one(http, other.url(), b"short")

    assert first == Pushed(0, 429, "7", "no", None)
    assert second == Pushed(0, 503, None, "", None)
    assert other.requests[0].endswith(b"\r\nContent-Length: 5\r\n\r\nshort")


def test_a_hundred_pushes_share_few_connections() -> None:
    with listening(answers()) as peer, sending(max_per_host=4) as http:
        results = push_all(http, [peer.url()] * 100)

    assert sorted(result.tag for result in results) == list(range(100))
    assert {result.status for result in results} == {201}
    assert 1 <= peer.connections <= 4


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with listening(answers()) as target, sending() as http:
        answer = f"HTTP/1.1 307 Over There\r\nLocation: {target.url()}\r\nContent-Length: 0\r\n\r\n"
        with listening(answers(answer.encode())) as peer:
            result = push_one(http, peer.url())

    assert (result.status, result.failure) == (307, None)
    assert target.connections == 0


@pytest.mark.parametrize(
    ("head", "retry_after"),
    [
        pytest.param("429 X\r\nRetry-After: 120", "120", id="seconds"),
        pytest.param(
            "503 X\r\nretry-after:Fri, 31 Dec 1999 23:59:59 GMT",
            "Fri, 31 Dec 1999 23:59:59 GMT",
            id="a date, as it came",
        ),
        pytest.param("503 X\r\nX-Retry-After: 1", None, id="another header"),
        pytest.param("503 X\r\nRetry-After:", None, id="empty"),
        pytest.param("503 X\r\nRetry-After: \x01" + "9" * 99, "9" * 63, id="clipped, printable"),
        pytest.param("201 X\r\nRetry-After: 5", None, id="of no meaning with a 2xx"),
        pytest.param(
            "103 Early\r\nLink: x\r\n\r\nHTTP/1.1 429 X\r\nRetry-After: 6", "6", id="after a 103"
        ),
    ],
)
def test_retry_after(head: str, retry_after: str | None) -> None:
    answer = f"HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")

    with listening(answers(answer)) as peer, sending() as http:
        assert push_one(http, peer.url()).retry_after == retry_after


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b'{"errno": 103}', '{"errno": 103}', id="short"),
        pytest.param(b"a\r\nb\x00c\x1b[31m", "abc[31m", id="printable only"),
        pytest.param("ж".encode() * 300, "ж" * 200, id="200 characters"),
        pytest.param(b"x\xff\xfey", "xy", id="no UTF-8"),
        pytest.param(b"z" * 5000, "z" * 200, id="longer than 4 KiB"),
    ],
)
def test_the_reason_is_the_start_of_the_body(body: bytes, reason: str) -> None:
    answer = b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    with listening(answers(answer)) as peer, sending() as http:
        assert push_one(http, peer.url()) == Pushed(0, 400, None, reason, None)


def test_an_answer_of_ten_megabytes_is_cut_and_still_an_answer() -> None:
    with listening(floods) as peer, sending() as http:
        tracemalloc.start()
        result = push_one(http, peer.url())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert (result.status, result.failure) == (201, None)
    assert result.reason == "flood " * 33 + "fl"
    assert peak < 1_000_000
    assert b"all of it went out" not in peer.requests


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 410 Gone\r\nContent-Length: 9\r\n\r\ncut", id="410, body cut"),
        pytest.param(b"HTTP/1.1 410 Gone\r\nTransfer-Encoding: chunked\r\n\r\nzz", id="garbage"),
    ],
)
def test_a_status_stands_whatever_happens_to_its_body(answer: bytes) -> None:
    with listening(answers(answer)) as peer, sending(timeout_ms=200) as http:
        assert push_one(http, peer.url()).status == 410


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 429 Slow\r\nRetry-Af", id="half a head"),
        pytest.param(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 201 Created\r\nX: y\r\n", id="after 103"),
        pytest.param(b"HTTP/1.1 103 Early\r\n\r\n", id="103 alone"),
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
    ],
)
def test_half_an_answer_is_ambiguous(answer: bytes) -> None:
    with listening(answers(answer)) as peer, sending(timeout_ms=200) as http:
        assert push_one(http, peer.url()) == Pushed(0, 0, None, "", PushFailure.AMBIGUOUS)


def test_a_refused_address_is_never_connected_to() -> None:
    asked = []

    def nobody(host: str, address: str, port: int) -> bool:
        asked.append((host, address, port))
        return False

    with listening(answers()) as canary, sending(nobody) as http:
        names = ["127.0.0.1", "localhost", "127.1", "2130706433", "0177.0.0.1", "[::1]"]
        results = push_all(http, [canary.url(name) for name in names])

    assert {result.failure for result in results} == {PushFailure.REFUSED_ADDRESS}
    assert canary.connections == 0
    assert ("localhost", "127.0.0.1", canary.port) in asked
    assert {address for _, address, _ in asked} == {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1:{}/", "file:///etc/hosts#{}", "http://a:b@127.0.0.1:{}/", "http://a b:{}/"],
)
def test_what_is_no_push_url_is_refused(url: str) -> None:
    with listening(answers()) as canary, sending() as http:
        assert push_one(http, url.format(canary.port)).failure is PushFailure.REFUSED_ADDRESS
        assert canary.connections == 0


def test_a_guard_that_breaks_lets_nothing_out_and_is_heard() -> None:
    def broken(*_: object) -> bool:
        raise KeyError("guard")

    with listening(answers()) as canary, sending(broken) as http:
        http.submit(Push(canary.url(), (), b"", None))
        with pytest.raises(KeyError, match="guard"):
            collect(http)

        assert canary.connections == 0


def test_one_refused_address_among_others_leaves_the_others() -> None:
    def only_ipv4(_host: str, address: str, _port: int) -> bool:
        return ":" not in address

    with listening(answers()) as peer, sending(only_ipv4) as http:
        assert push_one(http, peer.url("localhost")).status == 201

    with sending(only_ipv4) as http:  # nobody listens there any more
        assert push_one(http, peer.url("localhost")).failure is PushFailure.UNREACHABLE


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(answers()) as canary, listening(answers()) as peer, sending() as http:
        for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, canary.url(path=""))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)

        assert push_one(http, peer.url()).status == 201
        assert canary.connections == 0


def test_a_netrc_file_gives_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login alice password wonder")
    monkeypatch.setenv("HOME", str(tmp_path))

    with listening(answers()) as peer, sending() as http:
        push_one(http, peer.url())

    assert b"Authorization" not in peer.requests[0]


def test_a_cookie_is_not_kept() -> None:
    answer = CREATED.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n")

    with listening(answers(answer)) as peer, sending() as http:
        push_one(http, peer.url())
        push_one(http, peer.url())

    assert peer.requests[0] == peer.requests[1]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:{closed}/", id="connection refused"),
        pytest.param("http://no-such-host.invalid/", id="no such name"),
    ],
)
def test_what_was_never_sent_is_unreachable(url: str) -> None:
    with listening(answers()) as peer:
        closed = peer.port
    with sending() as http:
        result = push_one(http, url.format(closed=closed))

    assert result == Pushed(0, 0, None, "", PushFailure.UNREACHABLE)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(resets, id="reset after the body"),
        pytest.param(answers_then_hangs_up(0), id="end of file after the body"),
        pytest.param(stays_silent, id="silence until timeout_ms"),
    ],
)
def test_what_may_have_been_taken_is_ambiguous(behaviour) -> None:  # noqa: ANN001 - a Behaviour
    with listening(behaviour) as peer, sending(timeout_ms=200) as http:
        result = push_one(http, peer.url())

        assert result == Pushed(0, 0, None, "", PushFailure.AMBIGUOUS)
        assert len(peer.requests) == 1


def test_a_push_is_not_repeated_when_its_reused_connection_dies() -> None:
    with listening(answers_then_hangs_up(1)) as peer, sending() as http:
        first = push_one(http, peer.url(), b"first")
        second = push_one(http, peer.url(), b"second")

    assert first.status == 201
    assert second.failure is PushFailure.AMBIGUOUS
    assert [request[-6:] for request in peer.requests] == [b"\nfirst", b"second"]


def test_a_push_that_never_got_a_connection_is_unreachable() -> None:
    with listening(stays_silent) as peer, sending(max_per_host=1, timeout_ms=300) as http:
        results = push_all(http, [peer.url()] * 3)

    assert len(peer.requests) == 1
    assert sorted(result.failure.value for result in results if result.failure) == [
        "ambiguous",
        "unreachable",
        "unreachable",
    ]


def test_a_slow_server_holds_up_nobody_else() -> None:
    with listening(stays_silent) as slow, listening(answers()) as quick, sending() as http:
        for number in range(40):
            http.submit(Push((slow if number % 2 else quick).url(), (), b"", number))
        results = collect(http, enough=lambda so_far: len(so_far) == 20)

        assert http.in_flight == 20
        assert sorted(result.tag for result in results) == list(range(0, 40, 2))


def test_closing_with_requests_on_the_wire_leaves_no_descriptor() -> None:
    before = descriptors()

    with listening(stays_silent) as peer, sending() as http:
        for _ in range(20):
            http.submit(Push(peer.url(), (), b"", None))
        while len(peer.requests) < 20:
            http.wait(10)
        http.close()
        assert http.in_flight == 0

    assert descriptors() == before


def test_a_thousand_pushes_leave_no_descriptor() -> None:
    before = descriptors()

    with listening(answers()) as peer, sending() as http:
        assert len(push_all(http, [peer.url()] * 1000)) == 1000

    assert descriptors() == before


def test_what_is_not_ascii_is_not_taken_and_breaks_nothing() -> None:
    with listening(answers()) as peer, sending() as http:
        with pytest.raises(ValueError, match="ascii"):
            http.submit(Push("http://ex\u00e4mple/", (), b"", None))

        assert http.in_flight == 0
        assert push_one(http, peer.url()).status == 201


def test_waiting_for_nothing_returns_nothing() -> None:
    with sending() as http:
        assert http.wait(0) == []


def test_the_null_twin_accepts_everything_at_once() -> None:
    twin = NullPushHttp()
    twin.submit(Push("https://example.com/", (), b"", "tag"))

    assert twin.in_flight == 1
    assert twin.wait(0) == [Pushed("tag", 201, None, "", None, multiplexed=True)]
    assert twin.in_flight == 0
