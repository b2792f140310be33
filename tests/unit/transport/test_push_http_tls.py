import pytest
from driving import collect, push_all, push_one, sending
from http_peers import answers, answers_h2, listening, never_greets, refuses_h2, stays_silent

from certificates import DAY, Authority
from tocsin.transport.push_http import Push, Pushed, PushFailure

REFUSED_STREAM, INTERNAL_ERROR = 7, 2


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_verified_server_gets_the_push(authority: Authority, host: str) -> None:
    with (
        listening(answers(), authority.context()) as peer,
        sending(ca_file=authority.ca_file) as http,
    ):
        assert push_one(http, peer.url(host)) == Pushed(0, 201, None, "", None)


@pytest.mark.parametrize(
    "flaw",
    [
        pytest.param({"self_signed": True}, id="self-signed"),
        pytest.param({"name": "other.example"}, id="wrong name"),
        pytest.param({"life": DAY / 2}, id="expired"),
    ],
)
def test_a_server_that_is_not_verified_gets_nothing(authority: Authority, flaw: dict) -> None:
    with (
        listening(answers(), authority.context(**flaw)) as peer,
        sending(ca_file=authority.ca_file) as http,
    ):
        result = push_one(http, peer.url("localhost"))

    assert result == Pushed(0, 0, None, "", PushFailure.TLS)
    assert peer.connections == 1
    assert peer.requests == []


def test_an_unknown_root_gets_nothing(authority: Authority) -> None:
    with listening(answers(), authority.context()) as peer, sending() as http:
        assert push_one(http, peer.url("localhost")).failure is PushFailure.TLS
    assert peer.requests == []


def test_plain_text_where_tls_was_meant_is_a_tls_failure(authority: Authority) -> None:
    with listening(answers()) as peer, sending(ca_file=authority.ca_file) as http:
        url = peer.url("localhost").replace("http:", "https:")
        # The peer reads a ClientHello as a request head that never ends: it has to hang up.
        http.submit(Push(url, (), b"", None))
        while not peer.connections:
            http.wait(10)
        peer.stop()
        [result] = collect(http)

    assert result.failure is PushFailure.TLS


def test_silence_before_the_request_is_unreachable(authority: Authority) -> None:
    with (
        listening(never_greets) as peer,
        sending(ca_file=authority.ca_file, connect_timeout_ms=200) as http,
    ):
        url = peer.url("localhost").replace("http:", "https:")
        assert push_one(http, url).failure is PushFailure.UNREACHABLE


def test_http1_over_tls_is_reused_and_widened(authority: Authority) -> None:
    with (
        listening(answers(), authority.context()) as peer,
        sending(ca_file=authority.ca_file, max_per_host=5) as http,
    ):
        results = push_all(http, [peer.url("localhost")] * 100)

    assert {result.status for result in results} == {201}
    assert not any(result.multiplexed for result in results)
    assert 2 <= peer.connections <= 5


def test_who_waits_for_a_silent_first_connection_was_not_sent(authority: Authority) -> None:
    with (
        listening(stays_silent, authority.context()) as peer,
        sending(ca_file=authority.ca_file, connect_timeout_ms=300, timeout_ms=600) as http,
    ):
        results = push_all(http, [peer.url("localhost")] * 5)

    sent = [result for result in results if result.failure is PushFailure.AMBIGUOUS]
    unsent = [result for result in results if result.failure is PushFailure.UNREACHABLE]
    assert len(sent) == len(peer.requests)
    assert len(sent) + len(unsent) == 5


def test_http2_carries_a_hundred_pushes_at_once_on_one_connection(authority: Authority) -> None:
    with (
        listening(answers_h2(100), authority.context(alpn="h2")) as peer,
        sending(ca_file=authority.ca_file) as http,
    ):
        for _ in range(3):
            results = push_all(http, [peer.url("localhost")] * 100)
            assert [result.status for result in results] == [201] * 100
            assert all(result.multiplexed for result in results)

    assert peer.requests == [b"body"] * 300
    assert peer.connections == 1


def test_more_than_a_connection_carries_opens_another(authority: Authority) -> None:
    with (
        listening(answers_h2(1000), authority.context(alpn="h2")) as peer,
        sending(ca_file=authority.ca_file) as http,
    ):
        for number in range(150):
            http.submit(Push(peer.url("localhost"), (), b"body", number))
        while len(peer.requests) < 150:
            assert http.wait(10) == []

    assert peer.connections == 2


@pytest.mark.parametrize(
    "error",
    [pytest.param(INTERNAL_ERROR, id="internal"), pytest.param(REFUSED_STREAM, id="refused")],
)
def test_a_stream_reset_after_its_request_is_ambiguous(authority: Authority, error: int) -> None:
    with (
        listening(refuses_h2(error), authority.context(alpn="h2")) as peer,
        sending(ca_file=authority.ca_file) as http,
    ):
        first = push_one(http, peer.url("localhost"), b"first")
        second = push_one(http, peer.url("localhost"), b"second")

    assert first.status == 201
    assert second.failure is PushFailure.AMBIGUOUS
    assert (peer.requests.count(b"first"), peer.requests.count(b"second")) == (1, 1)
