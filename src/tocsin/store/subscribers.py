"""Subscribers and the subscriptions that the sender reads."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from tocsin.domain.account import Scope
from tocsin.domain.subscriber import Attributes
from tocsin.domain.subscription import Recipient, Subscriber, Subscription
from tocsin.store.scoping import seen_by
from tocsin.store.tables import subscriber, subscription

_AT_ONCE: Final = 500
_Value = TypeVar("_Value", int, bytes)
_ATTRIBUTES: Final = tuple(Attributes.__dataclass_fields__)


class Subscribers:
    """Rows of ``subscriber`` and ``subscription``, which share their key."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_endpoint_hash(self, root_id: int, hashes: Iterable[bytes]) -> dict[bytes, Subscriber]:
        """Return the tenant's subscribers whose endpoints have these hashes."""
        found = (
            self._many(root_id, subscription.c.endpoint_hash.in_(some))
            for some in _slices(list(hashes))
        )
        return {one.subscription.endpoint_hash: one for some in found for one in some}

    def by_ordinal(self, root_id: int, ordinals: Iterable[int]) -> dict[int, Subscriber]:
        """Return the tenant's subscribers with these ordinals."""
        found = (
            self._many(root_id, subscriber.c.ordinal.in_(some)) for some in _slices(list(ordinals))
        )
        return {one.ordinal: one for some in found for one in some}

    def by_id(self, container_id: int, subscriber_id: int) -> Subscriber | None:
        """Return one subscriber of a container."""
        row = self._connection.execute(
            _subscribers().where(
                subscriber.c.id == subscriber_id, subscriber.c.container_id == container_id
            )
        ).one_or_none()
        return None if row is None else _subscriber(row)

    def ordinals_of(self, root_id: int, ids: Iterable[int]) -> dict[int, int]:
        """Return the ordinals of the tenant's subscribers with these ids, by id."""
        ordinals: dict[int, int] = {}
        for some in _slices(list(ids)):
            rows = self._connection.execute(
                select(subscriber.c.id, subscriber.c.ordinal).where(
                    subscriber.c.root_id == root_id, subscriber.c.id.in_(some)
                )
            )
            ordinals.update((row.id, row.ordinal) for row in rows)
        return ordinals

    def _many(self, root_id: int, condition: ColumnElement[bool]) -> list[Subscriber]:
        rows = self._connection.execute(
            _subscribers().where(subscriber.c.root_id == root_id, condition)
        )
        return [_subscriber(row) for row in rows]

    def add(self, new: Sequence[Subscriber]) -> None:
        """Add subscribers."""
        if new:
            self._connection.execute(insert(subscriber), [_person(one) for one in new])
            self._connection.execute(insert(subscription), [_address(one) for one in new])

    def replace(self, known: Sequence[Subscriber]) -> None:
        """Write subscribers that are there already anew: every column but the key."""
        if known:
            self._rewrite(subscriber, [_person(one) for one in known])
            self._rewrite(subscription, [_address(one) for one in known])

    def _rewrite(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        columns = [name for name in rows[0] if name not in ("root_id", "ordinal")]
        self._connection.execute(
            update(table)
            .where(
                table.c.root_id == bindparam("at_root_id"),
                table.c.ordinal == bindparam("at_ordinal"),
            )
            .values({name: bindparam(f"new_{name}") for name in columns}),
            [
                {"at_root_id": row["root_id"], "at_ordinal": row["ordinal"]}
                | {f"new_{name}": row[name] for name in columns}
                for row in rows
            ],
        )

    def recipients(self, root_id: int, ordinals: Iterable[int]) -> dict[int, Recipient]:
        """Return what the sender needs of those that are active, by ordinal."""
        found: dict[int, Recipient] = {}
        for some in _slices(list(ordinals)):
            rows = self._connection.execute(
                select(
                    subscription.c.ordinal,
                    subscriber.c.language,
                    subscription.c.endpoint,
                    subscription.c.p256dh,
                    subscription.c.auth,
                    subscription.c.vapid_key_id,
                    subscription.c.generation,
                )
                .join(
                    subscriber,
                    (subscriber.c.root_id == subscription.c.root_id)
                    & (subscriber.c.ordinal == subscription.c.ordinal),
                )
                .where(
                    subscription.c.root_id == root_id,
                    subscription.c.ordinal.in_(some),
                    subscriber.c.active,
                )
            )
            found.update((row.ordinal, Recipient(*row)) for row in rows)
        return found

    def retire(self, root_id: int, ordinal: int, *, generation: int) -> bool:
        """Make a subscriber inactive if they are still of this generation; return whether so."""
        same = (
            select(subscription.c.ordinal)
            .where(
                subscription.c.root_id == root_id,
                subscription.c.ordinal == ordinal,
                subscription.c.generation == generation,
            )
            .exists()
        )
        changed = self._connection.execute(
            update(subscriber)
            .where(
                subscriber.c.root_id == root_id,
                subscriber.c.ordinal == ordinal,
                subscriber.c.active,
                same,
            )
            .values(active=False)
        )
        return changed.rowcount == 1

    def after(self, scope: Scope, ordinal: int, *, limit: int) -> list[Subscriber]:
        """Return up to *limit* subscribers that *scope* sees, in order, from past *ordinal* on."""
        rows = self._connection.execute(
            _subscribers()
            .where(*seen_by(scope, subscriber), subscriber.c.ordinal > ordinal)
            .order_by(subscriber.c.ordinal)
            .limit(limit)
        )
        return [_subscriber(row) for row in rows]


def _subscribers() -> Select[tuple[Any, ...]]:
    return select(
        subscriber,
        subscription.c.endpoint,
        subscription.c.p256dh,
        subscription.c.auth,
        subscription.c.vapid_key_id,
        subscription.c.generation,
    ).join(
        subscription,
        (subscriber.c.root_id == subscription.c.root_id)
        & (subscriber.c.ordinal == subscription.c.ordinal),
    )


def _subscriber(row: Row[tuple[Any, ...]]) -> Subscriber:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public accessor
    return Subscriber(
        root_id=row.root_id,
        ordinal=row.ordinal,
        id=row.id,
        active=row.active,
        attributes=Attributes(**{name: values[name] for name in _ATTRIBUTES}),
        subscription=Subscription(
            endpoint=row.endpoint,
            p256dh=row.p256dh,
            auth=row.auth,
            vapid_key_id=row.vapid_key_id,
            generation=row.generation,
        ),
        last_seen_ms=row.last_seen_ms,
    )


def _person(one: Subscriber) -> dict[str, Any]:
    return {
        "root_id": one.root_id,
        "ordinal": one.ordinal,
        "id": one.id,
        "active": one.active,
        "last_seen_ms": one.last_seen_ms,
        **asdict(one.attributes),
    }


def _address(one: Subscriber) -> dict[str, Any]:
    return {
        "root_id": one.root_id,
        "ordinal": one.ordinal,
        "endpoint_hash": one.subscription.endpoint_hash,
        **asdict(one.subscription),
    }


def _slices(whole: list[_Value]) -> Iterator[list[_Value]]:
    for start in range(0, len(whole), _AT_ONCE):
        yield whole[start : start + _AT_ONCE]
