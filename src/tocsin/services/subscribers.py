"""Subscribers: they register, change and leave; imports and exports carry them over."""

import hmac
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.container import Container
from tocsin.domain.enrolment import Enrolment, IdTaken, fresh_ids, newcomer, returning
from tocsin.domain.errors import Fault, Invalid, NotFound, TocsinError, Unauthorized, Unavailable
from tocsin.domain.keyring import Keyring
from tocsin.domain.registration import MAX_KEYS
from tocsin.domain.subscriber import Facts, UserData, differing_facts
from tocsin.domain.subscription import Subscriber
from tocsin.services.indexing import current_facts
from tocsin.webpush.encryption import BadSubscriptionKeys, check_subscription_keys
from tocsin.webpush.endpoint import BadEndpoint, PushHosts, parse

EXPORT_AT_ONCE: Final = 1000
DRAWS: Final = 5
"""How often ids are drawn for a group: a second time is rare, a third never was."""


class Written(Protocol):
    """Where subscribers are written."""

    def add(self, new: Sequence[Subscriber]) -> None:
        """Raise IdTaken when an id is."""

    def replace(self, changes: Sequence[tuple[Subscriber, Subscriber]]) -> None: ...


class Subscribers(Written, Protocol):
    """The store's side of subscribers."""

    def by_endpoint(self, root_id: int, endpoints: Iterable[str]) -> dict[str, Subscriber]: ...
    def by_id(
        self, container_id: int, subscriber_id: int, *, to_change: bool = False
    ) -> Subscriber | None: ...
    def after(self, scope: Scope, ordinal: int, *, limit: int) -> list[Subscriber]: ...
    def take_stock(self) -> None: ...
    def seen(self, scope: Scope, ids: Collection[int]) -> list[Subscriber]: ...


class Accounts(Protocol):
    """The store's side of accounts."""

    def take_ordinals(self, root_id: int, count: int) -> int: ...


class Containers(Protocol):
    """The store's side of containers."""

    def kept(self, scope: Scope, container_ids: Iterable[int]) -> set[int]: ...
    def mark_seen(self, container_ids: Iterable[int], *, now_ms: int) -> None: ...


class Audience(Protocol):
    """The store's side of the audience index."""

    def note(self, root_id: int, changes: Sequence[tuple[int, Facts | None]]) -> None: ...


class Writing(Protocol):
    """A transaction in which subscribers are written."""

    @property
    def subscribers(self) -> Written: ...
    @property
    def audience(self) -> Audience: ...


class Unit(Writing, Protocol):
    """One transaction."""

    @property
    def subscribers(self) -> Subscribers: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def containers(self) -> Containers: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class Clock(Protocol):
    """Wall time."""

    def now_ms(self) -> int: ...


class Entropy(Protocol):
    """Where ids come from."""

    def token_bytes(self, count: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a registration came to."""

    id: int
    keyring: Keyring
    created: bool

    @property
    def secret(self) -> str:
        """Return what the browser shows to change or leave."""
        return self.keyring.subscriber_secret(self.id)


@dataclass(slots=True)
class Register:
    """The subscribers of one root account that a transaction touches.

    before: as the database has them, None for newcomers; now: as they will be; both by ordinal.
    """

    by_endpoint: dict[str, Subscriber]
    before: dict[int, Subscriber | None] = field(default_factory=dict)
    now: dict[int, Subscriber] = field(default_factory=dict)

    def at(self, endpoint: str) -> Subscriber | None:
        """Return who is at *endpoint*, or was before this group, as they are by now."""
        found = self.by_endpoint.get(endpoint)
        return found and self.now.get(found.ordinal, found)

    def put(self, old: Subscriber | None, new: Subscriber) -> None:
        """Note what *old*, None for a newcomer, becomes."""
        self.before.setdefault(new.ordinal, old)
        self.now[new.ordinal] = new
        self.by_endpoint[new.subscription.endpoint] = new


class SubscriberService:
    """Registrations are taken in groups: one transaction for all of a group."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        entropy: Entropy,
        keyring: Keyring,
        push_hosts: PushHosts,
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._keyring = keyring
        self._push_hosts = push_hosts

    def register(self, group: Sequence[Enrolment]) -> list[Enrolled | TocsinError]:
        """Take registrations; return for each what it came to, once all are on the disk.

        The same endpoint again is the same subscriber. One that names its previous endpoint,
        known in the same container, is that subscriber under a new address.
        """
        faults = [self._fault(one) for one in group]
        good: dict[int, list[int]] = {}
        for position, one in enumerate(group):
            if faults[position] is None:
                good.setdefault(one.container.root_id, []).append(position)
        taken = self._enrol_all(group, good)
        return [fault or taken[position] for position, fault in enumerate(faults)]

    def take_stock(self) -> None:
        """Let the database see how many there are, when many were registered.

        Until it has, PostgreSQL looks them up as it would a few: it goes through all of them. Where
        it can not now, those who registered are none the less taken: it looks by itself a minute
        later. The transaction is one that reads, so that on SQLite no writer waits for it.
        """
        with suppress(Unavailable), self._store.read() as unit:
            unit.subscribers.take_stock()

    def _enrol_all(
        self, group: Sequence[Enrolment], positions: Mapping[int, Sequence[int]]
    ) -> dict[int, Enrolled | NotFound]:
        """Enrol those whose positions in *group* are named for each root account."""
        for _ in range(DRAWS):
            with suppress(IdTaken), self._store.write() as unit:
                return {
                    at: result
                    for root_id, some in sorted(positions.items())
                    for at, result in zip(
                        some, self._enrol(unit, root_id, [group[at] for at in some]), strict=True
                    )
                }
        raise Unavailable("no ids were free for new subscribers: try again in a moment")

    def _fault(self, enrolment: Enrolment) -> Invalid | None:
        registration = enrolment.registration
        faults = []
        try:
            parse(registration.endpoint, self._push_hosts)
        except BadEndpoint as error:
            faults.append(Fault("subscription.endpoint", str(error)))
        try:
            check_subscription_keys(registration.p256dh, registration.auth)
        except BadSubscriptionKeys as error:
            faults.append(Fault("subscription.keys", str(error)))
        return Invalid(tuple(faults)) if faults else None

    def _enrol(
        self, unit: Unit, root_id: int, group: Sequence[Enrolment]
    ) -> list[Enrolled | NotFound]:
        """Enrol a group in one root account; its containers may be gone by the time it is."""
        now_ms = self._clock.now_ms()
        endpoints = {
            endpoint
            for one in group
            for endpoint in (one.registration.endpoint, one.registration.previous_endpoint)
            if endpoint
        }
        # Whoever enrols takes the tenant's counter first, so two groups never race for an endpoint.
        first = unit.accounts.take_ordinals(root_id, 0)
        there = unit.containers.kept(Scope(root_id, root_id), {one.container.id for one in group})
        register = Register(unit.subscribers.by_endpoint(root_id, endpoints))
        ids = fresh_ids(now_ms, self._entropy.token_bytes(3), len(group))
        fresh = enumerate(ids, first)
        enrolled = [
            self._enrol_one(register, one, fresh, now_ms)
            if one.container.id in there
            else NotFound("container", one.container.key)
            for one in group
        ]
        created = sum(isinstance(one, Enrolled) and one.created for one in enrolled)
        unit.accounts.take_ordinals(root_id, created)
        write_register(unit, root_id, register)
        at_work = {one.container.id for one in group if not one.imported}
        unit.containers.mark_seen(there & at_work, now_ms=now_ms)
        return enrolled

    def _enrol_one(
        self,
        register: Register,
        enrolment: Enrolment,
        fresh: Iterator[tuple[int, int]],
        now_ms: int,
    ) -> Enrolled:
        registration = enrolment.registration
        known = register.at(registration.endpoint)
        if known is None and registration.previous_endpoint:
            known = register.at(registration.previous_endpoint)
            if known is not None and known.attributes.container_id != enrolment.container.id:
                known = None
        if known is None:
            ordinal, subscriber_id = next(fresh)
            new = newcomer(enrolment, ordinal=ordinal, subscriber_id=subscriber_id, now_ms=now_ms)
        else:
            new = returning(known, enrolment, now_ms=now_ms)
        register.put(known, new)
        return Enrolled(new.id, self._keyring, created=known is None)

    def change(
        self, container: Container, subscriber_id: int, secret: str, changes: Mapping[str, Any]
    ) -> None:
        """Change attributes; user_data is merged (RFC 7396). Raises Unauthorized, NotFound."""
        with self._store.write() as unit:
            known = self._own(unit, container, subscriber_id, secret)
            values = dict(changes)
            if "user_data" in values:
                values["user_data"] = merged_data(known.attributes.user_data, values["user_data"])
            register = Register({})
            register.put(known, replace(known, attributes=replace(known.attributes, **values)))
            write_register(unit, container.root_id, register)

    def leave(self, container: Container, subscriber_id: int, secret: str) -> None:
        """End a subscription. Raises Unauthorized, NotFound."""
        with self._store.write() as unit:
            known = self._own(unit, container, subscriber_id, secret)
            register = Register({})
            register.put(known, replace(known, active=False))
            write_register(unit, container.root_id, register)

    def _own(self, unit: Unit, container: Container, subscriber_id: int, secret: str) -> Subscriber:
        expected = self._keyring.subscriber_secret(subscriber_id)
        if not hmac.compare_digest(expected.encode(), secret.encode()):
            raise Unauthorized("the secret is not that of this subscription")
        known = unit.subscribers.by_id(container.id, subscriber_id, to_change=True)
        if known is None:
            raise NotFound("subscription", str(subscriber_id))
        return known

    def export(self, scope: Scope, *, after: int | None = None) -> Iterator[Subscriber]:
        """Yield every subscriber that *scope* sees, in a bounded amount of memory.

        after: the id of the one to go on behind. Raises NotFound when there is none such.
        """
        last = -1 if after is None else self._place(scope, after)
        while True:
            with self._store.read() as unit:
                some = unit.subscribers.after(scope, last, limit=EXPORT_AT_ONCE)
            if not some:
                return
            yield from some
            last = some[-1].ordinal

    def _place(self, scope: Scope, subscriber_id: int) -> int:
        with self._store.read() as unit:
            found = unit.subscribers.seen(scope, [subscriber_id])
        if not found:
            raise NotFound("subscriber", str(subscriber_id))
        return found[0].ordinal


def merged_data(known: UserData, patch: UserData | None, *, field: str = "user_data") -> UserData:
    """Return *known* after a merge patch (RFC 7396); null for the whole means nothing is known.

    field: where the patch stands in its body. Raises Invalid when it comes to too many keys.
    """
    if patch is None:
        return {}
    merged = {key: value for key, value in {**known, **patch}.items() if value is not None}
    if len(merged) > MAX_KEYS:
        raise Invalid((Fault(field, f"would make more than {MAX_KEYS} keys of user data"),))
    return merged


def write_register(unit: Writing, root_id: int, register: Register) -> None:
    """Write what differs, and note for the indexer whose facts do."""
    added: list[Subscriber] = []
    known: list[tuple[Subscriber, Subscriber]] = []
    noted: list[tuple[int, Facts | None]] = []
    for ordinal, now in register.now.items():
        before = register.before[ordinal]
        if before is None:
            added.append(now)
            if now.active:
                noted.append((ordinal, None))
        else:
            known.append((before, now))
            if touched := _touched(before, now):
                noted.append((ordinal, touched))
    unit.subscribers.add(added)
    unit.subscribers.replace(known)
    unit.audience.note(root_id, noted)


def _touched(before: Subscriber, now: Subscriber) -> Facts:
    """Return the facts that one of the two stands under and the other does not."""
    if before.active != now.active:
        return current_facts(before) | current_facts(now)  # one of them has none
    return differing_facts(before.attributes, now.attributes) if now.active else frozenset()
