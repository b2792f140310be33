"""The order desk: push tasks are taken, or refused with everything that is wrong."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.calendar import Place, place_of
from tocsin.domain.errors import NotFound
from tocsin.domain.push_task import Draft, PushTask
from tocsin.services import ordering


class Tasks(Protocol):
    """The store's side of tasks."""

    def add(self, new: Sequence[tuple[Scope, Draft, Place]], *, now_ms: int) -> list[int]: ...
    def find(self, scope: Scope, task_id: int) -> PushTask | None: ...
    def newest(self, scope: Scope, *, offset: int, limit: int) -> list[PushTask]: ...
    def count(self, scope: Scope) -> int: ...


class Unit(ordering.Unit, Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class TaskService:
    """Every method sees what its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, scope: Scope, draft: Draft, *, now_ms: int) -> int:
        """Take *draft*; return its id, once it is on the disk.

        Raises Invalid for what an exclude of its targeting names in vain.
        """
        with self._store.write() as unit:
            ordering.check(unit, scope, draft)
            place = place_of(draft, before=None, now_ms=now_ms)
            (task_id,) = unit.tasks.add([(scope, draft, place)], now_ms=now_ms)
            return task_id

    def view(self, scope: Scope, task_id: int) -> PushTask:
        """Return one task. Raises NotFound."""
        with self._store.read() as unit:
            task = unit.tasks.find(scope, task_id)
        if task is None:
            raise NotFound("push task", str(task_id))
        return task

    def list(self, scope: Scope, *, offset: int, limit: int) -> tuple[int, Sequence[PushTask]]:
        """Return how many tasks there are, and some of them, newest first."""
        with self._store.read() as unit:
            return unit.tasks.count(scope), unit.tasks.newest(scope, offset=offset, limit=limit)
