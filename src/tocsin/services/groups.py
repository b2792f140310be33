"""Groups of containers and of host names."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.body import at_most_named
from tocsin.domain.errors import Conflict, Fault, Invalid, NotFound
from tocsin.domain.group import Group, GroupDraft, Kind
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.domain.mention import Mention, mentions_text
from tocsin.services.idempotency import Requests, once

_NAMES: Final = {Kind.CONTAINERS: "group", Kind.HOSTS: "application group"}


class Groups(Protocol):
    """The store's side of one kind of group."""

    def add(self, scope: Scope, draft: GroupDraft, *, now_ms: int) -> int: ...
    def find(self, scope: Scope, group_id: int, *, to_change: bool = False) -> Group | None: ...
    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Group]]: ...
    def replace(self, group_id: int, draft: GroupDraft, *, now_ms: int) -> None: ...
    def remove(self, group_id: int) -> None: ...


class Containers(Protocol):
    """The store's side of containers."""

    def kept(self, scope: Scope, container_ids: Iterable[int]) -> set[int]: ...


class Mentions(Protocol):
    """The store's side of what names what."""

    def active(
        self, scope: Scope, owner_id: int, attribute: str, item: str
    ) -> Sequence[Mention]: ...


class Unit(Protocol):
    """One transaction."""

    def groups(self, kind: Kind) -> Groups: ...
    @property
    def containers(self) -> Containers: ...
    @property
    def mentions(self) -> Mentions: ...
    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class GroupService:
    """The groups of one kind. Every method sees what its scope sees, and nothing else."""

    def __init__(self, store: Store, kind: Kind) -> None:
        self._store = store
        self._kind = kind

    def create(
        self, scope: Scope, draft: GroupDraft, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Take *draft*; the receipt tells its id. Raises Invalid, Conflict."""
        with self._store.write() as unit:

            def add() -> str:
                self._check(unit, scope, draft)
                return str(unit.groups(self._kind).add(scope, draft, now_ms=now_ms))

            return once(unit, claim, now_ms=now_ms, act=add)

    def view(self, scope: Scope, group_id: int) -> Group:
        """Return one group. Raises NotFound."""
        with self._store.read() as unit:
            return self._seen(unit, scope, group_id)

    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Group]]:
        """Return how many groups fit *query*, and its page of them."""
        with self._store.read() as unit:
            return unit.groups(self._kind).listed(scope, query)

    def change(
        self, scope: Scope, group_id: int, edit: Callable[[Group], GroupDraft], *, now_ms: int
    ) -> None:
        """Make a group what *edit* makes of it. Raises NotFound, Invalid."""
        with self._store.write() as unit:
            draft = edit(self._seen(unit, scope, group_id, to_change=True))
            self._check(unit, scope, draft)
            unit.groups(self._kind).replace(group_id, draft, now_ms=now_ms)

    def remove(self, scope: Scope, group_id: int) -> None:
        """Forget a group. Raises NotFound, and Conflict while something active names it."""
        with self._store.write() as unit:
            group = self._seen(unit, scope, group_id, to_change=True)
            named_by = unit.mentions.active(scope, group.account_id, self._kind, str(group_id))
            if named_by:
                raise Conflict(
                    f"{_NAMES[self._kind]} {group_id} is named in the targeting of "
                    f"{mentions_text(named_by)}: change or end that first"
                )
            unit.groups(self._kind).remove(group_id)

    def _seen(self, unit: Unit, scope: Scope, group_id: int, *, to_change: bool = False) -> Group:
        found = unit.groups(self._kind).find(scope, group_id, to_change=to_change)
        if found is None:
            raise NotFound(_NAMES[self._kind], str(group_id))
        return found

    def _check(self, unit: Unit, scope: Scope, draft: GroupDraft) -> None:
        """Raise Invalid unless every container that *draft* names is one of the scope's."""
        if self._kind is Kind.HOSTS:
            return
        known = unit.containers.kept(scope, map(int, draft.items))
        faults = [
            Fault(f"item_ids.{index}", f"there is no container {item}")
            for index, item in enumerate(draft.items)
            if int(item) not in known
        ]
        if faults:
            raise Invalid(tuple(at_most_named(faults, "item_ids")))
