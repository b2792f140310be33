"""The order desk: push tasks are taken, or refused with everything that is wrong."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.calendar import Place, place_of
from tocsin.domain.errors import Fault, NotFound, TocsinError
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import Draft, PushTask
from tocsin.services import ordering
from tocsin.services.idempotency import Requests, once


class Tasks(Protocol):
    """The store's side of tasks."""

    def add(self, new: Sequence[tuple[Scope, Draft, Place, int]]) -> list[int]: ...
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


@dataclass(frozen=True, slots=True)
class Creation:
    """An order as it came through the door. claim: of its Idempotency-Key, if it has one."""

    scope: Scope
    draft: Draft
    now_ms: int
    claim: Claim | None = None


class TaskService:
    """Every method sees what its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, group: Sequence[Creation]) -> list[Receipt | TocsinError]:
        """Take orders; return for each its id or why it was refused, once all are on the disk.

        Refused is what an exclude of its targeting names in vain (Invalid), and a claim that was
        laid by another request (Conflict); that holds up no other order of the group.
        """
        results: dict[int, Receipt | TocsinError] = {}
        with self._store.write() as unit:
            plain = [at for at, one in enumerate(group) if one.claim is None]
            results.update(_take(unit, {at: group[at] for at in plain}))
            # Everybody lays claims in the same order: who waits for a twin is not waited for.
            claimed = sorted(
                ((one.claim.account_id, one.claim.key), at)
                for at, one in enumerate(group)
                if one.claim is not None
            )
            for _, at in claimed:
                results[at] = _take_once(unit, group[at])
        return [results[at] for at in range(len(group))]

    def unknown(self, scope: Scope, draft: Draft) -> list[Fault]:
        """Return what is wrong with what *draft* names, beside what else is wrong with it."""
        with self._store.read() as unit:
            return ordering.unknown_faults(unit, scope, draft)

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


def _take(unit: Unit, orders: Mapping[int, Creation]) -> dict[int, Receipt | TocsinError]:
    """Take orders in one statement; what is refused is told at its place."""
    results: dict[int, Receipt | TocsinError] = {}
    rows: dict[int, tuple[Scope, Draft, Place, int]] = {}
    for at, one in orders.items():
        try:
            ordering.refuse_unknown(unit, one.scope, one.draft, keep=True)
            place = place_of(one.draft, before=None, now_ms=one.now_ms)
        except TocsinError as error:
            results[at] = error
        else:
            rows[at] = (one.scope, one.draft, place, one.now_ms)
    ids = unit.tasks.add(list(rows.values()))
    results.update((at, Receipt(str(id_))) for at, id_ in zip(rows, ids, strict=True))
    return results


def _take_once(unit: Unit, one: Creation) -> Receipt | TocsinError:
    def act() -> str:
        result = _take(unit, {0: one})[0]
        if isinstance(result, TocsinError):
            raise result
        return result.result

    try:
        return once(unit, one.claim, now_ms=one.now_ms, act=act)
    except TocsinError as error:
        return error
