"""The calendar: due tasks become executions, one for each slot."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin.domain.calendar import Firing, Moved, firings, moved_on
from tocsin.domain.execution import Execution, Slot, is_outdone, order_of
from tocsin.domain.push_task import PushTask

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

    def move_on(self, moved: Sequence[Moved]) -> None:
        """Write where tasks stand once what was due of them is dealt with."""
        ...

    def finish_idle(self, *, now_ms: int, task_ids: Sequence[int]) -> None:
        """Finish those of the tasks that have neither a slot nor a live execution left."""
        ...


class Executions(Protocol):
    """What planning needs of executions."""

    def add_slots(
        self, due: Sequence[tuple[Slot, str | None]], *, now_ms: int
    ) -> dict[tuple[int, int], int]:
        """Add the execution of each slot, or with a reason its record of having been missed.

        Return their ids by task and slot, without those of slots that had one already.
        """
        ...

    def live_of(self, task_ids: Sequence[int]) -> Sequence[Execution]:
        """Return the executions of tasks that are neither over nor ended, the oldest first."""
        ...

    def supersede(self, ended: Sequence[tuple[int, int]]) -> None:
        """End executions, each in favour of another."""
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
        with self._store.write() as unit:
            return fire(unit, unit.tasks.due(now_ms=now_ms, limit=AT_ONCE), now_ms=now_ms)


def fire(unit: Unit, tasks: Sequence[PushTask], *, now_ms: int) -> Planned:
    """Plan what is due of tasks, which are locked: of very many slots the first.

    A task that has neither a slot nor a live execution left is finished.
    """
    due: dict[int, Sequence[Firing]] = {}
    room = SLOTS_AT_ONCE
    for task in tasks:
        found = firings(task, now_ms=now_ms, limit=SLOTS_AT_ONCE)
        if found:
            due[task.id] = found
        room -= len(found)
        if room <= 0:
            break
    planned = _start(unit, [task for task in tasks if task.id in due], due, now_ms)
    unit.tasks.move_on([moved_on(task, due[task.id]) for task in tasks if task.id in due])
    unit.tasks.finish_idle(now_ms=now_ms, task_ids=[task.id for task in tasks])
    return planned


def _start(
    unit: Unit, tasks: Iterable[PushTask], due: dict[int, Sequence[Firing]], now_ms: int
) -> Planned:
    """Write the executions of slots and the records of missed ones; later ones win."""
    slots = [(_slot(task, firing), firing.missed) for task in tasks for firing in due[task.id]]
    added = unit.executions.add_slots(slots, now_ms=now_ms)
    begun = [
        (added[slot.task_id, slot.due_ms], slot)
        for slot, missed in slots
        if missed is None and (slot.task_id, slot.due_ms) in added
    ]
    supersede(unit, begun)
    return Planned(started=len(begun), missed=len(added) - len(begun))


def supersede(unit: Unit, begun: Sequence[tuple[int, Slot]]) -> None:
    """End the earlier executions that the new ones outdo."""
    live = unit.executions.live_of(sorted({slot.task_id for _, slot in begun}))
    ended: dict[int, int] = {}
    for execution_id, slot in begun:
        for one in live:
            is_earlier = one.task_id == slot.task_id and one.id < execution_id
            if is_earlier and is_outdone(one, slot.order):
                ended[one.id] = execution_id
    unit.executions.supersede(list(ended.items()))


def _slot(task: PushTask, firing: Firing) -> Slot:
    return Slot(
        task_id=task.id,
        root_id=task.root_id,
        account_id=task.account_id,
        due_ms=firing.slot_ms,
        order=order_of(task, next_slot_ms=firing.next_slot_ms),
    )
