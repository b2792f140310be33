"""VAPID pairs that push services refuse."""

from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from tocsin.domain.container import RefusedKey
from tocsin.store.tables import refused_key, vapid_key
from tocsin.store.upsert import insert_new


class RefusedKeys:
    """Rows of ``refused_key``: never more than a few."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, vapid_key_id: int, origin: str, *, status: int, now_ms: int) -> RefusedKey | None:
        """Note that a push service refuses a pair; None when that is known, or the pair gone."""
        container_id = self._connection.scalar(
            select(vapid_key.c.container_id)
            .where(vapid_key.c.id == vapid_key_id)
            .with_for_update(read=True, key_share=True)
        )
        if container_id is None:
            return None
        row = {
            "vapid_key_id": vapid_key_id,
            "origin": origin,
            "status": status,
            "since_ms": now_ms,
        }
        if insert_new(self._connection, refused_key, row) is None:
            return None
        return RefusedKey(container_id, vapid_key_id, origin, status, now_ms)

    def lanes(self) -> set[tuple[str, int]]:
        """Return where nobody is to be sent to: (origin, VAPID pair)."""
        rows = self._connection.execute(select(refused_key.c.origin, refused_key.c.vapid_key_id))
        return {(row.origin, row.vapid_key_id) for row in rows}

    def count(self) -> int:
        """Return how many there are."""
        found: int = self._connection.execute(
            select(func.count()).select_from(refused_key)
        ).scalar_one()
        return found

    def all(self) -> list[RefusedKey]:
        """Return all there are, those of a container together."""
        return self._many(_refused_keys())

    def release(self, container_id: int) -> list[RefusedKey]:
        """Forget where the pairs of a container are refused; return what was known."""
        found = self._many(_refused_keys().where(vapid_key.c.container_id == container_id))
        self._connection.execute(
            delete(refused_key).where(
                refused_key.c.vapid_key_id.in_([one.vapid_key_id for one in found])
            )
        )
        return found

    def _many(self, query: Select[Any]) -> list[RefusedKey]:
        return [RefusedKey(*row) for row in self._connection.execute(query)]


def _refused_keys() -> Select[Any]:
    return (
        select(
            vapid_key.c.container_id,
            refused_key.c.vapid_key_id,
            refused_key.c.origin,
            refused_key.c.status,
            refused_key.c.since_ms,
        )
        .join(vapid_key, vapid_key.c.id == refused_key.c.vapid_key_id)
        .order_by(vapid_key.c.container_id, refused_key.c.origin, refused_key.c.vapid_key_id)
    )
