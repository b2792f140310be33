"""The book as clients read it: of one zone by ad and hour, and of one push task in all."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.book import BookRow, Totals
from tocsin.domain.errors import NotFound
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import PushTask
from tocsin.domain.zone import Zone


class Book(Protocol):
    """The store's side of the book."""

    def listed(
        self, scope: Scope, zone_id: int, query: ListQuery
    ) -> tuple[int, Sequence[BookRow]]: ...
    def totals(self, task_id: int) -> Totals: ...


class Zones(Protocol):
    """The store's side of zones."""

    def find(self, scope: Scope, zone_id: int) -> Zone | None: ...


class Tasks(Protocol):
    """The store's side of tasks."""

    def find(self, scope: Scope, task_id: int) -> PushTask | None: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def book(self) -> Book: ...
    @property
    def zones(self) -> Zones: ...
    @property
    def tasks(self) -> Tasks: ...


class Store(Protocol):
    """Where transactions come from."""

    def read(self) -> AbstractContextManager[Unit]: ...


class BookService:
    """Every method sees what its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_zone(
        self, scope: Scope, zone_id: int, query: ListQuery
    ) -> tuple[int, Sequence[BookRow]]:
        """Return how many lines of a zone fit *query*, and its page of them. Raises NotFound.

        Of a zone that a child and its root draw from, a child is told its own lines alone.
        """
        with self._store.read() as unit:
            if unit.zones.find(scope, zone_id) is None:
                raise NotFound("zone", str(zone_id))
            return unit.book.listed(scope, zone_id, query)

    def of_task(self, scope: Scope, task_id: int) -> Totals:
        """Return what the draws of a push task came to. Raises NotFound."""
        with self._store.read() as unit:
            if unit.tasks.find(scope, task_id) is None:
                raise NotFound("push task", str(task_id))
            return unit.book.totals(task_id)
