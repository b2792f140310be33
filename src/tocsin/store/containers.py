"""Containers, their origins and their VAPID pairs."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Select, func, insert, select, update

from tocsin.domain.account import Scope
from tocsin.domain.container import Container, SealedKey
from tocsin.store.scoping import seen_by
from tocsin.store.tables import container, container_origin, vapid_key


class Containers:
    """Rows of ``container``, ``container_origin`` and ``vapid_key``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        scope: Scope,
        *,
        name: str,
        kind: str,
        key: str,
        origins: Mapping[str, str],
        now_ms: int,
    ) -> int:
        """Add a container; return its id. origins: origin -> its host name."""
        container_id: int = self._connection.execute(
            insert(container)
            .values(
                root_id=scope.root_id,
                account_id=scope.account_id,
                name=name,
                type=kind,
                key=key,
                create_ms=now_ms,
                update_ms=now_ms,
            )
            .returning(container.c.id)
        ).scalar_one()
        if origins:
            self._connection.execute(
                insert(container_origin),
                [
                    {"container_id": container_id, "position": n, "origin": origin, "host": host}
                    for n, (origin, host) in enumerate(origins.items())
                ],
            )
        return container_id

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
        """Return the VAPID pairs with these ids."""
        rows = self._connection.execute(
            select(
                vapid_key.c.id,
                vapid_key.c.container_id,
                vapid_key.c.public_key,
                vapid_key.c.sealed_private,
            ).where(vapid_key.c.id.in_(list(key_ids)))
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
        same = container.c.key == name
        if name.isascii() and name.isdigit() and len(name) < 19:
            same |= container.c.id == int(name)
        return self._one(_containers().where(same, *seen_by(scope, container)))

    def _one(self, query: Select[tuple[object, ...]]) -> Container | None:
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        origins = self._connection.scalars(
            select(container_origin.c.origin)
            .where(container_origin.c.container_id == row.id)
            .order_by(container_origin.c.position)
        ).all()
        return Container(
            id=row.id,
            root_id=row.root_id,
            account_id=row.account_id,
            name=row.name,
            type=row.type,
            key=row.key,
            origins=tuple(origins),
            vapid_key_id=row.vapid_key_id,
            vapid_public_key=row.public_key,
        )

    def mark_seen(self, container_ids: Iterable[int], *, now_ms: int) -> None:
        """Note the first event of these containers: from now on they are installed."""
        self._connection.execute(
            update(container)
            .where(container.c.id.in_(list(container_ids)), container.c.first_event_ms.is_(None))
            .values(first_event_ms=now_ms)
        )


def _containers() -> Select[tuple[object, ...]]:
    newest = (
        select(func.max(vapid_key.c.id))
        .where(vapid_key.c.container_id == container.c.id)
        .correlate(container)
        .scalar_subquery()
    )
    return select(container, vapid_key.c.id.label("vapid_key_id"), vapid_key.c.public_key).join(
        vapid_key, vapid_key.c.id == newest
    )
