"""The cutting room: an execution's audience becomes parcels, shard by shard."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import DamagedIndex, first_of, shard_of
from tocsin.audience.sample import quotas, sample
from tocsin.audience.shard import Shard
from tocsin.domain.account import Scope
from tocsin.domain.criteria import Expression
from tocsin.domain.errors import Conflict
from tocsin.domain.execution import Bookmark, Execution, is_spread, schedule_of
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Made, cut
from tocsin.domain.schedule import RULES, Wave, overtaken_ms, waves
from tocsin.domain.targeting import read_targeting
from tocsin.services.resolving import TIME_ZONE, Index, Judging, Naming, resolve

AT_ONCE: Final = 50
ENOUGH: Final = 10_000
"""Recipients after which a transaction cuts nothing more."""

MOST: Final = 50_000
"""Recipients that are cut of a shard in one go: the first are sent to while the next are cut."""


class Executions(Protocol):
    """What cutting needs of executions."""

    def any_uncut(self) -> bool: ...
    def uncut(self, *, limit: int) -> Sequence[Execution]: ...
    def take_uncut(self, execution_ids: Sequence[int]) -> Mapping[int, int]: ...
    def move_bookmarks(self, moved: Sequence[Bookmark]) -> None: ...
    def call_off(self, execution_id: int, *, reason: str, now_ms: int) -> None: ...


class Parcels(Protocol):
    """What cutting needs of parcels."""

    def add(self, made: Sequence[Made]) -> None: ...


class Unit(Naming, Judging, Protocol):
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
class Piece:
    """Some neighbouring ordinals of one shard of an execution, cut."""

    execution_id: int
    shard: int
    recipients: int


@dataclass(frozen=True, slots=True)
class _Planned:
    """What is to become of the next piece of an execution, as it was found.

    bookmark: None for an order that cannot be read, and reason says why.
    """

    execution: Execution
    parcels: Sequence[Made] = ()
    bookmark: Bookmark | None = None
    reason: str = ""

    @property
    def piece(self) -> Piece:
        """Return it as it is told."""
        recipients = sum(len(parcel.ordinals) for parcel in self.parcels)
        return Piece(self.execution.id, shard_of(self.execution.next_ordinal), recipients)


class Cutting:
    """Any number of cutters may run: of two at one execution the first to write has cut it."""

    def __init__(self, store: Store, *, most: int = MOST) -> None:
        self._store = store
        self._most = most

    def is_needed(self) -> bool:
        """Return whether an execution is not cut yet, by this cutter or another."""
        with self._store.read() as unit:
            return unit.executions.any_uncut()

    def cut(self, *, now_ms: int, at_once: int = AT_ONCE) -> Sequence[Piece]:
        """Cut the next pieces of the oldest executions that are not cut yet; none: there are none.

        One piece of a shard each of up to *at_once* executions, fewer where they are large: many
        small ones that fall due together cost little more than one. Who is meant is found in a
        transaction that reads, as of one instant; the one that writes is short, and passes over
        what somebody else has cut or stopped since. The pieces' parcels, the samples' quotas and
        the bookmarks stand in it: after a kill a piece is either cut or not, never half and never
        twice. An order that cannot be read is called off, with the reason, and holds up no other.
        """
        with self._store.read() as unit:
            planned = list(self._plan(unit, now_ms=now_ms, at_once=at_once))
        if not planned:
            return []
        with self._store.write() as unit:
            taken = unit.executions.take_uncut([one.execution.id for one in planned])
            valid = [
                one for one in planned if taken.get(one.execution.id) == one.execution.next_ordinal
            ]
            for one in valid:
                if one.bookmark is None:
                    unit.executions.call_off(one.execution.id, reason=one.reason, now_ms=now_ms)
            unit.parcels.add([parcel for one in valid for parcel in one.parcels])
            # An execution is written to once in a transaction: at a second time PostgreSQL looks
            # for its task again, whose lock somebody may hold who waits for the execution.
            unit.executions.move_bookmarks([one.bookmark for one in valid if one.bookmark])
        return [one.piece for one in valid]

    def _plan(self, unit: Unit, *, now_ms: int, at_once: int) -> Iterator[_Planned]:
        indexes: dict[int, Index] = {}
        recipients = 0
        for execution in unit.executions.uncut(limit=at_once):
            root_id = execution.root_id
            if root_id not in indexes:
                indexes[root_id] = unit.audience.index(root_id)
            try:
                meant = _meant(unit, execution, now_ms)
            except Conflict as error:
                yield _Planned(execution, reason=str(error))
                continue
            try:
                planned = self._cut_piece(indexes[root_id], execution, meant)
            except DamagedIndex as damage:
                if not damage.is_known:
                    raise  # and so it becomes known
                continue  # it is being made anew, and holds up no other tenant
            recipients += planned.piece.recipients
            yield planned
            if recipients >= ENOUGH:
                return

    def _cut_piece(self, index: Index, execution: Execution, meant: Expression) -> _Planned:
        """Return the parcels of the next piece, and the bookmark after it."""
        at = execution.next_ordinal
        number = shard_of(at)
        count, drawn = index.count, execution.quotas
        if execution.order.total_user and drawn is None:
            drawn = _draw_quotas(index, execution, meant)
        if drawn is not None:
            count = len(drawn)  # whoever came later had no part in the draw
        made: list[Made] = []
        end = first_of(number + 1)
        if number < count:
            shard = index.shard(number)
            found = shard.judge(meant)[-1]
            if drawn is not None:
                found = sample(found, drawn[number], seed=execution.id, shard=number)
            else:
                found, end = _from(found, at, most=self._most, end=end)
            for part in parts(shard, found, execution):
                made += part.cut(execution)
        bookmark = Bookmark(
            execution_id=execution.id,
            next_ordinal=end,
            complete=end >= first_of(count),
            quotas=drawn,
            rules=RULES if is_spread(execution.order) else None,
        )
        return _Planned(execution, made, bookmark)


def _from(found: BitMap, first: int, *, most: int, end: int) -> tuple[BitMap, int]:
    """Return up to *most* of *found* from *first* on, and the ordinal at which the next begin.

    end: that of the next shard.
    """
    skipped = found.rank(first - 1) if first else 0
    if len(found) - skipped <= most:
        return found[skipped:] if skipped else found, end
    return found[skipped : skipped + most], found[skipped + most]


def _meant(unit: Unit, execution: Execution, now_ms: int) -> Expression:
    """Return whom the execution means.

    Raises Conflict when that cannot be read, or when what it excludes is gone: the execution has an
    order of its own, which nothing that is deleted later asks.
    """
    targeting, faults = read_targeting(execution.order.targeting)
    if faults:
        raise Conflict(f"its targeting cannot be read: {faults[0].field} {faults[0].message}")
    scope = Scope(root_id=execution.root_id, account_id=execution.account_id)
    return resolve(unit, scope, targeting, now_ms=now_ms, strict=True)


def _draw_quotas(index: Index, execution: Execution, meant: Expression) -> tuple[int, ...]:
    """Return how many of each shard the capped sample takes."""
    found = (index.shard(number).judge(meant)[-1] for number in range(index.count))
    cap = execution.order.total_user or 0
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
