"""Containers, their origins and their VAPID pairs."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from tocsin.domain.account import Scope
from tocsin.domain.container import WEB, Container, ContainerDraft, SealedKey
from tocsin.domain.listing import ListQuery
from tocsin.store.queries import find_page, whole_seconds
from tocsin.store.scoping import seen_by
from tocsin.store.tables import (
    container,
    container_group_item,
    container_origin,
    refused_key,
    subscriber,
    subscription,
    vapid_key,
)

_END_OF_IDS: Final = 1 << 63  # what databases number by themselves is below it


class Containers:
    """Rows of ``container``, ``container_origin`` and ``vapid_key``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, scope: Scope, draft: ContainerDraft, *, key: str, now_ms: int) -> int:
        """Add a container; return its id."""
        container_id: int = self._connection.execute(
            insert(container)
            .values(
                root_id=scope.root_id,
                account_id=scope.account_id,
                name=draft.name,
                type=draft.type,
                key=key,
                create_ms=now_ms,
                update_ms=now_ms,
            )
            .returning(container.c.id)
        ).scalar_one()
        self._put_applications(container_id, draft)
        return container_id

    def _put_applications(self, container_id: int, draft: ContainerDraft) -> None:
        named = zip(draft.origins + draft.bundles, draft.hosts, strict=True)
        rows = [
            {"container_id": container_id, "position": position, "origin": origin, "host": host}
            for position, (origin, host) in enumerate(named)
        ]
        if rows:
            self._connection.execute(insert(container_origin), rows)

    def replace(self, container_id: int, draft: ContainerDraft, *, now_ms: int) -> None:
        """Write the name and the applications of a container anew."""
        self._connection.execute(
            update(container)
            .where(container.c.id == container_id)
            .values(name=draft.name, update_ms=now_ms)
        )
        self._drop_applications(container_id)
        self._put_applications(container_id, draft)

    def _drop_applications(self, container_id: int) -> None:
        self._connection.execute(
            delete(container_origin).where(container_origin.c.container_id == container_id)
        )

    def remove(self, container_id: int) -> None:
        """Forget a container that has no subscribers; groups have it no more."""
        self._drop_applications(container_id)
        pairs = select(vapid_key.c.id).where(vapid_key.c.container_id == container_id)
        self._connection.execute(delete(refused_key).where(refused_key.c.vapid_key_id.in_(pairs)))
        for table in (container_group_item, vapid_key):
            self._connection.execute(delete(table).where(table.c.container_id == container_id))
        self._connection.execute(delete(container).where(container.c.id == container_id))

    def add_vapid_key(
        self, container_id: int, *, public_key: str, sealed_private: bytes, now_ms: int
    ) -> int:
        """Add a VAPID pair, which new subscriptions are made with from now on; return its id."""
        found: int = self._connection.execute(
            insert(vapid_key)
            .values(
                container_id=container_id,
                public_key=public_key,
                sealed_private=sealed_private,
                create_ms=now_ms,
            )
            .returning(vapid_key.c.id)
        ).scalar_one()
        return found

    def vapid_keys(self, key_ids: Iterable[int]) -> list[SealedKey]:
        """Return the VAPID pairs with these ids, in their order."""
        rows = self._connection.execute(
            select(
                vapid_key.c.id,
                vapid_key.c.container_id,
                vapid_key.c.public_key,
                vapid_key.c.sealed_private,
            )
            .where(vapid_key.c.id.in_(list(key_ids)))
            .order_by(vapid_key.c.id)
        )
        return [SealedKey(*row) for row in rows]

    def all_vapid_keys(self) -> list[SealedKey]:
        """Return every VAPID pair."""
        rows = self._connection.execute(
            select(
                vapid_key.c.id,
                vapid_key.c.container_id,
                vapid_key.c.public_key,
                vapid_key.c.sealed_private,
            )
        )
        return [SealedKey(*row) for row in rows]

    def by_key(self, key: str) -> Container | None:
        """Return the container with this public key."""
        return self._one(_containers().where(container.c.key == key))

    def find(self, scope: Scope, name: str) -> Container | None:
        """Return the container of *scope* whose id or key is *name*."""
        return self._one(_containers().where(_is_called(name), *seen_by(scope, container)))

    def named(self, name: str) -> Container | None:
        """Return the container, whosever it is, whose id or key is *name*."""
        return self._one(_containers().where(_is_called(name)))

    def by_id(
        self, scope: Scope, container_id: int, *, to_change: bool = False
    ) -> Container | None:
        """Return a container of *scope*. to_change: others wait with theirs until commit."""
        query = _containers().where(container.c.id == container_id, *seen_by(scope, container))
        return self._one(query.with_for_update(of=container) if to_change else query)

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Container]]:
        """Return how many containers that *scope* sees fit *query*, and its page of them."""
        columns = {
            "id": container.c.id,
            "account_id": container.c.account_id,
            "name": container.c.name,
            "type": container.c.type,
            "status": case(
                (container.c.first_event_ms.is_(None), "not-installed"), else_="installed"
            ),
            "create_time": whole_seconds(container.c.create_ms),
            "update_time": whole_seconds(container.c.update_ms),
        }
        total, rows = find_page(
            self._connection,
            _containers().where(*seen_by(scope, container)),
            query,
            columns=columns,
            newest=container.c.id,
        )
        return total, self._many(rows)

    def kept(self, scope: Scope, container_ids: Iterable[int]) -> set[int]:
        """Return those of *container_ids* that *scope* sees; they stay until commit."""
        possible = [number for number in container_ids if number < _END_OF_IDS]
        return set(
            self._connection.scalars(
                select(container.c.id)
                .where(container.c.id.in_(possible), *seen_by(scope, container))
                .with_for_update(read=True, key_share=True)
            )
        )

    def active_counts(self, root_id: int, container_ids: Iterable[int]) -> dict[int, int]:
        """Return how many active subscribers each of these containers has, if it has any."""
        rows = self._connection.execute(
            select(subscriber.c.container_id, func.count().label("held"))
            .where(
                subscriber.c.root_id == root_id,
                subscriber.c.container_id.in_(list(container_ids)),
                subscriber.c.active,
            )
            .group_by(subscriber.c.container_id)
        )
        return {row.container_id: row.held for row in rows}

    def holds_anybody(self, root_id: int, container_id: int) -> bool:
        """Return whether anybody is a subscriber of a container, or was, or uses its VAPID pair.

        Who moves to another container of the tenant keeps the pair of their subscription.
        """
        belongs = select(subscriber.c.ordinal).where(
            subscriber.c.root_id == root_id, subscriber.c.container_id == container_id
        )
        uses = (
            select(subscription.c.ordinal)
            .join(vapid_key, vapid_key.c.id == subscription.c.vapid_key_id)
            .where(subscription.c.root_id == root_id, vapid_key.c.container_id == container_id)
        )
        found: bool = self._connection.execute(
            select(belongs.exists() | uses.exists())
        ).scalar_one()
        return found

    def _one(self, query: Select[Any]) -> Container | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else self._many([row])[0]

    def _many(self, rows: Sequence[Row[Any]]) -> list[Container]:
        named: dict[int, list[str]] = {row.id: [] for row in rows}
        for container_id, origin in self._connection.execute(
            select(container_origin.c.container_id, container_origin.c.origin)
            .where(container_origin.c.container_id.in_(list(named)))
            .order_by(container_origin.c.container_id, container_origin.c.position)
        ):
            named[container_id].append(origin)
        return [
            Container(
                id=row.id,
                root_id=row.root_id,
                account_id=row.account_id,
                name=row.name,
                type=row.type,
                key=row.key,
                origins=tuple(named[row.id]) if row.type == WEB else (),
                bundles=() if row.type == WEB else tuple(named[row.id]),
                vapid_key_id=row.vapid_key_id,
                vapid_public_key=row.public_key,
                first_event_ms=row.first_event_ms,
                create_ms=row.create_ms,
                update_ms=row.update_ms,
            )
            for row in rows
        ]

    def mark_seen(self, container_ids: Iterable[int], *, now_ms: int) -> None:
        """Note the first event of these containers: from now on they are installed."""
        self._connection.execute(
            update(container)
            .where(container.c.id.in_(list(container_ids)), container.c.first_event_ms.is_(None))
            .values(first_event_ms=now_ms)
        )


def _is_called(name: str) -> ColumnElement[bool]:
    same = container.c.key == name
    if name.isascii() and name.isdigit() and len(name) < 19:
        same |= container.c.id == int(name)
    return same


def _containers() -> Select[Any]:
    newest = (
        select(func.max(vapid_key.c.id))
        .where(vapid_key.c.container_id == container.c.id)
        .correlate(container)
        .scalar_subquery()
    )
    return select(container, vapid_key.c.id.label("vapid_key_id"), vapid_key.c.public_key).join(
        vapid_key, vapid_key.c.id == newest
    )
