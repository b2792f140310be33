"""The sending room's books: leases, what a parcel needs, and what became of its recipients."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin.domain.adex import shown_message
from tocsin.domain.container import RefusedKey, SealedKey
from tocsin.domain.execution import Execution, Order
from tocsin.domain.macros import attributes_of
from tocsin.domain.message import macros_of
from tocsin.domain.parcel import PARCEL_SIZE, Parcel
from tocsin.domain.subscriber import Facts, facts
from tocsin.domain.subscription import Recipient, Subscriber

HOLD_MS: Final = 10_000
"""How long a lease lasts; its holder renews it with every record."""

ROOM: Final = 4 * PARCEL_SIZE
"""For how many recipients a sender has room: the next are read while the last answers come in."""


class Parcels(Protocol):
    """What sending needs of parcels."""

    def next_due_ms(self) -> int | None: ...
    def lease(
        self, *, now_ms: int, hold_ms: int, limit: int, room: int, beside: bool
    ) -> tuple[list[Parcel], list[Parcel]]: ...
    def record(self, entries: Sequence[tuple[Parcel, int, bool]]) -> set[int]: ...
    def rouse(self, parcel_ids: Iterable[int], *, due_ms: int) -> None: ...


class Executions(Protocol):
    """What sending needs of executions."""

    def by_ids(self, execution_ids: Iterable[int]) -> dict[int, Execution]: ...
    def sendable(self, execution_ids: Iterable[int]) -> set[int]: ...


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


class RefusedKeys(Protocol):
    """What sending needs of refused keys."""

    def add(
        self, vapid_key_id: int, origin: str, *, status: int, now_ms: int
    ) -> RefusedKey | None: ...
    def lanes(self) -> set[tuple[str, int]]: ...


class Audience(Protocol):
    """What sending needs of the audience index."""

    def note(self, root_id: int, changes: Sequence[tuple[int, Facts | None]]) -> None: ...


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
    def refused_keys(self) -> RefusedKeys: ...
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
class Entry:
    """What a sender has to say of a parcel that it holds.

    gone: (ordinal, generation) of those whose push service said so; one who subscribed anew in
    the meantime is of another generation and stays. due_ms: when the parcel may be leased again.
    keep: until then the lease is ours, else it is given back. awaited: (origin, VAPID key) of those
    who wait for their key to be released; once it is, the parcel given back is due at roused_ms.
    """

    parcel: Parcel
    due_ms: int
    keep: bool
    gone: Sequence[tuple[int, int]] = ()
    awaited: AbstractSet[tuple[str, int]] = frozenset()
    roused_ms: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a parcel stands after a record: is the lease still ours, may it still be sent?

    roused: it was to wait for a key that has been released.
    """

    ours: bool
    sendable: bool
    roused: bool = False


@dataclass(frozen=True, slots=True)
class Heeded:
    """What may be sent: of which executions, and not in which lanes, (origin, VAPID key)."""

    sendable: AbstractSet[int]
    refused: AbstractSet[tuple[str, int]]


class Sending:
    """Any number of senders may run: a parcel is written to only under its newest fence."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def next_due_ms(self) -> int | None:
        """Return when there is a parcel to lease, in the past if there is now; None: never."""
        with self._store.read() as unit:
            return unit.parcels.next_due_ms()

    def lease(
        self, *, now_ms: int, limit: int, room: int = ROOM, beside: bool = False
    ) -> tuple[list[Parcel], list[Parcel]]:
        """Take up to *limit* parcels that are due, with about *room* pending recipients.

        beside: others are in hand already, so none is taken whose last holder ended without a
        word. Beside them, return those that were parked instead, for they are not to be sent.
        """
        with self._store.write() as unit:
            return unit.parcels.lease(
                now_ms=now_ms, hold_ms=HOLD_MS, limit=limit, room=room, beside=beside
            )

    def manifests(self, parcels: Sequence[Parcel]) -> list[Manifest]:
        """Return what is needed to send each of *parcels*, as of now.

        Rows are read anew for every lease, those of all parcels that need the same together.
        """
        with self._store.read() as unit:
            executions = unit.executions.by_ids({parcel.execution_id for parcel in parcels})
            needs = [
                (parcel.root_id, _wanted(executions[parcel.execution_id].order))
                for parcel in parcels
            ]
            pending: dict[tuple[int, frozenset[str]], set[int]] = {}
            for parcel, need in zip(parcels, needs, strict=True):
                some = pending.setdefault(need, set())
                some.update(parcel.ordinals[index] for index in parcel.pending())
            found = {
                (root_id, wanted): unit.subscribers.recipients(root_id, ordinals, wanted=wanted)
                for (root_id, wanted), ordinals in pending.items()
            }
        return [
            _manifest(parcel, executions[parcel.execution_id], found[need])
            for parcel, need in zip(parcels, needs, strict=True)
        ]

    def heed(self, execution_ids: Iterable[int]) -> Heeded:
        """Return which of the executions may be sent now, and which keys are refused."""
        with self._store.read() as unit:
            return Heeded(unit.executions.sendable(execution_ids), unit.refused_keys.lanes())

    def refuse(self, statuses: Mapping[tuple[str, int], int], *, now_ms: int) -> list[RefusedKey]:
        """Pause containers where their key is refused; return what was not known before.

        statuses: what was answered, by (origin, VAPID key).
        """
        with self._store.write() as unit:
            added = [
                unit.refused_keys.add(key_id, origin, status=status, now_ms=now_ms)
                for (origin, key_id), status in sorted(statuses.items())
            ]
        return [one for one in added if one is not None]

    def vapid_keys(self, key_ids: Iterable[int]) -> list[SealedKey]:
        """Return VAPID pairs, still sealed."""
        with self._store.read() as unit:
            return unit.containers.vapid_keys(key_ids)

    def record(self, entries: Sequence[Entry]) -> list[Standing]:
        """Write parcels' outcomes, and retire who is gone, in one transaction.

        One whose lease was lost holds up no other. Return where each stands.
        """
        with self._store.write() as unit:
            ours = unit.parcels.record([(one.parcel, one.due_ms, one.keep) for one in entries])
            kept = [one for one in entries if one.parcel.id in ours]
            self._retire_all(unit, kept)
            sendable = unit.executions.sendable({one.parcel.execution_id for one in kept})
            roused = self._rouse(unit, [one for one in kept if one.awaited])
        return [
            Standing(
                ours=one.parcel.id in ours,
                sendable=one.parcel.id in ours and one.parcel.execution_id in sendable,
                roused=one.parcel.id in roused,
            )
            for one in entries
        ]

    def _rouse(self, unit: Unit, waiting: Sequence[Entry]) -> set[int]:
        """Let parcels fall due that were to wait for a key, if it was released meanwhile.

        Their rows are locked since they were written: whoever releases the key now rouses them.
        """
        refused = unit.refused_keys.lanes() if waiting else set()
        roused = [one for one in waiting if not one.awaited <= refused]
        for one in roused:
            unit.parcels.rouse([one.parcel.id], due_ms=one.roused_ms)
        return {one.parcel.id for one in roused}

    def _retire_all(self, unit: Unit, entries: Sequence[Entry]) -> None:
        """Retire who is gone, each tenant's by ordinal: of two senders none waits for the other."""
        gone: dict[int, set[tuple[int, int]]] = {}
        for one in entries:
            gone.setdefault(one.parcel.root_id, set()).update(one.gone)
        for root_id, some in sorted(gone.items()):
            if some:
                self._retire(unit, root_id, sorted(some))

    def _retire(self, unit: Unit, root_id: int, gone: Sequence[tuple[int, int]]) -> None:
        known = unit.subscribers.by_ordinal(root_id, {ordinal for ordinal, _ in gone})
        unit.audience.note(
            root_id,
            [
                (ordinal, facts(known[ordinal].attributes))
                for ordinal, generation in gone
                if unit.subscribers.retire(root_id, ordinal, generation=generation)
            ],
        )


def _manifest(parcel: Parcel, execution: Execution, people: Mapping[int, Recipient]) -> Manifest:
    indices = {index: parcel.ordinals[index] for index in parcel.pending()}
    return Manifest(
        task_id=execution.task_id,
        order=execution.order,
        recipients={
            index: people[ordinal] for index, ordinal in indices.items() if ordinal in people
        },
    )


def _wanted(order: Order) -> frozenset[str]:
    """Return the attributes that the macros of an order's message are read from."""
    message = shown_message(order.message, order.adex)
    return frozenset() if message is None else attributes_of(macros_of(message))
