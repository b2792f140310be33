"""The sender's view of the transport: endpoints and answers instead of URLs and statuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar, cast

from tocsin.transport.push_http import PushHttp
from tocsin.transport.pushes import Push, Pushed
from tocsin.webpush.answer import Answer, Failure
from tocsin.webpush.endpoint import Endpoint, PushHosts

Tag = TypeVar("Tag")


class PushClient(Generic[Tag]):
    """Pushes to endpoints whose addresses are checked when the connection is made."""

    def __init__(self, hosts: PushHosts, *, ca_file: Path | None) -> None:
        self._http = PushHttp(
            permit_address=hosts.may_connect, ca_file=None if ca_file is None else str(ca_file)
        )

    @property
    def in_flight(self) -> int:
        """Return how many pushes have no answer yet."""
        return self._http.in_flight

    def submit(self, endpoint: Endpoint, headers: tuple[str, ...], body: bytes, tag: Tag) -> None:
        """Send one push; *tag* comes back with its answer."""
        self._http.submit(Push(endpoint.url, headers, body, tag))

    def wait(self, timeout_ms: int) -> Iterator[tuple[Tag, Answer]]:
        """Yield what was answered, after at most *timeout_ms*."""
        for pushed in self._http.wait(timeout_ms):
            yield cast("Tag", pushed.tag), _answer(pushed)

    def close(self) -> None:
        """Abort what is on the wire."""
        self._http.close()


def _answer(pushed: Pushed) -> Answer:
    failure = None if pushed.failure is None else Failure(pushed.failure.value)
    # A failure says nothing of its connection: it narrows no window by that.
    is_wide = pushed.multiplexed or failure is not None
    return Answer(pushed.status, pushed.retry_after, failure, pushed.reason, is_wide)
