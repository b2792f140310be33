"""How the tests drive a PushHttp."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tocsin.transport.push_http import Push, Pushed, PushHttp

PATIENCE_S = 20


@contextmanager
def sending(
    permit_address: Callable[[str, str, int], bool] = lambda *_: True,
    ca_file: str | None = None,
    **limits: Any,
) -> Iterator[PushHttp]:
    http = PushHttp(permit_address=permit_address, ca_file=ca_file, **limits)
    try:
        yield http
    finally:
        http.close()


def collect(http: PushHttp, enough: Callable[[list[Pushed]], bool] | None = None) -> list[Pushed]:
    """Return everything that finishes until *enough*, or until nothing is in flight."""
    results: list[Pushed] = []
    deadline = time.monotonic() + PATIENCE_S
    while http.in_flight and not (enough and enough(results)):
        results += http.wait(1000)
        assert time.monotonic() < deadline, results
    return results


def push_all(http: PushHttp, urls: Iterable[str], body: bytes = b"body") -> list[Pushed]:
    for number, url in enumerate(urls):
        http.submit(Push(url, ("TTL: 60",), body, number))
    return collect(http)


def push_one(http: PushHttp, url: str, body: bytes = b"body") -> Pushed:
    [result] = push_all(http, [url], body)
    return result
