"""Subscribers and the subscriptions that the sender reads."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    case,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from tocsin.domain.account import Scope
from tocsin.domain.enrolment import IdTaken
from tocsin.domain.listing import ListQuery
from tocsin.domain.subscriber import Attributes, same, texts_of
from tocsin.domain.subscription import Recipient, Subscriber, Subscription, endpoint_hash
from tocsin.store.bulk import Values, delete_rows, insert_rows, look_up, update_rows
from tocsin.store.columns import json_text, signed
from tocsin.store.queries import find_page, whole_seconds
from tocsin.store.scoping import seen_by
from tocsin.store.tables import container, subscriber, subscriber_attribute, subscription

_AT_ONCE: Final = 500
_STOCK: Final = 0x7374_6F63  # any number, the same in every process: whoever has it gathers
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
_ATTRIBUTES: Final = tuple(subscriber.c[name] for name in Attributes.__dataclass_fields__)
_SUBSCRIPTION: Final = tuple(subscription.c[name] for name in Subscription.__dataclass_fields__)
# What is read of a subscriber, and what is written of them: the key comes last.
_WHOLE: Final = (
    *(subscriber.c[name] for name in ("root_id", "ordinal", "id", "active", "last_seen_ms")),
    *_ATTRIBUTES,
    *_SUBSCRIPTION,
)
_OWN: Final = len(_WHOLE) - len(_ATTRIBUTES) - len(_SUBSCRIPTION)
_PERSON: Final = (
    *(subscriber.c[name] for name in ("id", "active", "last_seen_ms")),
    *_ATTRIBUTES,
    subscriber.c.root_id,
    subscriber.c.ordinal,
)
_ADDRESS: Final = (
    subscription.c.endpoint_hash,
    *_SUBSCRIPTION,
    subscription.c.root_id,
    subscription.c.ordinal,
)
_CUSTOM: Final = tuple(subscriber_attribute.c)
_ID_TAKEN: Final = re.compile(r"subscriber\.id|ix_subscriber_id")
_CONTAINER_TYPE: Final = (
    select(container.c.type).where(container.c.id == subscriber.c.container_id).scalar_subquery()
)


class Subscribers:
    """Rows of ``subscriber`` and ``subscription``, which share their key.

    ``subscriber_attribute``, which says of custom data who has what, is written with them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_endpoint(self, root_id: int, endpoints: Iterable[str]) -> dict[str, Subscriber]:
        """Return the tenant's subscribers at these endpoints; others wait for them until commit."""
        hashes = sorted(map(endpoint_hash, endpoints))
        ordinals: list[int] = []
        for some in _slices(hashes):
            ordinals += look_up(
                self._connection,
                subscription.c.ordinal,
                within=(subscription.c.root_id, root_id),
                column=subscription.c.endpoint_hash,
                values=some,
            )
        known = self.by_ordinal(root_id, ordinals).values()
        return {one.subscription.endpoint: one for one in known}

    def by_ordinal(self, root_id: int, ordinals: Iterable[int]) -> dict[int, Subscriber]:
        """Return the tenant's subscribers with these ordinals; others wait for them until commit.

        They are locked in the order of their ordinals, so that of two who want the same people
        none has what the other waits for.
        """
        found: dict[int, Subscriber] = {}
        for some in _slices(sorted(ordinals)):
            query = (
                _subscribers()
                .where(subscriber.c.root_id == root_id, subscriber.c.ordinal.in_(some))
                .order_by(subscriber.c.ordinal)
                .with_for_update(of=subscriber)
            )
            found.update((row.ordinal, _subscriber(row)) for row in self._connection.execute(query))
        return found

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

    def add(self, new: Sequence[Subscriber]) -> None:
        """Add subscribers. Raises IdTaken: then nothing more can be done in the transaction."""
        try:
            insert_rows(self._connection, _PERSON, [_person(one) for one in new])
        except IntegrityError as error:
            if _ID_TAKEN.search(str(error.orig)):
                raise IdTaken from error
            raise
        insert_rows(self._connection, _ADDRESS, [_address(one) for one in new])
        self._add_custom([row for one in new for row in _custom(one)])

    def replace(self, changes: Sequence[tuple[Subscriber, Subscriber]]) -> None:
        """Write subscribers that are there, as (before, after), anew: of each what differs.

        A row that differs is written whole. before: as the database has them.
        """
        update_rows(
            self._connection,
            _PERSON[:-2],
            [_person(new) for old, new in changes if not _same_person(old, new)],
        )
        update_rows(
            self._connection,
            _ADDRESS[:-2],
            [_address(new) for old, new in changes if old.subscription != new.subscription],
        )
        gone: list[_CustomRow] = []
        come: list[_CustomRow] = []
        for old, new in changes:
            if not same(old.attributes, new.attributes):
                before, after = set(_custom(old)), set(_custom(new))
                gone += before - after
                come += after - before
        delete_rows(self._connection, subscriber_attribute, sorted(gone))
        self._add_custom(come)

    def _add_custom(self, rows: Iterable[_CustomRow]) -> None:
        """Add rows of custom data in the order of their key: neighbours share a page.

        Many people have the same few values, so it is these that are sorted.
        """
        holders: dict[tuple[int, str, str], list[int]] = {}
        for root_id, key, value, ordinal in rows:
            holders.setdefault((root_id, key, value), []).append(ordinal)
        insert_rows(
            self._connection,
            _CUSTOM,
            [(*held, ordinal) for held in sorted(holders) for ordinal in sorted(holders[held])],
        )

    def erase(self, root_id: int, ordinal: int) -> bool:
        """Delete all that is known of a subscriber; return whether there was one.

        The facts they stood under are for the caller to note for the index.
        """
        for one in self.by_ordinal(root_id, [ordinal]).values():
            delete_rows(self._connection, subscriber_attribute, _custom(one))
            for table in (subscription, subscriber):
                delete_rows(self._connection, table, [(root_id, ordinal)])
            return True
        return False

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

    def take_stock(self) -> None:
        """Let PostgreSQL gather statistics, as it will by itself a minute later.

        Of several who ask at once one is served; the others would only wait in a row for the same.
        """
        if self._connection.dialect.name != "postgresql":
            return
        taken = text("SELECT pg_try_advisory_xact_lock(:key)")
        if self._connection.execute(taken, {"key": _STOCK}).scalar_one():
            self._connection.execute(text("ANALYZE subscriber, subscription, subscriber_attribute"))

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
        for some in _slices(sorted(map(signed, ids))):
            among = look_up(
                self._connection,
                subscriber.c.ordinal,
                within=(subscriber.c.root_id, scope.root_id),
                column=subscriber.c.id,
                values=some,
            )
            query = (
                _subscribers()
                .where(subscriber.c.ordinal.in_(among), *seen_by(scope, subscriber))
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
    return select(*_WHOLE).join(
        subscription,
        (subscriber.c.root_id == subscription.c.root_id)
        & (subscriber.c.ordinal == subscription.c.ordinal),
    )


def _subscriber(row: Row[tuple[Any, ...]]) -> Subscriber:
    """Return what a row of _WHOLE says."""
    values: tuple[Any, ...] = tuple(row)
    root_id, ordinal, number, active, last_seen_ms = values[:_OWN]
    attributes = Attributes(*values[_OWN : _OWN + len(_ATTRIBUTES)])
    held = Subscription(*values[_OWN + len(_ATTRIBUTES) :])
    return Subscriber(root_id, ordinal, number, active, attributes, held, last_seen_ms)


def _same_person(old: Subscriber, new: Subscriber) -> bool:
    """Return whether the values of _PERSON are the same."""
    return (
        old.active == new.active
        and old.last_seen_ms == new.last_seen_ms
        and same(old.attributes, new.attributes)
    )


def _person(one: Subscriber) -> Values:
    """Return the values of _PERSON."""
    known = one.attributes
    return (
        signed(one.id),
        one.active,
        one.last_seen_ms,
        known.account_id,
        known.container_id,
        known.host,
        known.country,
        known.region,
        known.city,
        known.language,
        known.time_zone,
        known.browser,
        known.os,
        known.remote_user_id,
        json_text(known.user_data),
        known.subscribed_ms,
        one.root_id,
        one.ordinal,
    )


def _address(one: Subscriber) -> Values:
    """Return the values of _ADDRESS."""
    held = one.subscription
    return (
        endpoint_hash(held.endpoint),
        held.endpoint,
        held.p256dh,
        held.auth,
        held.vapid_key_id,
        held.generation,
        one.root_id,
        one.ordinal,
    )


def _custom(one: Subscriber) -> list[_CustomRow]:
    """Return the values of _CUSTOM, a row for each key and value."""
    return [
        (one.root_id, key, text, one.ordinal)
        for key, value in one.attributes.user_data.items()
        for text in texts_of(value)
    ]


def _slices(whole: list[_Value]) -> Iterator[list[_Value]]:
    for start in range(0, len(whole), _AT_ONCE):
        yield whole[start : start + _AT_ONCE]
