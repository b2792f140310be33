"""Requests that may be sent again: each is done once, and its first answer kept for a day."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from tocsin.domain.errors import Conflict, TocsinError
from tocsin.domain.idempotency import KEPT_MS, Claim, Kept, Receipt

FORGOTTEN_AT_ONCE: Final = 1000


class Requests(Protocol):
    """The store's side."""

    def lay_claim(self, claim: Claim, *, now_ms: int, over_ms: int) -> Kept | None: ...
    def fulfil(self, claim: Claim, result: str) -> None: ...
    def release(self, claim: Claim) -> None: ...
    def kept(self, claim: Claim, *, over_ms: int) -> Kept | None: ...
    def any_over(self, *, over_ms: int) -> bool: ...
    def forget(self, *, over_ms: int, limit: int) -> int: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


def once(unit: Unit, claim: Claim | None, *, now_ms: int, act: Callable[[], str]) -> Receipt:
    """Do *act*, unless it was done under the same key before; return what it came to.

    unit: the transaction of the use case, with which the claim is committed or lost. A twin
    that comes meanwhile waits for its end. *act* raising leaves no claim, even when the
    transaction goes on for others. Raises Conflict when the key was another request's.
    """
    if claim is None:
        return Receipt(act())
    kept = unit.requests.lay_claim(claim, now_ms=now_ms, over_ms=now_ms - KEPT_MS)
    if kept is not None:
        if kept.request != claim.request:
            raise Conflict(
                f"the Idempotency-Key {claim.key!r} was sent with another request: "
                "a new request needs a new key"
            )
        return Receipt(kept.result, replayed=True)
    try:
        result = act()
    except TocsinError:
        unit.requests.release(claim)
        raise
    unit.requests.fulfil(claim, result)
    return Receipt(result)


class Replays:
    """The answers that are kept."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, claim: Claim, *, now_ms: int) -> Receipt | None:
        """Return what the same request came to before, None when it was not made."""
        with self._store.read() as unit:
            kept = unit.requests.kept(claim, over_ms=now_ms - KEPT_MS)
        if kept is None or kept.request != claim.request:
            return None
        return Receipt(kept.result, replayed=True)

    def forget(self, *, now_ms: int) -> int:
        """Throw away some answers that were kept long enough; return how many."""
        over_ms = now_ms - KEPT_MS
        with self._store.read() as unit:
            if not unit.requests.any_over(over_ms=over_ms):
                return 0
        with self._store.write() as unit:
            return unit.requests.forget(over_ms=over_ms, limit=FORGOTTEN_AT_ONCE)
