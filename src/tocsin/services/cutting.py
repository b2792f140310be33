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
from tocsin.domain.execution import Bookmark, Execution, is_spread, schedule_of
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Made, cut
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
    def take_uncut(self, *, limit: int) -> Sequence[Execution]: ...
    def move_bookmarks(self, moved: Sequence[Bookmark]) -> None: ...
    def call_off(self, execution_id: int, *, reason: str, now_ms: int) -> None: ...


class Parcels(Protocol):
    """What cutting needs of parcels."""

    def add(self, made: Sequence[Made]) -> None: ...


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

    def cut(self, *, now_ms: int, at_once: int = AT_ONCE) -> Sequence[Piece]:
        """Cut the next shards of the oldest executions that are not cut yet; none: there are none.

        One transaction for one shard each of up to *at_once* executions, fewer where they are
        large: many small ones that fall due together cost little more than one. The shards'
        parcels, the samples' quotas and the bookmarks stand in it: after a kill a shard is either
        cut or not, never half and never twice. An order that cannot be read is called off, with
        the reason, and holds up no other.
        """
        pieces: list[Piece] = []
        made: list[Made] = []
        bookmarks: list[Bookmark] = []
        with self._store.write() as unit:
            audiences = _Audiences(unit)
            for execution in unit.executions.take_uncut(limit=at_once):
                try:
                    meant = _meant(unit, execution, now_ms)
                except Conflict as error:
                    unit.executions.call_off(execution.id, reason=str(error), now_ms=now_ms)
                    pieces.append(Piece(execution.id, execution.next_shard, 0))
                    continue
                parcels, bookmark = _cut_shard(audiences, execution, meant)
                made += parcels
                bookmarks.append(bookmark)
                recipients = sum(len(parcel.ordinals) for parcel in parcels)
                pieces.append(Piece(execution.id, execution.next_shard, recipients))
                if sum(piece.recipients for piece in pieces) >= ENOUGH:
                    break
            unit.parcels.add(made)
            # An execution is written to once in a transaction: at a second time PostgreSQL looks
            # for its task again, whose lock somebody may hold who waits for the execution.
            unit.executions.move_bookmarks(bookmarks)
        return pieces


class _Audiences:
    """The shards of tenants, as of one transaction: those of one tenant are read once."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._counts: dict[int, int] = {}
        self._shards: dict[tuple[int, int], Shard] = {}

    def count(self, root_id: int) -> int:
        """Return how many shards a tenant has."""
        if root_id not in self._counts:
            self._counts[root_id] = shards_below(self._unit.accounts.next_ordinal(root_id))
        return self._counts[root_id]

    def shard(self, root_id: int, number: int) -> Shard:
        """Return one of them."""
        at = root_id, number
        if at not in self._shards:
            self._shards[at] = shard(self._unit, root_id, number)
        return self._shards[at]


def _meant(unit: Unit, execution: Execution, now_ms: int) -> Expression:
    """Return whom the execution means. Raises Conflict when that cannot be read."""
    targeting, faults = read_targeting(execution.order.targeting)
    if faults:
        raise Conflict(f"its targeting cannot be read: {faults[0].field} {faults[0].message}")
    scope = Scope(root_id=execution.root_id, account_id=execution.account_id)
    return resolve(unit, scope, targeting, now_ms=now_ms)


def _cut_shard(
    audiences: _Audiences, execution: Execution, meant: Expression
) -> tuple[list[Made], Bookmark]:
    """Return the parcels of the next shard, and the bookmark after it."""
    number, root_id = execution.next_shard, execution.root_id
    shards = audiences.count(root_id)
    drawn = execution.quotas
    if execution.order.total_user and drawn is None:
        drawn = _draw_quotas(audiences, execution, meant, shards)
    if drawn is not None:
        shards = len(drawn)  # whoever came later had no part in the draw
    made: list[Made] = []
    if number < shards:
        at = audiences.shard(root_id, number)
        found = at.judge(meant)[-1]
        if drawn is not None:
            found = sample(found, drawn[number], seed=execution.id, shard=number)
        made = [parcel for part in parts(at, found, execution) for parcel in part.cut(execution)]
    return made, Bookmark(
        execution_id=execution.id,
        next_shard=number + 1,
        complete=number + 1 >= shards,
        quotas=drawn,
        rules=RULES if is_spread(execution.order) else None,
    )


def _draw_quotas(
    audiences: _Audiences, execution: Execution, meant: Expression, shards: int
) -> tuple[int, ...]:
    """Return how many of each shard the capped sample takes."""
    root_id, cap = execution.root_id, execution.order.total_user or 0
    found = (audiences.shard(root_id, number).judge(meant)[-1] for number in range(shards))
    return quotas([len(one) for one in found], cap, seed=execution.id)


@dataclass(frozen=True, slots=True)
class Part:
    """Recipients with the same instants. wave: None for the suppressed, who are not sent."""

    wave: Wave | None
    overtaken_ms: int | None
    recipients: BitMap

    @property
    def place(self) -> tuple[bool, int, int]:
        """Return what parts are put in order by: the first due first, the suppressed last."""
        at_ms = 0 if self.wave is None else self.wave.at_ms
        return self.wave is None, at_ms, self.overtaken_ms or 0

    def cut(self, execution: Execution) -> Iterator[Made]:
        """Yield its parcels; the suppressed are accounted for, and never due."""
        due_ms = execution.due_ms if self.wave is None else self.wave.at_ms
        for ordinals in cut(self.recipients.to_array()):
            yield Made(
                execution_id=execution.id,
                root_id=execution.root_id,
                due_ms=due_ms,
                expires_ms=due_ms + execution.order.ttl_s * 1000,
                overtaken_ms=self.overtaken_ms,
                ordinals=ordinals,
                outcome=Outcome.SUPERSEDED if self.wave is None else Outcome.PENDING,
            )


def parts(at: Shard, found: BitMap, execution: Execution) -> list[Part]:
    """Return the recipients by their instants, the first due first.

    User time zones and quiet time are nothing but due instants: without them all are due at once.
    """
    order = execution.order
    if not is_spread(order):
        return [Part(Wave(0, execution.due_ms), None, found)]
    schedule, by_zone = schedule_of(order), at.divide(found, TIME_ZONE)
    next_ms, active_ms = order.next_slot_ms, order.active_ms
    wave_of = waves(
        schedule, by_zone, slot_ms=execution.due_ms, next_slot_ms=next_ms, active_ms=active_ms
    )
    merged: dict[tuple[Wave | None, int | None], BitMap] = {}
    for zone, recipients in by_zone.items():
        overtaken = overtaken_ms(schedule, zone, next_slot_ms=next_ms, active_ms=active_ms)
        merged.setdefault((wave_of[zone], overtaken), BitMap()).update(recipients)
    found_parts = [Part(*instants, recipients) for instants, recipients in merged.items()]
    return sorted(found_parts, key=lambda part: part.place)
