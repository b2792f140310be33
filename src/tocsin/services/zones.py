"""Zones: kept with the values of their headers sealed, for these are secrets of the customer."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.errors import Conflict, NotFound
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.keyring import NONCE_BYTES, CannotUnseal, Keyring
from tocsin.domain.listing import ListQuery
from tocsin.domain.mention import Mention, mentions_text
from tocsin.domain.zone import Zone, ZoneDraft, header_place
from tocsin.services.idempotency import Requests, once


class Zones(Protocol):
    """The store's side of zones."""

    def add(self, scope: Scope, draft: ZoneDraft, *, now_ms: int) -> int: ...
    def find(self, scope: Scope, zone_id: int, *, to_change: bool = False) -> Zone | None: ...
    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Zone]]: ...
    def replace(self, zone_id: int, draft: ZoneDraft, *, now_ms: int) -> None: ...
    def set_headers(
        self, zone_id: int, *, kept: Collection[str], sealed: Mapping[str, bytes]
    ) -> None: ...
    def remove(self, zone_id: int) -> None: ...
    def sealed_headers(self) -> Sequence[tuple[int, str, bytes]]: ...


class Mentions(Protocol):
    """The store's side of what names what."""

    def drawing(self, scope: Scope, zone: Zone) -> Sequence[Mention]: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def zones(self) -> Zones: ...
    @property
    def mentions(self) -> Mentions: ...
    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class Entropy(Protocol):
    """Where nonces come from."""

    def token_bytes(self, count: int, /) -> bytes: ...


class ZoneService:
    """Every method sees what its scope sees, and nothing else."""

    def __init__(self, store: Store, *, entropy: Entropy, keyring: Keyring) -> None:
        self._store = store
        self._entropy = entropy
        self._keyring = keyring

    def create(
        self, scope: Scope, draft: ZoneDraft, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Take *draft*; the receipt tells its id. Raises Conflict."""
        with self._store.write() as unit:

            def add() -> str:
                zone_id = unit.zones.add(scope, draft, now_ms=now_ms)
                self._set_headers(unit, zone_id, draft)
                return str(zone_id)

            return once(unit, claim, now_ms=now_ms, act=add)

    def view(self, scope: Scope, zone_id: int) -> Zone:
        """Return one zone. Raises NotFound."""
        with self._store.read() as unit:
            return _seen(unit, scope, zone_id)

    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Zone]]:
        """Return how many zones fit *query*, and its page of them."""
        with self._store.read() as unit:
            return unit.zones.listed(scope, query)

    def change(
        self, scope: Scope, zone_id: int, edit: Callable[[Zone], ZoneDraft], *, now_ms: int
    ) -> None:
        """Make a zone what *edit* makes of it. Raises NotFound, Invalid."""
        with self._store.write() as unit:
            draft = edit(_seen(unit, scope, zone_id, to_change=True))
            unit.zones.replace(zone_id, draft, now_ms=now_ms)
            self._set_headers(unit, zone_id, draft)

    def remove(self, scope: Scope, zone_id: int) -> None:
        """Forget a zone. Raises NotFound, and Conflict while an active task draws from it."""
        with self._store.write() as unit:
            zone = _seen(unit, scope, zone_id, to_change=True)
            drawing = unit.mentions.drawing(scope, zone)
            if drawing:
                who = mentions_text(drawing)
                raise Conflict(
                    f"zone {zone_id} is the demand source of {who}: change or end that first"
                )
            unit.zones.remove(zone_id)

    def complaint(self) -> str | None:
        """Return which header of a zone does not open with the secret key; None for none."""
        with self._store.read() as unit:
            sealed = unit.zones.sealed_headers()
        for zone_id, name, value in sealed:
            try:
                self._keyring.unseal(value, place=header_place(zone_id, name))
            except CannotUnseal:
                return (
                    f"the header {name} of zone {zone_id} cannot be opened: is this the secret "
                    "key it was sealed with? Else write its value anew with a PATCH of the zone"
                )
        return None

    def _set_headers(self, unit: Unit, zone_id: int, draft: ZoneDraft) -> None:
        """Seal the values that are there, each for its own place."""
        sealed = {
            name: self._keyring.seal(
                value.encode(),
                place=header_place(zone_id, name),
                nonce=self._entropy.token_bytes(NONCE_BYTES),
            )
            for name, value in draft.headers.items()
            if value is not None
        }
        unit.zones.set_headers(zone_id, kept=draft.headers.keys() - sealed.keys(), sealed=sealed)


def _seen(unit: Unit, scope: Scope, zone_id: int, *, to_change: bool = False) -> Zone:
    found = unit.zones.find(scope, zone_id, to_change=to_change)
    if found is None:
        raise NotFound("zone", str(zone_id))
    return found
