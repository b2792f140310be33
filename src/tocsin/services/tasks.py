"""The order desk: push tasks are taken, or refused with everything that is wrong."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.calendar import Place, place_of
from tocsin.domain.errors import NotFound
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import Draft, PushTask
from tocsin.services import ordering
from tocsin.services.idempotency import Requests, once


class Tasks(Protocol):
    """The store's side of tasks."""

    def add(self, new: Sequence[tuple[Scope, Draft, Place]], *, now_ms: int) -> list[int]: ...
    def find(self, scope: Scope, task_id: int) -> PushTask | None: ...
    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[PushTask]]: ...


class Unit(ordering.Unit, Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


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

            def act() -> str:
                ordering.check(unit, scope, draft)
                place = place_of(draft, before=None, now_ms=now_ms)
                (task_id,) = unit.tasks.add([(scope, draft, place)], now_ms=now_ms)
                return str(task_id)

            return once(unit, claim, now_ms=now_ms, act=act)

    def view(self, scope: Scope, task_id: int) -> PushTask:
        """Return one task. Raises NotFound."""
        with self._store.read() as unit:
            task = unit.tasks.find(scope, task_id)
        if task is None:
            raise NotFound("push task", str(task_id))
        return task

    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[PushTask]]:
        """Return how many tasks *query* asks for, and its page of them."""
        with self._store.read() as unit:
            return unit.tasks.listed(scope, query)
