"""Which push tasks may reach a container."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.container import Container
from tocsin.domain.criteria import means
from tocsin.domain.errors import NotFound
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import PushTask
from tocsin.domain.subscriber import Attributes, Standing, standing
from tocsin.domain.targeting import Targeting
from tocsin.services.resolving import Naming, resolve

AT_ONCE: Final = 500
# What a container can be judged by; all else differs between its subscribers.
_JUDGED: Final = frozenset({"accounts", "apps", "groups", "applications", "application_groups"})


class Tasks(Protocol):
    """The store's side of tasks."""

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[PushTask]]: ...


class Containers(Protocol):
    """The store's side of containers."""

    def by_id(self, scope: Scope, container_id: int) -> Container | None: ...


class Unit(Naming, Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def containers(self) -> Containers: ...


class Store(Protocol):
    """Where transactions come from."""

    def read(self) -> AbstractContextManager[Unit]: ...


class ContainerTasks:
    """Sees what its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def tasks(
        self, scope: Scope, container_id: int, query: ListQuery, *, now_ms: int
    ) -> tuple[int, Sequence[PushTask]]:
        """Return how many tasks fit *query* and may reach a container, and the page of them.

        A task is left out when its targeting can mean no subscriber of the container, as far as
        the container itself tells: by its account, its groups, its id and its hosts. Raises
        NotFound.
        """
        with self._store.read() as unit:
            container = unit.containers.by_id(scope, container_id)
            if container is None:
                raise NotFound("container", str(container_id))
            people = [_somebody(container, host) for host in container.hosts]
            found = [
                task
                for task in _all(unit, scope, query)
                if _may_mean(unit, container.root_id, task, people, now_ms)
            ]
        return len(found), found[query.offset : query.offset + query.limit]


def _all(unit: Unit, scope: Scope, query: ListQuery) -> Iterator[PushTask]:
    offset, total = 0, 1
    while offset < total:
        total, some = unit.tasks.listed(scope, replace(query, offset=offset, limit=AT_ONCE))
        yield from some
        offset += AT_ONCE


def _may_mean(
    unit: Unit, root_id: int, task: PushTask, people: Sequence[Standing], now_ms: int
) -> bool:
    judged = [one for one in task.targeting.criteria if one.name in _JUDGED]
    meant = resolve(unit, Scope(root_id, task.account_id), Targeting(tuple(judged)), now_ms=now_ms)
    return any(means(meant, one) for one in people)


def _somebody(container: Container, host: str) -> Standing:
    """Return how a subscriber stands of whom no more is known than where they come from."""
    unknown = dict.fromkeys(Attributes.__dataclass_fields__)
    known = {
        "account_id": container.account_id,
        "container_id": container.id,
        "host": host,
        "user_data": {},
        "subscribed_ms": 0,
    }
    return standing(Attributes(**unknown | known), 0)  # type: ignore[arg-type]  # by name
