"""What became of a task's executions, in numbers and person by person."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.errors import NotFound
from tocsin.domain.event import COUNTER_OF_KIND
from tocsin.domain.execution import Execution
from tocsin.domain.outcome import Outcome, counters
from tocsin.domain.push_task import PushTask


class Tasks(Protocol):
    """The store's side of tasks."""

    def find(self, scope: Scope, task_id: int) -> PushTask | None: ...


class Executions(Protocol):
    """The store's side of executions."""

    def by_id(self, execution_id: int) -> Execution | None: ...
    def of_task(self, task_id: int, *, offset: int, limit: int) -> list[Execution]: ...
    def count_of_task(self, task_id: int) -> int: ...
    def outcome_counts(self, execution_ids: Sequence[int]) -> dict[int, dict[Outcome, int]]: ...
    def event_counts(self, execution_ids: Sequence[int]) -> dict[int, dict[int, int]]: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def executions(self) -> Executions: ...


class Store(Protocol):
    """Where transactions come from."""

    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Counted:
    """An execution with its counters (contract.md section 3)."""

    execution: Execution
    counters: Mapping[str, int]


class ExecutionService:
    """Every method sees the executions of tasks that its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(
        self, scope: Scope, task_id: int, *, offset: int, limit: int
    ) -> tuple[int, Sequence[Counted]]:
        """Return how many executions a task has had, and some, newest first. Raises NotFound."""
        with self._store.read() as unit:
            _seen(unit, scope, task_id)
            found = unit.executions.of_task(task_id, offset=offset, limit=limit)
            return unit.executions.count_of_task(task_id), _counted(unit, found)

    def view(self, scope: Scope, task_id: int, execution_id: int) -> Counted:
        """Return one execution of a task. Raises NotFound."""
        with self._store.read() as unit:
            return _counted(unit, [_found(unit, scope, task_id, execution_id)])[0]


def _seen(unit: Unit, scope: Scope, task_id: int) -> None:
    if unit.tasks.find(scope, task_id) is None:
        raise NotFound("push task", str(task_id))


def _found(unit: Unit, scope: Scope, task_id: int, execution_id: int) -> Execution:
    _seen(unit, scope, task_id)
    execution = unit.executions.by_id(execution_id)
    if execution is None or execution.task_id != task_id:
        raise NotFound("execution", str(execution_id))
    return execution


def _counted(unit: Unit, found: Sequence[Execution]) -> list[Counted]:
    ids = [one.id for one in found]
    outcomes = unit.executions.outcome_counts(ids)
    events = unit.executions.event_counts(ids)
    return [
        Counted(one, _counters(outcomes.get(one.id, {}), events.get(one.id, {}))) for one in found
    ]


def _counters(outcomes: Mapping[Outcome, int], events: Mapping[int, int]) -> dict[str, int]:
    return counters(outcomes) | {
        name: events.get(int(kind), 0) for kind, name in COUNTER_OF_KIND.items()
    }
