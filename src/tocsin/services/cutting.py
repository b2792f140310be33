"""The cutting room: an execution's audience becomes parcels, shard by shard."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import shards_below
from tocsin.audience.sample import quotas, sample
from tocsin.domain.account import Scope
from tocsin.domain.criteria import Expression
from tocsin.domain.errors import Conflict
from tocsin.domain.execution import Execution, is_spread, schedule_of
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import cut
from tocsin.domain.schedule import Wave, waves
from tocsin.domain.targeting import read_targeting
from tocsin.services.resolving import TIME_ZONE, Judging, Naming, Shard, resolve, shard


class Accounts(Protocol):
    """What cutting needs of accounts."""

    def next_ordinal(self, root_id: int) -> int: ...


class Executions(Protocol):
    """What cutting needs of executions."""

    def any_uncut(self) -> bool: ...
    def take_uncut(self) -> Execution | None: ...
    def keep_quotas(self, execution_id: int, quotas: Sequence[int]) -> None: ...
    def mark_cut(self, execution_id: int, *, next_shard: int, complete: bool) -> None: ...
    def call_off(self, execution_id: int, *, reason: str, now_ms: int) -> None: ...


class Parcels(Protocol):
    """What cutting needs of parcels."""

    def add(
        self,
        execution_id: int,
        *,
        root_id: int,
        due_ms: int,
        expires_ms: int,
        recipients: Sequence[Sequence[int]],
        outcome: Outcome = Outcome.PENDING,
    ) -> None: ...


class Unit(Naming, Judging, Protocol):
    """One transaction."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def parcels(self) -> Parcels: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """One shard of an execution, cut."""

    execution_id: int
    shard: int
    recipients: int


class Cutting:
    """Any number of cutters may run: one at a time works on an execution."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def is_needed(self) -> bool:
        """Return whether an execution is not cut yet, by this cutter or another."""
        with self._store.read() as unit:
            return unit.executions.any_uncut()

    def cut(self, *, now_ms: int) -> Piece | None:
        """Cut the next shard of the oldest execution that is not cut yet; None: there is none.

        The shard's parcels, the sample's quotas and the bookmark are one transaction: after a
        kill the shard is either cut or not, never half and never twice. An order that cannot be
        read is called off, with the reason, and holds up no other.
        """
        with self._store.write() as unit:
            execution = unit.executions.take_uncut()
            if execution is None:
                return None
            try:
                meant = _meant(unit, execution, now_ms)
            except Conflict as error:
                unit.executions.call_off(execution.id, reason=str(error), now_ms=now_ms)
                return Piece(execution.id, execution.next_shard, 0)
            recipients = _cut_shard(unit, execution, meant)
        return Piece(execution.id, execution.next_shard, recipients)


def _meant(unit: Unit, execution: Execution, now_ms: int) -> Expression:
    """Return whom the execution means. Raises Conflict when that cannot be read."""
    targeting, faults = read_targeting(execution.order.targeting)
    if faults:
        raise Conflict(f"its targeting cannot be read: {faults[0].field} {faults[0].message}")
    scope = Scope(root_id=execution.root_id, account_id=execution.account_id)
    return resolve(unit, scope, targeting, now_ms=now_ms)


def _cut_shard(unit: Unit, execution: Execution, meant: Expression) -> int:
    """Cut the next shard and move the bookmark; return how many recipients it has."""
    number, root_id = execution.next_shard, execution.root_id
    shards = shards_below(unit.accounts.next_ordinal(root_id))
    drawn = execution.quotas
    if execution.order.total_user and drawn is None:
        drawn = _draw_quotas(unit, execution, meant, shards)
    if drawn is not None:
        shards = len(drawn)  # whoever came later had no part in the draw
    found = BitMap()
    if number < shards:
        at = shard(unit, root_id, number)
        found = at.judge(meant)[-1]
        if drawn is not None:
            found = sample(found, drawn[number], seed=execution.id, shard=number)
        for wave, recipients in _by_wave(at, found, execution):
            _add(unit, execution, wave, recipients)
    unit.executions.mark_cut(execution.id, next_shard=number + 1, complete=number + 1 >= shards)
    return len(found)


def _draw_quotas(
    unit: Unit, execution: Execution, meant: Expression, shards: int
) -> tuple[int, ...]:
    """Return how many of each shard the capped sample takes, and keep it for the later ones."""
    root_id, cap = execution.root_id, execution.order.total_user or 0
    counts = [len(shard(unit, root_id, number).judge(meant)[-1]) for number in range(shards)]
    drawn = quotas(counts, cap, seed=execution.id)
    unit.executions.keep_quotas(execution.id, drawn)
    return drawn


def _by_wave(
    at: Shard, found: BitMap, execution: Execution
) -> Iterator[tuple[Wave | None, BitMap]]:
    """Yield the recipients of each wave, the first due first; None is the wave of the suppressed.

    User time zones and quiet time are nothing but due instants: without them all are due at once.
    """
    order = execution.order
    if not is_spread(order):
        yield Wave(0, execution.due_ms), found
        return
    parts = at.divide(found, TIME_ZONE)
    wave_of = waves(
        schedule_of(order),
        parts,
        slot_ms=execution.due_ms,
        next_slot_ms=order.next_slot_ms,
        active_ms=order.active_ms,
    )
    merged: dict[Wave | None, BitMap] = {}
    for time_zone, part in parts.items():
        merged.setdefault(wave_of[time_zone], BitMap()).update(part)
    for wave in sorted(merged, key=lambda wave: (wave is None, wave and wave.at_ms)):
        yield wave, merged[wave]


def _add(unit: Unit, execution: Execution, wave: Wave | None, recipients: BitMap) -> None:
    """Make the parcels of one wave; the suppressed are accounted for, and never due."""
    due_ms = execution.due_ms if wave is None else wave.at_ms
    unit.parcels.add(
        execution.id,
        root_id=execution.root_id,
        due_ms=due_ms,
        expires_ms=due_ms + execution.order.ttl_s * 1000,
        recipients=list(cut(recipients.to_array())),
        outcome=Outcome.SUPERSEDED if wave is None else Outcome.PENDING,
    )
