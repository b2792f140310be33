"""Containers: made with a public key and a VAPID pair of their own."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tocsin.domain.account import Scope
from tocsin.domain.container import (
    MAX_NAME_BYTES,
    Container,
    ContainerDraft,
    RefusedKey,
    origin_of,
)
from tocsin.domain.errors import Conflict, Fault, Invalid, NotFound
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.keyring import NONCE_BYTES, Keyring
from tocsin.domain.listing import ListQuery
from tocsin.services.idempotency import Requests, once
from tocsin.webpush.vapid import dump_private_key, public_key_text

KEY_BYTES: Final = 12
# What base64url is made of. A key from an address may be any text, such as PostgreSQL refuses.
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Containers(Protocol):
    """The store's side."""

    def add(self, scope: Scope, draft: ContainerDraft, *, key: str, now_ms: int) -> int: ...
    def add_vapid_key(
        self, container_id: int, *, public_key: str, sealed_private: bytes, now_ms: int
    ) -> int: ...
    def by_key(self, key: str) -> Container | None: ...
    def find(self, scope: Scope, name: str) -> Container | None: ...
    def named(self, name: str) -> Container | None: ...
    def by_id(
        self, scope: Scope, container_id: int, *, to_change: bool = False
    ) -> Container | None: ...
    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Container]]: ...
    def active_counts(self, root_id: int, container_ids: Iterable[int]) -> Mapping[int, int]: ...
    def holds_anybody(self, root_id: int, container_id: int) -> bool: ...
    def replace(self, container_id: int, draft: ContainerDraft, *, now_ms: int) -> None: ...
    def remove(self, container_id: int) -> None: ...


class RefusedKeys(Protocol):
    """The store's side of keys that push services refuse."""

    def release(self, container_id: int) -> Sequence[RefusedKey]: ...


class Parcels(Protocol):
    """The store's side of parcels."""

    def rouse_waiting(self, root_id: int, *, due_ms: int) -> None: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def containers(self) -> Containers: ...
    @property
    def refused_keys(self) -> RefusedKeys: ...
    @property
    def parcels(self) -> Parcels: ...
    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class Clock(Protocol):
    """Wall time."""

    def now_ms(self) -> int: ...


class Entropy(Protocol):
    """Where keys come from."""

    def token_bytes(self, count: int, /) -> bytes: ...
    def p256_key(self) -> EllipticCurvePrivateKey: ...


@dataclass(frozen=True, slots=True)
class Counted:
    """A container, and how many active subscribers it has; None when nobody asked."""

    container: Container
    subscribers: int | None = None


class ContainerService:
    """Makes containers and finds them by what the public, a client or an operator knows."""

    def __init__(self, store: Store, *, clock: Clock, entropy: Entropy, keyring: Keyring) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._keyring = keyring

    def create(self, scope: Scope, *, name: str, origins: Sequence[str]) -> Container:
        """Return a new container for the pages of *origins*. Raises Invalid."""
        draft = _web_draft(name, origins)
        with self._store.write() as unit:
            container_id = self._add(unit, scope, draft, now_ms=self._clock.now_ms())
            return _seen(unit, scope, container_id)

    def order(
        self, scope: Scope, draft: ContainerDraft, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Take *draft*; the receipt tells its id. Raises Conflict."""
        with self._store.write() as unit:

            def add() -> str:
                return str(self._add(unit, scope, draft, now_ms=now_ms))

            return once(unit, claim, now_ms=now_ms, act=add)

    def _add(self, unit: Unit, scope: Scope, draft: ContainerDraft, *, now_ms: int) -> int:
        key = urlsafe_b64encode(self._entropy.token_bytes(KEY_BYTES)).decode("ascii")
        container_id = unit.containers.add(scope, draft, key=key, now_ms=now_ms)
        self._add_pair(unit, container_id, now_ms=now_ms)
        return container_id

    def _add_pair(self, unit: Unit, container_id: int, *, now_ms: int) -> None:
        private = self._entropy.p256_key()
        unit.containers.add_vapid_key(
            container_id,
            public_key=public_key_text(private.public_key()),
            sealed_private=self._keyring.seal(
                dump_private_key(private),
                place=f"vapid/{container_id}",
                nonce=self._entropy.token_bytes(NONCE_BYTES),
            ),
            now_ms=now_ms,
        )

    def rotate_key(
        self, scope: Scope, container_id: int, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Give new subscriptions a new VAPID pair; older ones keep theirs. Raises NotFound."""
        with self._store.write() as unit:

            def rotate() -> str:
                _seen(unit, scope, container_id, to_change=True)
                self._add_pair(unit, container_id, now_ms=now_ms)
                return ""

            return once(unit, claim, now_ms=now_ms, act=rotate)

    def resume(self, name: str) -> tuple[Container, Sequence[RefusedKey]]:
        """Send again where push services refused a container's keys; return where.

        name: its id or key. Raises NotFound.
        """
        with self._store.write() as unit:
            found = unit.containers.named(name)
            if found is None:
                raise NotFound("container", name)
            released = unit.refused_keys.release(found.id)
            if released:
                unit.parcels.rouse_waiting(found.root_id, due_ms=self._clock.now_ms())
        return found, released

    def change(
        self,
        scope: Scope,
        container_id: int,
        edit: Callable[[Container], ContainerDraft],
        *,
        now_ms: int,
    ) -> None:
        """Make a container what *edit* makes of it. Raises NotFound, Invalid."""
        with self._store.write() as unit:
            draft = edit(_seen(unit, scope, container_id, to_change=True))
            unit.containers.replace(container_id, draft, now_ms=now_ms)

    def remove(self, scope: Scope, container_id: int) -> None:
        """Forget a container. Raises NotFound, and Conflict while it has subscribers.

        Nobody arrives between the look and the deed: a registration keeps its container (the
        store's ``kept``) until it has committed, or finds it gone.
        """
        with self._store.write() as unit:
            _seen(unit, scope, container_id, to_change=True)
            if unit.containers.holds_anybody(scope.root_id, container_id):
                raise Conflict(
                    f"container {container_id} has subscribers, unsubscribed ones counted, "
                    "or others still use its VAPID key: erase those users first"
                )
            unit.containers.remove(container_id)

    def view(self, scope: Scope, container_id: int, *, count: bool) -> Counted:
        """Return one container. count: with its subscribers. Raises NotFound."""
        with self._store.read() as unit:
            return _counted(unit, scope, [_seen(unit, scope, container_id)], count=count)[0]

    def list(self, scope: Scope, query: ListQuery, *, count: bool) -> tuple[int, Sequence[Counted]]:
        """Return how many containers fit *query*, and its page of them."""
        with self._store.read() as unit:
            total, found = unit.containers.listed(scope, query)
            return total, _counted(unit, scope, found, count=count)

    def by_key(self, key: str) -> Container:
        """Return the container with this public key. Raises NotFound."""
        found = None
        if _KEY.fullmatch(key):
            with self._store.read() as unit:
                found = unit.containers.by_key(key)
        if found is None:
            raise NotFound("container", key)
        return found

    def find(self, scope: Scope, name: str) -> Container:
        """Return the container of *scope* with this id or key. Raises NotFound."""
        with self._store.read() as unit:
            found = unit.containers.find(scope, name)
        if found is None:
            raise NotFound("container", name)
        return found


def _seen(unit: Unit, scope: Scope, container_id: int, *, to_change: bool = False) -> Container:
    found = unit.containers.by_id(scope, container_id, to_change=to_change)
    if found is None:
        raise NotFound("container", str(container_id))
    return found


def _counted(
    unit: Unit, scope: Scope, found: Sequence[Container], *, count: bool
) -> Sequence[Counted]:
    if not count:
        return [Counted(one) for one in found]
    counts = unit.containers.active_counts(scope.root_id, [one.id for one in found])
    return [Counted(one, counts.get(one.id, 0)) for one in found]


def _web_draft(name: str, origins: Sequence[str]) -> ContainerDraft:
    """Return a container for *origins*, each once, as browsers write them. Raises Invalid."""
    faults = []
    if not name.strip() or len(name.encode()) > MAX_NAME_BYTES:
        faults.append(Fault("name", f"takes 1 to {MAX_NAME_BYTES} bytes of text"))
    if not origins:
        faults.append(Fault("origin", "name at least one: pages of no other may subscribe"))
    wanted: dict[str, None] = {}
    for origin in origins:
        try:
            wanted[origin_of(origin)] = None
        except ValueError as error:
            faults.append(Fault("origin", str(error)))
    if faults:
        raise Invalid(tuple(faults))
    return ContainerDraft(name=name, origins=tuple(wanted))
