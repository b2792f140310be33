"""The counting house: reports become bits, drained executions are closed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import shard_of
from tocsin.domain.book import AdLine, AdSum, DrawLine, DrawnAd, DrawRow, added_up
from tocsin.domain.draw import DrawRef
from tocsin.domain.event import Event, FoldKey, Kind

AT_ONCE: Final = 5000
CLOSED_AT_ONCE: Final = 500


class Events(Protocol):
    """What counting needs of reports."""

    def add(self, events: Sequence[Event]) -> None: ...
    def any_unfolded(self) -> bool: ...
    def unfolded(self, limit: int) -> list[tuple[int, int, int, int]]: ...
    def drop(self, event_ids: Sequence[int]) -> None: ...
    def folds(self, keys: Iterable[FoldKey]) -> dict[FoldKey, BitMap]: ...
    def save_folds(self, folds: dict[FoldKey, BitMap]) -> None: ...


class Draws(Protocol):
    """What counting needs of draws."""

    def hold_ads(self, refs: Collection[DrawRef]) -> Sequence[tuple[DrawnAd, DrawRow]]: ...
    def mark_ads(self, marked: Iterable[DrawnAd]) -> None: ...


class Book(Protocol):
    """What counting needs of the book."""

    def add(self, *, draws: Mapping[DrawLine, int], ads: Mapping[AdLine, AdSum]) -> None: ...


class Executions(Protocol):
    """What counting needs of executions."""

    def any_sending(self) -> bool: ...
    def drained_tasks(self, *, limit: int) -> Sequence[int]: ...
    def finish_drained(self, task_ids: Sequence[int], *, now_ms: int) -> int: ...
    def existing(self, execution_ids: Iterable[int]) -> set[int]: ...


class Tasks(Protocol):
    """What counting needs of push tasks."""

    def hold(self, task_ids: Sequence[int]) -> Sequence[int]: ...
    def finish_idle(self, *, now_ms: int, task_ids: Sequence[int]) -> None: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def events(self) -> Events: ...
    @property
    def draws(self) -> Draws: ...
    @property
    def book(self) -> Book: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def tasks(self) -> Tasks: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class Counting:
    """Counts what browsers report. Any number of talliers may run."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, events: Sequence[Event]) -> None:
        """Keep reports: they are on the disk when this returns, and those of ads are counted."""
        with self._store.write() as unit:
            unit.events.add(events)
            _count_ads(unit, events)

    def fold(self) -> int:
        """Fold the oldest reports into bitmaps; return how many.

        A report is dropped in the transaction that sets its bit, and setting a bit twice is
        setting it once: a kill, a repeat or another order of arrival changes no number.
        """
        with self._store.read() as unit:
            if not unit.events.any_unfolded():
                return 0
        with self._store.write() as unit:
            reports = unit.events.unfolded(AT_ONCE)
            if not reports:
                return 0
            # After a backup was restored there may be reports of executions that it lacks.
            known = unit.executions.existing({execution_id for _, execution_id, _, _ in reports})
            bits: dict[FoldKey, BitMap] = {}
            for _, execution_id, ordinal, kind in reports:
                if execution_id in known:
                    key = FoldKey(execution_id, kind, shard_of(ordinal))
                    bits.setdefault(key, BitMap()).add(ordinal)
            for key, folded in unit.events.folds(bits).items():
                bits[key] |= folded
            unit.events.save_folds(bits)
            unit.events.drop([report[0] for report in reports])
        return len(reports)

    def is_closing_ahead(self) -> bool:
        """Return whether an execution is being sent, and so will be drained one day."""
        with self._store.read() as unit:
            return unit.executions.any_sending()

    def close(self, *, now_ms: int) -> int:
        """Close executions in which nobody is pending, and finish their tasks; return how many.

        A task that somebody changes just now is left for the next turn: everybody locks the
        task first and its executions after it.
        """
        with self._store.read() as unit:
            if not unit.executions.drained_tasks(limit=1):
                return 0
        with self._store.write() as unit:
            task_ids = unit.tasks.hold(unit.executions.drained_tasks(limit=CLOSED_AT_ONCE))
            closed = unit.executions.finish_drained(task_ids, now_ms=now_ms)
            unit.tasks.finish_idle(now_ms=now_ms, task_ids=task_ids)
        return closed


def _count_ads(unit: Unit, events: Sequence[Event]) -> None:
    """Note which ads were shown and clicked, and add to the book those that were not before."""
    kinds: dict[DrawRef, set[Kind]] = {}
    for event in events:
        if event.path is not None:
            ref = DrawRef(event.execution_id, event.ordinal, event.path)
            kinds.setdefault(ref, set()).update(event.kinds)
    if not kinds:
        return
    news = [
        (ad, told, row)
        for ad, row in unit.draws.hold_ads(kinds.keys())
        if (told := ad.told(kinds[ad.ref])) != ad
    ]
    unit.draws.mark_ads([told for _, told, _ in news])
    unit.book.add(
        draws={},
        ads=added_up((row.ad_line(ad.ad_id), told.since(ad)) for ad, told, row in news),
    )
