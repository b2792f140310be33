"""Containers: made with a public key and a VAPID pair of their own."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tocsin.domain.account import Scope
from tocsin.domain.container import Container, origin_of
from tocsin.domain.errors import Fault, Invalid, NotFound
from tocsin.domain.keyring import NONCE_BYTES, Keyring
from tocsin.webpush.vapid import dump_private_key, public_key_text

KEY_BYTES: Final = 12
MAX_NAME_BYTES: Final = 255
# What base64url is made of. A key from an address may be any text, such as PostgreSQL refuses.
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Containers(Protocol):
    """The store's side."""

    def add(
        self,
        scope: Scope,
        *,
        name: str,
        kind: str,
        key: str,
        origins: Mapping[str, str],
        now_ms: int,
    ) -> int: ...
    def add_vapid_key(
        self, container_id: int, *, public_key: str, sealed_private: bytes, now_ms: int
    ) -> int: ...
    def by_key(self, key: str) -> Container | None: ...
    def find(self, scope: Scope, name: str) -> Container | None: ...


class Unit(Protocol):
    """One transaction."""

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
    """Where keys come from."""

    def token_bytes(self, count: int, /) -> bytes: ...
    def p256_key(self) -> EllipticCurvePrivateKey: ...


class ContainerService:
    """Makes containers and finds them by what the public or an operator knows."""

    def __init__(self, store: Store, *, clock: Clock, entropy: Entropy, keyring: Keyring) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._keyring = keyring

    def create(self, scope: Scope, *, name: str, origins: Sequence[str]) -> Container:
        """Return a new web container for the pages of *origins*. Raises Invalid."""
        wanted = _check(name, origins)
        key = urlsafe_b64encode(self._entropy.token_bytes(KEY_BYTES)).decode("ascii")
        private = self._entropy.p256_key()
        public_key = public_key_text(private.public_key())
        now_ms = self._clock.now_ms()
        with self._store.write() as unit:
            container_id = unit.containers.add(
                scope,
                name=name,
                kind="web",
                key=key,
                origins={origin: urlsplit(origin).hostname or "" for origin in wanted},
                now_ms=now_ms,
            )
            vapid_key_id = unit.containers.add_vapid_key(
                container_id,
                public_key=public_key,
                sealed_private=self._keyring.seal(
                    dump_private_key(private),
                    place=f"vapid/{container_id}",
                    nonce=self._entropy.token_bytes(NONCE_BYTES),
                ),
                now_ms=now_ms,
            )
        return Container(
            id=container_id,
            root_id=scope.root_id,
            account_id=scope.account_id,
            name=name,
            type="web",
            key=key,
            origins=wanted,
            vapid_key_id=vapid_key_id,
            vapid_public_key=public_key,
        )

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


def _check(name: str, origins: Sequence[str]) -> tuple[str, ...]:
    """Return the origins, each once, as browsers write them. Raises Invalid with every fault."""
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
    return tuple(wanted)
