"""New rules of time zones: waves that are still to come are reckoned anew.

Countries change their clocks at short notice. Slots are readings of clocks and instants of GMT,
which no rule changes; what it changes is when a clock reads them, and that is kept in parcels.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import shard_of
from tocsin.domain.execution import Execution
from tocsin.domain.parcel import Made, Waiting
from tocsin.domain.schedule import RULES
from tocsin.services.cutting import parts
from tocsin.services.resolving import Judging


class Executions(Protocol):
    """What retiming needs of executions."""

    def any_outdated(self, rules: str) -> bool: ...
    def take_outdated(self, rules: str) -> tuple[Execution, str] | None: ...
    def mark_retimed(self, execution_id: int, *, rules: str) -> None: ...


class Parcels(Protocol):
    """What retiming needs of parcels."""

    def add(self, made: Sequence[Made]) -> None: ...
    def take_waiting(self, execution_id: int, *, now_ms: int) -> Sequence[Waiting]: ...


class Unit(Judging, Protocol):
    """One transaction."""

    @property
    def executions(self) -> Executions: ...
    @property
    def parcels(self) -> Parcels: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Retimed:
    """An execution whose waves were reckoned anew. before: by which rules they were before.

    moved: how many recipients have another instant now.
    """

    execution_id: int
    before: str
    moved: int


class Retiming:
    """Any number may run; of two programs with different rules the newer ones stay."""

    def __init__(self, store: Store, *, rules: str = RULES) -> None:
        self._store = store
        self._rules = rules

    def retime(self, *, now_ms: int) -> Retimed | None:
        """Reckon anew the waves to come of an execution of older rules; None: there is none.

        One transaction: a kill leaves the old waves or the new ones, and nobody is in both or in
        neither. Who was sent to or is being sent to keeps their place.
        """
        with self._store.read() as unit:
            if not unit.executions.any_outdated(self._rules):
                return None
        with self._store.write() as unit:
            found = unit.executions.take_outdated(self._rules)
            if found is None:
                return None
            execution, before = found
            waiting = unit.parcels.take_waiting(execution.id, now_ms=now_ms)
            moved = _cut_anew(unit, execution, waiting)
            unit.executions.mark_retimed(execution.id, rules=self._rules)
        return Retimed(execution.id, before, moved)


def _cut_anew(unit: Unit, execution: Execution, waiting: Sequence[Waiting]) -> int:
    """Make the parcels of *waiting* anew; return how many have another instant than before."""
    shards: dict[int, BitMap] = {}
    due: dict[int | None, BitMap] = {}
    for parcel in waiting:
        shards.setdefault(shard_of(parcel.ordinals[0]), BitMap()).update(parcel.ordinals)
        due.setdefault(parcel.due_ms, BitMap()).update(parcel.ordinals)
    moved = 0
    index = unit.audience.index(execution.root_id)
    for number, recipients in sorted(shards.items()):
        for part in parts(index.shard(number), recipients, execution):
            unit.parcels.add(list(part.cut(execution)))
            due_ms = None if part.wave is None else part.wave.at_ms
            moved += len(part.recipients - due.get(due_ms, BitMap()))
    return moved
