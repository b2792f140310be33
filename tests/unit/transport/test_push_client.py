"""The sender's client: the guard of addresses is the push hosts' own."""

import socket
from collections.abc import Iterator

import pytest

from tocsin.transport.push_client import PushClient
from tocsin.webpush.answer import Answer, Failure
from tocsin.webpush.endpoint import Endpoint, PushHosts


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A listener on this machine that must hear nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def push(hosts: PushHosts, port: int) -> tuple[object, Answer]:
    """Push to loopback as if a name that was allowed led there now."""
    client: PushClient[str] = PushClient(hosts, ca_file=None)
    origin = f"http://127.0.0.1:{port}"
    client.submit(Endpoint(f"{origin}/1", origin, "127.0.0.1"), ("TTL: 0",), b"x", "tag")
    try:
        while True:
            for answered in client.wait(1000):
                return answered
    finally:
        client.close()


def test_a_push_does_not_reach_this_machine_unasked(canary: socket.socket) -> None:
    tag, answer = push(PushHosts(), canary.getsockname()[1])

    assert (tag, answer.status, answer.failure) == ("tag", 0, Failure.REFUSED_ADDRESS)
    with pytest.raises(BlockingIOError):
        canary.accept()


def test_the_operator_may_ask_for_it(canary: socket.socket) -> None:
    port = canary.getsockname()[1]
    canary.close()  # nobody listens, and the refusal is the kernel's

    _, answer = push(PushHosts([f"127.0.0.1:{port}"]), port)

    assert answer.failure is Failure.UNREACHABLE
    assert answer.multiplexed, "what is not known narrows no window"
