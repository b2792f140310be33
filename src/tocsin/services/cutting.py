"""The cutting room: an execution's audience becomes parcels, shard by shard."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import shards_below
from tocsin.audience.sample import quotas, sample
from tocsin.domain.account import Scope
from tocsin.domain.criteria import Expression
from tocsin.domain.errors import Conflict
from tocsin.domain.execution import Execution, is_spread, schedule_of
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import cut
from tocsin.domain.schedule import RULES, Wave, overtaken_ms, waves
from tocsin.domain.targeting import read_targeting
from tocsin.services.resolving import TIME_ZONE, Judging, Naming, Shard, resolve, shard

AT_ONCE: Final = 50
ENOUGH: Final = 10_000
"""Recipients after which a transaction cuts nothing more."""


class Accounts(Protocol):
    """What cutting needs of accounts."""

    def next_ordinal(self, root_id: int) -> int: ...


class Executions(Protocol):
    """What cutting needs of executions."""

    def any_uncut(self) -> bool: ...
    def take_uncut(self) -> Execution | None: ...
    def mark_cut(
        self,
        execution_id: int,
        *,
        next_shard: int,
        complete: bool,
        quotas: Sequence[int] | None,
        rules: str | None,
    ) -> None: ...
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
        overtaken_ms: int | None,
        recipients: Sequence[Sequence[int]],
        outcome: Outcome = Outcome.PENDING,
    ) -> None: ...


class Making(Protocol):
    """A transaction in which parcels can be made."""

    @property
    def parcels(self) -> Parcels: ...


class Unit(Naming, Judging, Making, Protocol):
    """One transaction."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def executions(self) -> Executions: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """One shard of an execution, cut. is_last: there is none after it."""

    execution_id: int
    shard: int
    recipients: int
    is_last: bool


class Cutting:
    """Any number of cutters may run: one at a time works on an execution."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def is_needed(self) -> bool:
        """Return whether an execution is not cut yet, by this cutter or another."""
        with self._store.read() as unit:
            return unit.executions.any_uncut()

    def cut(self, *, now_ms: int, at_once: int = AT_ONCE) -> Sequence[Piece]:
        """Cut the next shards of the oldest executions that are not cut yet; none: there are none.

        One transaction for up to *at_once* of them, fewer where they are large: many small
        executions that fall due together cost little more than one. The shards' parcels, the
        sample's quotas and the bookmarks stand in it: after a kill a shard is either cut or not,
        never half and never twice.
        """
        pieces: list[Piece] = []
        with self._store.write() as unit:
            while len(pieces) < at_once and sum(piece.recipients for piece in pieces) < ENOUGH:
                piece = _cut_next(unit, now_ms)
                if piece is None:
                    break
                pieces.append(piece)
                # No execution is written to twice in a transaction: PostgreSQL then looks for its
                # task again, whose lock somebody may hold who waits for the execution.
                if not piece.is_last:
                    break
        return pieces


def _cut_next(unit: Unit, now_ms: int) -> Piece | None:
    """Cut one shard; an order that cannot be read is called off, and holds up no other."""
    execution = unit.executions.take_uncut()
    if execution is None:
        return None
    try:
        meant = _meant(unit, execution, now_ms)
    except Conflict as error:
        unit.executions.call_off(execution.id, reason=str(error), now_ms=now_ms)
        return Piece(execution.id, execution.next_shard, 0, is_last=True)
    return _cut_shard(unit, execution, meant)


def _meant(unit: Unit, execution: Execution, now_ms: int) -> Expression:
    """Return whom the execution means. Raises Conflict when that cannot be read."""
    targeting, faults = read_targeting(execution.order.targeting)
    if faults:
        raise Conflict(f"its targeting cannot be read: {faults[0].field} {faults[0].message}")
    scope = Scope(root_id=execution.root_id, account_id=execution.account_id)
    return resolve(unit, scope, targeting, now_ms=now_ms)


def _cut_shard(unit: Unit, execution: Execution, meant: Expression) -> Piece:
    """Cut the next shard and move the bookmark."""
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
        for part, recipients in parts(at, found, execution):
            add_part(unit, execution, part, recipients)
    is_last = number + 1 >= shards
    unit.executions.mark_cut(
        execution.id,
        next_shard=number + 1,
        complete=is_last,
        quotas=drawn,
        rules=RULES if is_spread(execution.order) else None,
    )
    return Piece(execution.id, number, len(found), is_last)


def _draw_quotas(
    unit: Unit, execution: Execution, meant: Expression, shards: int
) -> tuple[int, ...]:
    """Return how many of each shard the capped sample takes."""
    root_id, cap = execution.root_id, execution.order.total_user or 0
    counts = [len(shard(unit, root_id, number).judge(meant)[-1]) for number in range(shards)]
    return quotas(counts, cap, seed=execution.id)


@dataclass(frozen=True, slots=True)
class Part:
    """Recipients with the same instants. wave: None for the suppressed, who are not sent."""

    wave: Wave | None
    overtaken_ms: int | None

    @property
    def place(self) -> tuple[bool, int, int]:
        """Return what parts are put in order by: the first due first, the suppressed last."""
        at_ms = 0 if self.wave is None else self.wave.at_ms
        return self.wave is None, at_ms, self.overtaken_ms or 0


def parts(at: Shard, found: BitMap, execution: Execution) -> Iterator[tuple[Part, BitMap]]:
    """Yield the recipients of each part, the first due first.

    User time zones and quiet time are nothing but due instants: without them all are due at once.
    """
    order = execution.order
    if not is_spread(order):
        yield Part(Wave(0, execution.due_ms), None), found
        return
    schedule, by_zone = schedule_of(order), at.divide(found, TIME_ZONE)
    next_ms, active_ms = order.next_slot_ms, order.active_ms
    wave_of = waves(
        schedule, by_zone, slot_ms=execution.due_ms, next_slot_ms=next_ms, active_ms=active_ms
    )
    merged: dict[Part, BitMap] = {}
    for zone, recipients in by_zone.items():
        overtaken = overtaken_ms(schedule, zone, next_slot_ms=next_ms, active_ms=active_ms)
        part = Part(wave_of[zone], overtaken)
        merged.setdefault(part, BitMap()).update(recipients)
    for part in sorted(merged, key=lambda part: part.place):
        yield part, merged[part]


def add_part(unit: Making, execution: Execution, part: Part, recipients: BitMap) -> None:
    """Make the parcels of one part; the suppressed are accounted for, and never due."""
    due_ms = execution.due_ms if part.wave is None else part.wave.at_ms
    unit.parcels.add(
        execution.id,
        root_id=execution.root_id,
        due_ms=due_ms,
        expires_ms=due_ms + execution.order.ttl_s * 1000,
        overtaken_ms=part.overtaken_ms,
        recipients=list(cut(recipients.to_array())),
        outcome=Outcome.SUPERSEDED if part.wave is None else Outcome.PENDING,
    )
