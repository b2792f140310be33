"""The sending room's books: leases, what a parcel needs, and what became of its recipients."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin.domain.adex import shown_message
from tocsin.domain.container import SealedKey
from tocsin.domain.execution import Execution, Order
from tocsin.domain.macros import attributes_of
from tocsin.domain.message import macros_of
from tocsin.domain.parcel import Parcel
from tocsin.domain.subscriber import Facts, facts
from tocsin.domain.subscription import Recipient, Subscriber

HOLD_MS: Final = 10_000
"""How long a lease lasts; its holder renews it with every record."""


class Parcels(Protocol):
    """What sending needs of parcels."""

    def next_due_ms(self) -> int | None: ...
    def lease(self, *, now_ms: int, hold_ms: int, limit: int) -> list[Parcel]: ...
    def record(self, held: Parcel, *, due_ms: int, keep: bool) -> bool: ...


class Executions(Protocol):
    """What sending needs of executions."""

    def by_id(self, execution_id: int) -> Execution | None: ...


class Subscribers(Protocol):
    """What sending needs of subscribers."""

    def recipients(
        self, root_id: int, ordinals: Iterable[int], *, wanted: Collection[str]
    ) -> dict[int, Recipient]: ...
    def by_ordinal(self, root_id: int, ordinals: Iterable[int]) -> dict[int, Subscriber]: ...
    def retire(self, root_id: int, ordinal: int, *, generation: int) -> bool: ...


class Containers(Protocol):
    """What sending needs of containers."""

    def vapid_keys(self, key_ids: Iterable[int]) -> list[SealedKey]: ...


class Audience(Protocol):
    """What sending needs of the audience index."""

    def note(self, root_id: int, changes: Sequence[tuple[int, Facts]]) -> None: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def parcels(self) -> Parcels: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def subscribers(self) -> Subscribers: ...
    @property
    def containers(self) -> Containers: ...
    @property
    def audience(self) -> Audience: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is needed to send a parcel: the order, and its pending recipients by index.

    Who is pending but not here has left since the parcel was cut.
    """

    task_id: int
    order: Order
    recipients: Mapping[int, Recipient]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a parcel stands after a record: is the lease still ours, may it still be sent?"""

    ours: bool
    sendable: bool


class Sending:
    """Any number of senders may run: a parcel is written to only under its newest fence."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def next_due_ms(self) -> int | None:
        """Return when there is a parcel to lease, in the past if there is now; None: never."""
        with self._store.read() as unit:
            return unit.parcels.next_due_ms()

    def lease(self, *, now_ms: int, limit: int) -> list[Parcel]:
        """Take up to *limit* parcels that are due."""
        with self._store.write() as unit:
            return unit.parcels.lease(now_ms=now_ms, hold_ms=HOLD_MS, limit=limit)

    def manifest(self, parcel: Parcel) -> Manifest:
        """Return what is needed to send *parcel*, as of now: rows are read anew for every lease."""
        indices = {parcel.ordinals[index]: index for index in parcel.pending()}
        with self._store.read() as unit:
            execution = unit.executions.by_id(parcel.execution_id)
            if execution is None:
                raise LookupError(f"parcel {parcel.id} has no execution {parcel.execution_id}")
            found = unit.subscribers.recipients(
                parcel.root_id, indices, wanted=_wanted(execution.order)
            )
        return Manifest(
            task_id=execution.task_id,
            order=execution.order,
            recipients={indices[ordinal]: recipient for ordinal, recipient in found.items()},
        )

    def vapid_keys(self, key_ids: Iterable[int]) -> list[SealedKey]:
        """Return VAPID pairs, still sealed."""
        with self._store.read() as unit:
            return unit.containers.vapid_keys(key_ids)

    def record(
        self, parcel: Parcel, *, gone: Sequence[tuple[int, int]], due_ms: int, keep: bool
    ) -> Standing:
        """Write a parcel's outcomes, and retire who is gone, in one transaction.

        gone: (ordinal, generation) of those whose push service said so; one who subscribed
        anew in the meantime is of another generation and stays. due_ms: when the parcel may be
        leased again. keep: until then the lease is ours, else it is given back.
        """
        with self._store.write() as unit:
            if not unit.parcels.record(parcel, due_ms=due_ms, keep=keep):
                return Standing(ours=False, sendable=False)
            if gone:
                self._retire(unit, parcel.root_id, gone)
            execution = unit.executions.by_id(parcel.execution_id)
        return Standing(ours=True, sendable=execution is not None and execution.is_sendable)

    def _retire(self, unit: Unit, root_id: int, gone: Sequence[tuple[int, int]]) -> None:
        known = unit.subscribers.by_ordinal(root_id, [ordinal for ordinal, _ in gone])
        unit.audience.note(
            root_id,
            [
                (ordinal, facts(known[ordinal].attributes))
                for ordinal, generation in gone
                if unit.subscribers.retire(root_id, ordinal, generation=generation)
            ],
        )


def _wanted(order: Order) -> frozenset[str]:
    """Return the attributes that the macros of an order's message are read from."""
    message = shown_message(order.message, order.adex)
    return frozenset() if message is None else attributes_of(macros_of(message))
