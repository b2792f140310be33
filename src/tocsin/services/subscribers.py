"""Subscribers: they register, change and leave; imports and exports carry them over."""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.container import Container
from tocsin.domain.enrolment import Enrolment, newcomer, returning
from tocsin.domain.errors import Fault, Invalid, NotFound, TocsinError, Unauthorized
from tocsin.domain.keyring import Keyring
from tocsin.domain.registration import MAX_KEYS
from tocsin.domain.subscriber import Facts, UserData
from tocsin.domain.subscription import Subscriber, endpoint_hash
from tocsin.services.indexing import current_facts
from tocsin.webpush.encryption import BadSubscriptionKeys, check_subscription_keys
from tocsin.webpush.endpoint import BadEndpoint, PushHosts, parse

EXPORT_AT_ONCE: Final = 1000


class Written(Protocol):
    """Where subscribers are written."""

    def add(self, new: Sequence[Subscriber]) -> None: ...
    def replace(self, known: Sequence[Subscriber]) -> None: ...


class Subscribers(Written, Protocol):
    """The store's side of subscribers."""

    def by_endpoint_hash(
        self, root_id: int, hashes: Iterable[bytes]
    ) -> dict[bytes, Subscriber]: ...
    def by_id(
        self, container_id: int, subscriber_id: int, *, to_change: bool = False
    ) -> Subscriber | None: ...
    def after(self, scope: Scope, ordinal: int, *, limit: int) -> list[Subscriber]: ...


class Accounts(Protocol):
    """The store's side of accounts."""

    def take_ordinals(self, root_id: int, count: int) -> int: ...


class Containers(Protocol):
    """The store's side of containers."""

    def kept(self, scope: Scope, container_ids: Iterable[int]) -> set[int]: ...
    def mark_seen(self, container_ids: Iterable[int], *, now_ms: int) -> None: ...


class Audience(Protocol):
    """The store's side of the audience index."""

    def note(self, root_id: int, changes: Sequence[tuple[int, Facts]]) -> None: ...


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
    """What a registration came to. secret: what the browser shows to change or leave."""

    id: int
    secret: str
    created: bool


@dataclass(slots=True)
class Register:
    """The subscribers of one root account that a transaction touches.

    before: as the database has them, None for newcomers; now: as they will be; both by ordinal.
    """

    by_hash: dict[bytes, Subscriber]
    before: dict[int, Subscriber | None] = field(default_factory=dict)
    now: dict[int, Subscriber] = field(default_factory=dict)

    def at(self, endpoint: str) -> Subscriber | None:
        """Return who is at *endpoint*, or was before this group, as they are by now."""
        found = self.by_hash.get(endpoint_hash(endpoint))
        return found and self.now.get(found.ordinal, found)

    def put(self, old: Subscriber | None, new: Subscriber) -> None:
        """Note what *old*, None for a newcomer, becomes."""
        self.before.setdefault(new.ordinal, old)
        self.now[new.ordinal] = new
        self.by_hash[new.subscription.endpoint_hash] = new


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
        results: list[Enrolled | TocsinError | None] = [self._fault(one) for one in group]
        good: dict[int, list[int]] = {}
        for position, one in enumerate(group):
            if results[position] is None:
                good.setdefault(one.container.root_id, []).append(position)
        now_ms = self._clock.now_ms()
        with self._store.write() as unit:
            for root_id, positions in sorted(good.items()):
                enrolled = self._enrol(unit, root_id, [group[at] for at in positions], now_ms)
                for position, result in zip(positions, enrolled, strict=True):
                    results[position] = result
        return [result for result in results if result is not None]

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
        self, unit: Unit, root_id: int, group: Sequence[Enrolment], now_ms: int
    ) -> list[Enrolled | NotFound]:
        """Enrol a group in one root account; its containers may be gone by the time it is."""
        hashes = {
            endpoint_hash(endpoint)
            for one in group
            for endpoint in (one.registration.endpoint, one.registration.previous_endpoint)
            if endpoint
        }
        # Whoever enrols takes the tenant's counter first, so two groups never race for an endpoint.
        first = unit.accounts.take_ordinals(root_id, 0)
        there = unit.containers.kept(Scope(root_id, root_id), {one.container.id for one in group})
        register = Register(unit.subscribers.by_endpoint_hash(root_id, hashes))
        fresh = iter(range(first, first + len(group)))
        enrolled = [
            self._enrol_one(register, one, fresh, now_ms)
            if one.container.id in there
            else NotFound("container", one.container.key)
            for one in group
        ]
        created = sum(isinstance(one, Enrolled) and one.created for one in enrolled)
        unit.accounts.take_ordinals(root_id, created)
        write_register(unit, root_id, register)
        unit.containers.mark_seen(there, now_ms=now_ms)
        return enrolled

    def _enrol_one(
        self, register: Register, enrolment: Enrolment, fresh: Iterator[int], now_ms: int
    ) -> Enrolled:
        registration = enrolment.registration
        known = register.at(registration.endpoint)
        if known is None and registration.previous_endpoint:
            known = register.at(registration.previous_endpoint)
            if known is not None and known.attributes.container_id != enrolment.container.id:
                known = None
        if known is None:
            new = newcomer(
                enrolment,
                ordinal=next(fresh),
                subscriber_id=int.from_bytes(self._entropy.token_bytes(8), "big"),
                now_ms=now_ms,
            )
        else:
            new = returning(known, enrolment, now_ms=now_ms)
        register.put(known, new)
        secret = self._keyring.subscriber_secret(new.id)
        return Enrolled(new.id, secret, created=known is None)

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

    def export(self, scope: Scope) -> Iterator[Subscriber]:
        """Yield every subscriber that *scope* sees, in a bounded amount of memory."""
        last = -1
        while True:
            with self._store.read() as unit:
                some = unit.subscribers.after(scope, last, limit=EXPORT_AT_ONCE)
            if not some:
                return
            yield from some
            last = some[-1].ordinal


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
    added = [one for at, one in register.now.items() if register.before[at] is None]
    changed = [
        one
        for at, one in register.now.items()
        if register.before[at] is not None and register.before[at] != one
    ]
    unit.subscribers.add(added)
    unit.subscribers.replace(changed)
    unit.audience.note(
        root_id,
        [
            (at, current_facts(register.before[at]))
            for at, one in register.now.items()
            if current_facts(register.before[at]) != current_facts(one)
        ],
    )
