"""The regions that the subscribers of an account are in."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tocsin.audience.bitmaps import shards_below
from tocsin.domain.account import Scope
from tocsin.domain.criteria import Expression
from tocsin.services.resolving import REGIONS, Judging, bounds_of, shard


class Accounts(Protocol):
    """The store's side of accounts."""

    def next_ordinal(self, root_id: int) -> int: ...


class Unit(Judging, Protocol):
    """One transaction."""

    @property
    def accounts(self) -> Accounts: ...


class Store(Protocol):
    """Where transactions come from."""

    def read(self) -> AbstractContextManager[Unit]: ...


class RegionService:
    """Sees what its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def regions(self, scope: Scope) -> Sequence[str]:
        """Return the GeoNames ids of the regions that active subscribers are in, ascending."""
        everybody = Expression(bounds=bounds_of(scope))
        found: set[str] = set()
        with self._store.read() as unit:
            for number in range(shards_below(unit.accounts.next_ordinal(scope.root_id))):
                at = shard(unit, scope.root_id, number)
                found.update(at.divide(at.judge(everybody)[-1], REGIONS))
        return sorted(found - {""}, key=int)
