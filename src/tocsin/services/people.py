"""Subscribers as the account that they belong to deals with them: it looks, edits and erases."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.errors import NotFound
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.domain.subscriber import UserData
from tocsin.domain.subscription import Subscriber
from tocsin.services.idempotency import Requests, once
from tocsin.services.indexing import current_facts
from tocsin.services.subscribers import Register, Writing, Written, merged_data, write_register


class Subscribers(Written, Protocol):
    """The store's side of subscribers."""

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Subscriber]]: ...
    def seen(
        self, scope: Scope, ids: Collection[int], *, to_change: bool = False
    ) -> Sequence[Subscriber]: ...
    def erase(self, root_id: int, ordinal: int) -> bool: ...


class Accounts(Protocol):
    """The store's side of accounts."""

    def take_ordinals(self, root_id: int, count: int) -> int: ...


class Draws(Protocol):
    """The store's side of draws."""

    def erase(self, root_id: int, ordinal: int) -> None: ...


class Unit(Writing, Protocol):
    """One transaction."""

    @property
    def draws(self) -> Draws: ...

    @property
    def subscribers(self) -> Subscribers: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class PeopleService:
    """Every method sees what its scope sees, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Subscriber]]:
        """Return how many subscribers fit *query*, and its page of them."""
        with self._store.read() as unit:
            return unit.subscribers.listed(scope, query)

    def view(self, scope: Scope, subscriber_id: int) -> Subscriber:
        """Return one subscriber. Raises NotFound."""
        with self._store.read() as unit:
            return _one(unit, scope, subscriber_id)

    def unsubscribe(
        self, scope: Scope, ids: Collection[int], *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """End the subscriptions of those of *ids* who are there."""

        def left(one: Subscriber) -> Subscriber:
            return replace(one, active=False)

        return self._each(scope, ids, left, now_ms=now_ms, claim=claim)

    def set_custom_data(
        self,
        scope: Scope,
        ids: Collection[int],
        data: UserData,
        *,
        now_ms: int,
        claim: Claim | None = None,
    ) -> Receipt:
        """Merge *data* (RFC 7396) into the user data of those of *ids* who are there.

        Raises Invalid when one of them would have too much; then nobody is changed.
        """

        def told(one: Subscriber) -> Subscriber:
            user_data = merged_data(one.attributes.user_data, data, field="custom_data")
            return replace(one, attributes=replace(one.attributes, user_data=user_data))

        return self._each(scope, ids, told, now_ms=now_ms, claim=claim)

    def _each(
        self,
        scope: Scope,
        ids: Collection[int],
        changed: Callable[[Subscriber], Subscriber],
        *,
        now_ms: int,
        claim: Claim | None,
    ) -> Receipt:
        with self._store.write() as unit:

            def act() -> str:
                _change(unit, scope, _to_change(unit, scope, ids), changed)
                return ""

            return once(unit, claim, now_ms=now_ms, act=act)

    def change(self, scope: Scope, subscriber_id: int, changes: Mapping[str, Any]) -> None:
        """Change attributes; user_data is merged (RFC 7396). Raises NotFound, Invalid."""

        def changed(one: Subscriber) -> Subscriber:
            values = dict(changes)
            if "user_data" in values:
                values["user_data"] = merged_data(one.attributes.user_data, values["user_data"])
            return replace(one, attributes=replace(one.attributes, **values))

        with self._store.write() as unit:
            _change(unit, scope, [_own(unit, scope, subscriber_id)], changed)

    def erase(self, scope: Scope, subscriber_id: int) -> None:
        """Forget a person: what is left are the numbers they were counted in. Raises NotFound."""
        with self._store.write() as unit:
            one = _own(unit, scope, subscriber_id)
            unit.subscribers.erase(one.root_id, one.ordinal)
            unit.draws.erase(one.root_id, one.ordinal)
            if one.active:
                unit.audience.note(one.root_id, [(one.ordinal, current_facts(one))])


def _to_change(unit: Unit, scope: Scope, ids: Collection[int]) -> Sequence[Subscriber]:
    """Return those of *ids* who are there; nobody else changes them until commit.

    Like a registration it takes the counter of the root account first: see SubscriberService.
    """
    unit.accounts.take_ordinals(scope.root_id, 0)
    return unit.subscribers.seen(scope, ids, to_change=True)


def _own(unit: Unit, scope: Scope, subscriber_id: int) -> Subscriber:
    for one in _to_change(unit, scope, [subscriber_id]):
        return one
    raise NotFound("user", str(subscriber_id))


def _one(unit: Unit, scope: Scope, subscriber_id: int) -> Subscriber:
    for one in unit.subscribers.seen(scope, [subscriber_id]):
        return one
    raise NotFound("user", str(subscriber_id))


def _change(
    unit: Unit,
    scope: Scope,
    people: Sequence[Subscriber],
    changed: Callable[[Subscriber], Subscriber],
) -> None:
    register = Register({})
    for one in people:
        register.put(one, changed(one))
    write_register(unit, scope.root_id, register)
