"""Subscribers and the subscriptions that the sender reads."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    case,
    delete,
    insert,
    select,
    update,
)

from tocsin.domain.account import Scope
from tocsin.domain.listing import ListQuery
from tocsin.domain.subscriber import Attributes, texts_of
from tocsin.domain.subscription import Recipient, Subscriber, Subscription
from tocsin.store.queries import find_page, whole_seconds
from tocsin.store.scoping import seen_by
from tocsin.store.tables import container, subscriber, subscriber_attribute, subscription

_AT_ONCE: Final = 500
_Value = TypeVar("_Value", int, bytes)
# root_id, key, value, ordinal: the columns of subscriber_attribute, all of which are its key.
_CustomRow: TypeAlias = tuple[int, str, str, int]
# What a list of subscribers is sorted by and filtered by, as clients call it.
_FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    "id": subscriber.c.id,
    "account_id": subscriber.c.account_id,
    "container_id": subscriber.c.container_id,
    "application": subscriber.c.host,
    "country": subscriber.c.country,
    "region": subscriber.c.region,
    "city": subscriber.c.city,
    "language": subscriber.c.language,
    "timezone": subscriber.c.time_zone,
    "browser": subscriber.c.browser,
    "os": subscriber.c.os,
    "remote_user_id": subscriber.c.remote_user_id,
    "subscribed_at": whole_seconds(subscriber.c.subscribed_ms),
    "last_seen": whole_seconds(subscriber.c.last_seen_ms),
    "status": case((subscriber.c.active, "active"), else_="unsubscribed"),
}
_ATTRIBUTES: Final = tuple(Attributes.__dataclass_fields__)
_CONTAINER_TYPE: Final = (
    select(container.c.type).where(container.c.id == subscriber.c.container_id).scalar_subquery()
)


class Subscribers:
    """Rows of ``subscriber`` and ``subscription``, which share their key.

    ``subscriber_attribute``, which says of custom data who has what, is written with them.
    """

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

    def by_id(
        self, container_id: int, subscriber_id: int, *, to_change: bool = False
    ) -> Subscriber | None:
        """Return one subscriber of a container. to_change: others wait until commit."""
        query = _subscribers().where(
            subscriber.c.id == subscriber_id, subscriber.c.container_id == container_id
        )
        row = self._connection.execute(
            query.with_for_update(of=subscriber) if to_change else query
        ).one_or_none()
        return None if row is None else _subscriber(row)

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
            self._insert_custom(row for one in new for row in _custom(one))

    def replace(self, known: Sequence[Subscriber]) -> None:
        """Write subscribers that are there already anew: every column but the key."""
        if known:
            self._rewrite(subscriber, [_person(one) for one in known])
            self._rewrite(subscription, [_address(one) for one in known])
            for root_id in {one.root_id for one in known}:
                self._replace_custom(root_id, [one for one in known if one.root_id == root_id])

    def _replace_custom(self, root_id: int, known: Sequence[Subscriber]) -> None:
        """Write what differs of the custom data of some of one tenant."""
        table = subscriber_attribute
        before: set[_CustomRow] = set()
        for some in _slices([one.ordinal for one in known]):
            rows = self._connection.execute(
                select(table.c.root_id, table.c.key, table.c.value, table.c.ordinal).where(
                    table.c.root_id == root_id, table.c.ordinal.in_(some)
                )
            )
            before.update((row.root_id, row.key, row.value, row.ordinal) for row in rows)
        now = {row for one in known for row in _custom(one)}
        if before - now:
            columns = list(table.c)
            self._connection.execute(
                delete(table).where(*(one == bindparam(f"at_{one.name}") for one in columns)),
                [
                    {f"at_{one.name}": value for one, value in zip(columns, row, strict=True)}
                    for row in sorted(before - now)
                ],
            )
        self._insert_custom(sorted(now - before))

    def _insert_custom(self, rows: Iterable[_CustomRow]) -> None:
        names = [column.name for column in subscriber_attribute.c]
        named = [dict(zip(names, row, strict=True)) for row in rows]
        if named:
            self._connection.execute(insert(subscriber_attribute), named)

    def erase(self, root_id: int, ordinal: int) -> bool:
        """Delete all that is known of a subscriber; return whether there was one.

        The facts they stood under are for the caller to note for the index.
        """
        gone = 0
        for table in (subscription, subscriber_attribute, subscriber):
            gone = self._connection.execute(
                delete(table).where(table.c.root_id == root_id, table.c.ordinal == ordinal)
            ).rowcount
        return gone == 1

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

    def recipients(
        self, root_id: int, ordinals: Iterable[int], *, wanted: Collection[str] = ()
    ) -> dict[int, Recipient]:
        """Return what the sender needs of those that are active, by ordinal.

        wanted: attributes that it needs beyond, by the names of Attributes; besides them ``id``
        and ``container_type``.
        """
        names = sorted(wanted)
        more = [
            _CONTAINER_TYPE if name == "container_type" else subscriber.c[name] for name in names
        ]
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
                    *more,
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
            if not names:
                found.update((row.ordinal, Recipient(*row)) for row in rows)
                continue
            for row in rows:
                known = dict(zip(names, row[-len(names) :], strict=True))
                found[row.ordinal] = Recipient(*(*row[: -len(names)], known))
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

    def seen(
        self, scope: Scope, ids: Collection[int], *, to_change: bool = False
    ) -> list[Subscriber]:
        """Return the subscribers of *scope* with these ids. to_change: others wait until commit."""
        found: list[Subscriber] = []
        for some in _slices(sorted(ids)):
            query = (
                _subscribers()
                .where(subscriber.c.id.in_(some), *seen_by(scope, subscriber))
                .order_by(subscriber.c.ordinal)
            )
            rows = self._connection.execute(
                query.with_for_update(of=subscriber) if to_change else query
            )
            found += map(_subscriber, rows)
        return found

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Subscriber]]:
        """Return how many subscribers that *scope* sees fit *query*, and its page of them."""
        total, rows = find_page(
            self._connection,
            _subscribers().where(*seen_by(scope, subscriber)),
            query,
            columns=_FIELDS,
            newest=subscriber.c.ordinal,
        )
        return total, [_subscriber(row) for row in rows]


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


def _custom(one: Subscriber) -> list[_CustomRow]:
    return [
        (one.root_id, key, text, one.ordinal)
        for key, value in one.attributes.user_data.items()
        for text in sorted(texts_of(value))
    ]


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
