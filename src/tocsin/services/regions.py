"""The regions that the subscribers of an account are in."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tocsin.audience.shard import NONE
from tocsin.domain.account import Scope
from tocsin.domain.criteria import Expression
from tocsin.services.resolving import REGIONS, Judging, bounds_of, shards


class Store(Protocol):
    """Where transactions come from."""

    def read(self) -> AbstractContextManager[Judging]: ...


class RegionService:
    """Sees what its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def regions(self, scope: Scope) -> Sequence[str]:
        """Return the GeoNames ids of the regions that active subscribers are in, ascending."""
        everybody = Expression(bounds=bounds_of(scope))
        found: set[str] = set()
        with self._store.read() as unit:
            for shard in shards(unit, scope.root_id):
                found.update(shard.counts(shard.judge(everybody)[-1], REGIONS))
        return sorted(found - {NONE}, key=int)
