"""The order desk: push tasks are taken, or refused with everything that is wrong."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.errors import Invalid, NotFound
from tocsin.domain.event import COUNTER_OF_KIND
from tocsin.domain.execution import Execution
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.domain.outcome import Outcome, counters
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.domain.targeting import unknown_excluded
from tocsin.services.idempotency import Requests, once


class Tasks(Protocol):
    """The store's side of tasks."""

    def add(self, scope: Scope, draft: Draft, *, next_due_ms: int | None, now_ms: int) -> int: ...
    def find(self, scope: Scope, task_id: int) -> PushTask | None: ...
    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[PushTask]]: ...


class Executions(Protocol):
    """The store's side of executions."""

    def of_task(self, task_id: int, *, offset: int, limit: int) -> list[Execution]: ...
    def count_of_task(self, task_id: int) -> int: ...
    def outcome_counts(self, execution_ids: Sequence[int]) -> dict[int, dict[Outcome, int]]: ...
    def event_counts(self, execution_ids: Sequence[int]) -> dict[int, dict[int, int]]: ...


class Containers(Protocol):
    """The store's side of containers."""

    def hosts(self, root_id: int) -> Sequence[str]: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def containers(self) -> Containers: ...
    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Counted:
    """An execution with its counters (contract.md section 3)."""

    execution: Execution
    counters: Mapping[str, int]


class TaskService:
    """Every method sees what its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self, scope: Scope, draft: Draft, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Take *draft*; return its id, once it is on the disk.

        Raises Invalid for what an exclude of its targeting names in vain, Conflict for a claim
        that was laid by another request.
        """
        with self._store.write() as unit:
            return once(
                unit, claim, now_ms=now_ms, act=lambda: str(_add(unit, scope, draft, now_ms))
            )

    def view(self, scope: Scope, task_id: int) -> PushTask:
        """Return one task. Raises NotFound."""
        with self._store.read() as unit:
            return _seen(unit, scope, task_id)

    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[PushTask]]:
        """Return how many tasks *query* asks for, and its page of them."""
        with self._store.read() as unit:
            return unit.tasks.listed(scope, query)

    def executions(
        self, scope: Scope, task_id: int, *, offset: int, limit: int
    ) -> tuple[int, Sequence[Counted]]:
        """Return how many executions a task has had, and some, newest first. Raises NotFound."""
        with self._store.read() as unit:
            _seen(unit, scope, task_id)
            found = unit.executions.of_task(task_id, offset=offset, limit=limit)
            ids = [one.id for one in found]
            outcomes = unit.executions.outcome_counts(ids)
            events = unit.executions.event_counts(ids)
            total = unit.executions.count_of_task(task_id)
        return total, [
            Counted(one, _counters(outcomes.get(one.id, {}), events.get(one.id, {})))
            for one in found
        ]


def _add(unit: Unit, scope: Scope, draft: Draft, now_ms: int) -> int:
    faults = unknown_excluded(draft.targeting, unit.containers.hosts(scope.root_id))
    if faults:
        raise Invalid(tuple(faults))
    return unit.tasks.add(scope, draft, next_due_ms=_first_due_ms(draft, now_ms), now_ms=now_ms)


def _seen(unit: Unit, scope: Scope, task_id: int) -> PushTask:
    task = unit.tasks.find(scope, task_id)
    if task is None:
        raise NotFound("push task", str(task_id))
    return task


def _first_due_ms(draft: Draft, now_ms: int) -> int | None:
    if draft.status is not Status.ACTIVE:
        return None
    start = draft.schedule.start
    return start if isinstance(start, int) else now_ms


def _counters(outcomes: Mapping[Outcome, int], events: Mapping[int, int]) -> dict[str, int]:
    return counters(outcomes) | {
        name: events.get(int(kind), 0) for kind, name in COUNTER_OF_KIND.items()
    }
