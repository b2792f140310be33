"""Sweeping up: who is pending and will not be sent any more gets the outcome of that."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Parcel

EXECUTIONS_AT_ONCE: Final = 20
PARCELS_AT_ONCE: Final = 200


class Executions(Protocol):
    """What sweeping needs of executions."""

    def any_to_sweep(self) -> bool: ...
    def take_swept(self, *, limit: int) -> Sequence[tuple[int, int, Outcome]]: ...
    def mark_swept(self, execution_id: int) -> None: ...


class Parcels(Protocol):
    """What sweeping needs of parcels."""

    def take_unheld(self, execution_id: int, *, now_ms: int, limit: int) -> list[Parcel]: ...
    def any_overtaken(self, *, now_ms: int) -> bool: ...
    def next_overtaken_ms(self, *, now_ms: int) -> int | None: ...
    def take_overtaken(self, *, now_ms: int, limit: int) -> list[Parcel]: ...
    def has_pending(self, execution_id: int) -> bool: ...
    def record(self, entries: Sequence[tuple[Parcel, int, bool]]) -> set[int]: ...


class Tasks(Protocol):
    """What sweeping needs of push tasks."""

    def hold(self, task_ids: Sequence[int]) -> Sequence[int]: ...
    def finish_idle(self, *, now_ms: int, task_ids: Sequence[int]) -> None: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def parcels(self) -> Parcels: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class Sweeping:
    """Any number of sweepers may run: one at a time works on an execution."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def next_due_ms(self, *, now_ms: int) -> int | None:
        """Return when there is somebody to settle, *now_ms* if there is now; None: never."""
        with self._store.read() as unit:
            if unit.executions.any_to_sweep() or unit.parcels.any_overtaken(now_ms=now_ms):
                return now_ms
            return unit.parcels.next_overtaken_ms(now_ms=now_ms)

    def sweep(self, *, now_ms: int) -> int:
        """Settle some of those who will not be sent any more; return how many.

        They are pending in an execution that was ended, or in a parcel that is overtaken.

        A parcel in a sender's hands is left to it: what was on the wire is recorded as what it
        came to, and the sender lets go as soon as it hears that there is nothing more to send.
        One whose holder died is swept when its lease ends.

        The task of a swept execution may have been waiting for its end alone, and is finished.
        One that somebody changes just now is left, with its execution, for the next turn: here
        the execution is locked first, so the task must not be waited for.
        """
        settled = 0
        with self._store.write() as unit:
            for execution_id, task_id, outcome in unit.executions.take_swept(
                limit=EXECUTIONS_AT_ONCE
            ):
                parcels = unit.parcels.take_unheld(
                    execution_id, now_ms=now_ms, limit=PARCELS_AT_ONCE
                )
                settled += _settle(unit, parcels, outcome, now_ms)
                if not unit.parcels.has_pending(execution_id) and unit.tasks.hold([task_id]):
                    unit.executions.mark_swept(execution_id)
                    unit.tasks.finish_idle(now_ms=now_ms, task_ids=[task_id])
            overtaken = unit.parcels.take_overtaken(now_ms=now_ms, limit=PARCELS_AT_ONCE)
            settled += _settle(unit, overtaken, Outcome.SUPERSEDED, now_ms)
        return settled


def _settle(unit: Unit, parcels: Sequence[Parcel], outcome: Outcome, now_ms: int) -> int:
    settled = 0
    for parcel in parcels:
        for index in list(parcel.pending()):
            parcel.settle(index, outcome)
            settled += 1
    unit.parcels.record([(parcel, now_ms, False) for parcel in parcels])
    return settled
