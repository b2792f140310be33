"""Rate limits: every request of an account is counted once, whoever takes it."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tocsin.domain.rate_limit import Allowance, Rates, Refusal, Windows, take


class Requests(Protocol):
    """The store's side."""

    def windows(self, account_ids: Collection[int]) -> dict[int, Windows]: ...
    def save_windows(self, windows: Mapping[int, Windows]) -> None: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...


class Clock(Protocol):
    """Wall time of this process: the windows are those of its clock."""

    def now_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that wants to be taken."""

    account_id: int
    rates: Rates


class RateLimits:
    """Exact across processes: the account's row is locked while it is counted in."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def take(self, asks: Sequence[Ask]) -> list[Allowance | Refusal]:
        """Return for each what it comes to, in their order; one transaction counts them all.

        The clock is read once the rows are ours: who had to wait for them is not in the past.
        """
        results = []
        with self._store.write() as unit:
            before = unit.requests.windows({ask.account_id for ask in asks})
            now_ms = self._clock.now_ms()
            after = dict(before)
            for ask in asks:
                windows, result = take(after[ask.account_id], ask.rates, now_ms=now_ms)
                after[ask.account_id] = windows
                results.append(result)
            changed = {at: windows for at, windows in after.items() if windows != before[at]}
            unit.requests.save_windows(changed)
        return results
