"""The calendar: due tasks become executions, one for each slot."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin.domain.calendar import slots_from
from tocsin.domain.execution import Slot, State, catch_up, is_spread, order_of
from tocsin.domain.instants import hood_text
from tocsin.domain.push_task import PushTask
from tocsin.domain.schedule import acts_at_ms, latest_ms

AT_ONCE: Final = 100
SLOTS_AT_ONCE: Final = 500


class Tasks(Protocol):
    """What planning needs of push tasks."""

    def due(self, *, now_ms: int, limit: int) -> Sequence[PushTask]:
        """Return due tasks, locked until commit; another planner passes over them."""
        ...

    def next_due_ms(self) -> int | None:
        """Return when the next task falls due, or the longest due one fell; None for none."""
        ...

    def mark_fired(
        self,
        task_id: int,
        *,
        slot_ms: int,
        executed_ms: int | None,
        next_slot_ms: int | None,
        next_due_ms: int | None,
    ) -> None:
        """Move a task on: *slot_ms* was its last slot, *next_slot_ms* is its next."""
        ...

    def finish_idle(self, *, now_ms: int, task_ids: Sequence[int]) -> None:
        """Finish those of the tasks that have neither a slot nor a live execution left."""
        ...


class Executions(Protocol):
    """What planning needs of executions."""

    def add(
        self, slot: Slot, *, state: State, now_ms: int, reason: str | None = None
    ) -> int | None:
        """Add the execution of a slot; return its id, None when the slot has one already."""
        ...

    def supersede(self, task_id: int, *, by: int) -> None:
        """End the earlier live executions of a task in favour of the execution *by*."""
        ...


class Unit(Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def executions(self) -> Executions: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Planned:
    """How many slots were given an execution, and how many were missed."""

    started: int = 0
    missed: int = 0

    @property
    def slots(self) -> int:
        """Return how many slots were dealt with."""
        return self.started + self.missed

    def __bool__(self) -> bool:
        return bool(self.slots)

    def __add__(self, other: "Planned") -> "Planned":
        return Planned(self.started + other.started, self.missed + other.missed)


class Planning:
    """Any number of planners may run: a slot's execution is unique, and the loser sees it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def next_due_ms(self) -> int | None:
        """Return when there is something to plan, in the past if there is now; None: never."""
        with self._store.read() as unit:
            return unit.tasks.next_due_ms()

    def plan(self, *, now_ms: int) -> Planned:
        """Give each due slot its execution, or its record of having been missed.

        The executions and the task's next slot are one transaction: a kill leaves either both
        or neither, and the slot is still due. After a long stop one turn makes a bounded number of
        them: what it does not come to is still due, for the next.
        """
        planned = Planned()
        with self._store.write() as unit:
            tasks = unit.tasks.due(now_ms=now_ms, limit=AT_ONCE)
            for task in tasks:
                planned += _plan(unit, task, now_ms)
                if planned.slots >= SLOTS_AT_ONCE:
                    break
            unit.tasks.finish_idle(now_ms=now_ms, task_ids=[task.id for task in tasks])
        return planned


def _plan(unit: Unit, task: PushTask, now_ms: int) -> Planned:
    """Plan the due slots of one task: of very many the first, the rest with the next turn.

    contract.md 2.1, missed slots: the newest gets a catch-up execution while it is younger than
    the ttl, and all others are missed, each with a row that says so.
    """
    if task.next_slot_ms is None:
        return Planned()
    coming = slots_from(task, slot_ms=task.next_slot_ms, count=SLOTS_AT_ONCE + 1)
    due = [slot_ms for slot_ms in coming if acts_at_ms(task.schedule, slot_ms) <= now_ms]
    due = due[:SLOTS_AT_ONCE]
    next_slot_ms = coming[len(due)] if len(due) < len(coming) else None
    next_due_ms = None if next_slot_ms is None else acts_at_ms(task.schedule, next_slot_ms)
    more_are_due = next_due_ms is not None and next_due_ms <= now_ms
    planned, executed_ms = Planned(), None
    for slot_ms, following_ms in zip(due, [*due[1:], next_slot_ms], strict=True):
        slot = _slot(task, slot_ms, following_ms)
        newest = slot_ms == due[-1] and not more_are_due
        reason = _why_missed(task, slot_ms, newest=newest, now_ms=now_ms)
        executed_ms = slot_ms if reason is None else executed_ms
        planned += (
            _start(unit, slot, now_ms) if reason is None else _miss(unit, slot, reason, now_ms)
        )
    unit.tasks.mark_fired(
        task.id,
        slot_ms=due[-1],
        executed_ms=executed_ms,
        next_slot_ms=next_slot_ms,
        next_due_ms=next_due_ms,
    )
    return planned


def _why_missed(task: PushTask, slot_ms: int, *, newest: bool, now_ms: int) -> str | None:
    """Return why a due slot is missed, None for one that is to be executed.

    By wall clock several may be under way when a task becomes active, each with zones that have
    yet to reach it. Then none is missed: who is past two of them is left out of the earlier.
    """
    last_ms = latest_ms(task.schedule, slot_ms)
    if newest:
        in_time = catch_up(last_ms, ttl_s=task.ttl_s, now_ms=now_ms)
        return None if in_time else _too_late(slot_ms, task.ttl_s, now_ms)
    was_under_way = acts_at_ms(task.schedule, slot_ms) <= (task.active_ms or 0)
    if was_under_way and catch_up(last_ms, ttl_s=0, now_ms=now_ms):
        return None
    return "a later slot was due as well"


def _slot(task: PushTask, slot_ms: int, next_slot_ms: int | None) -> Slot:
    return Slot(
        task_id=task.id,
        root_id=task.root_id,
        account_id=task.account_id,
        due_ms=slot_ms,
        order=order_of(task, next_slot_ms=next_slot_ms),
    )


def _start(unit: Unit, slot: Slot, now_ms: int) -> Planned:
    """Start the execution of a slot; it outdoes the earlier ones, unless they are spread.

    Who is in a later wave of an earlier execution has their own next instant: the cutter has
    left out whom this one overtakes.
    """
    execution_id = unit.executions.add(slot, state=State.CUTTING, now_ms=now_ms)
    if execution_id is None:
        return Planned()
    if not is_spread(slot.order):
        unit.executions.supersede(slot.task_id, by=execution_id)
    return Planned(started=1)


def _miss(unit: Unit, slot: Slot, reason: str, now_ms: int) -> Planned:
    added = unit.executions.add(slot, state=State.MISSED, now_ms=now_ms, reason=reason)
    return Planned(missed=int(added is not None))


def _too_late(slot_ms: int, ttl_s: int, now_ms: int) -> str:
    return (
        f"due at {hood_text(slot_ms)}, but nothing planned it before "
        f"{hood_text(now_ms)} GMT, when its ttl of {ttl_s} s was over"
    )
