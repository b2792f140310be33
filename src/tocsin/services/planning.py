"""The calendar: due tasks become executions, one for each slot."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin.domain.execution import Slot, State, catch_up
from tocsin.domain.instants import hood_text

AT_ONCE: Final = 100


class Tasks(Protocol):
    """What planning needs of push tasks."""

    def due(self, *, now_ms: int, limit: int) -> Sequence[Slot]:
        """Return due slots, their tasks locked until commit; another planner passes over them."""
        ...

    def mark_fired(self, task_id: int, *, due_ms: int, next_due_ms: int | None) -> None:
        """Move a task from the slot *due_ms* to its next one."""
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


class Unit(Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def executions(self) -> Executions: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Planned:
    """How many slots were given an execution, and how many were missed."""

    started: int
    missed: int

    def __bool__(self) -> bool:
        return bool(self.started or self.missed)


class Planning:
    """Any number of planners may run: a slot's execution is unique, and the loser sees it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def plan(self, *, now_ms: int) -> Planned:
        """Give each due slot its execution, or its record of having been missed.

        The execution and the task's next due instant are one transaction: a kill leaves either
        both or neither, and the slot is still due.
        """
        started = missed = 0
        with self._store.write() as unit:
            slots = unit.tasks.due(now_ms=now_ms, limit=AT_ONCE)
            for slot in slots:
                if catch_up(slot.due_ms, ttl_s=slot.order.ttl_s, now_ms=now_ms):
                    added = unit.executions.add(slot, state=State.CUTTING, now_ms=now_ms)
                    started += added is not None
                else:
                    added = unit.executions.add(
                        slot, state=State.MISSED, now_ms=now_ms, reason=_missed(slot, now_ms)
                    )
                    missed += added is not None
                unit.tasks.mark_fired(slot.task_id, due_ms=slot.due_ms, next_due_ms=None)
            unit.tasks.finish_idle(now_ms=now_ms, task_ids=[slot.task_id for slot in slots])
        return Planned(started, missed)


def _missed(slot: Slot, now_ms: int) -> str:
    return (
        f"due at {hood_text(slot.due_ms)} GMT, but nothing planned it before "
        f"{hood_text(now_ms)} GMT, when its ttl of {slot.order.ttl_s} s was over"
    )
