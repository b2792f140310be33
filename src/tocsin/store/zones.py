"""Zones, and their sealed headers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from tocsin.domain.account import Scope
from tocsin.domain.keyring import SEAL_BYTES
from tocsin.domain.listing import ListQuery
from tocsin.domain.zone import Zone, ZoneDraft
from tocsin.store.queries import find_page, whole_seconds
from tocsin.store.scoping import seen_by
from tocsin.store.zone_tables import zone, zone_header

_END_OF_IDS: Final = 1 << 63  # what databases number by themselves is below it


class Zones:
    """Rows of ``zone`` and ``zone_header``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, scope: Scope, draft: ZoneDraft, *, now_ms: int) -> int:
        """Add a zone, without its headers; return its id."""
        found: int = self._connection.execute(
            insert(zone)
            .values(
                root_id=scope.root_id,
                account_id=scope.account_id,
                create_ms=now_ms,
                update_ms=now_ms,
                **_ordered(draft),
            )
            .returning(zone.c.id)
        ).scalar_one()
        return found

    def find(self, scope: Scope, zone_id: int, *, to_change: bool = False) -> Zone | None:
        """Return a zone that *scope* sees. to_change: others wait with theirs until commit."""
        if zone_id >= _END_OF_IDS:
            return None
        query = select(zone).where(zone.c.id == zone_id, *seen_by(scope, zone))
        row = self._connection.execute(
            query.with_for_update() if to_change else query
        ).one_or_none()
        return None if row is None else self._zones([row])[0]

    def is_there(self, scope: Scope, zone_id: int, *, keep: bool) -> bool:
        """Return whether *scope* sees a zone of this id. keep: it stays until commit."""
        if zone_id >= _END_OF_IDS:
            return False
        query = select(zone.c.id).where(zone.c.id == zone_id, *seen_by(scope, zone))
        if keep:
            query = query.with_for_update(read=True, key_share=True)
        return self._connection.scalar(query) is not None

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Zone]]:
        """Return how many zones that *scope* sees fit *query*, and its page of them."""
        columns = {
            "id": zone.c.id,
            "name": zone.c.name,
            "protocol": zone.c.protocol,
            "create_time": whole_seconds(zone.c.create_ms),
            "update_time": whole_seconds(zone.c.update_ms),
        }
        total, rows = find_page(
            self._connection,
            select(zone).where(*seen_by(scope, zone)),
            query,
            columns=columns,
            newest=zone.c.id,
        )
        return total, self._zones(rows)

    def replace(self, zone_id: int, draft: ZoneDraft, *, now_ms: int) -> None:
        """Write what was ordered of a zone anew, but for its headers."""
        self._connection.execute(
            update(zone).where(zone.c.id == zone_id).values(update_ms=now_ms, **_ordered(draft))
        )

    def set_headers(
        self, zone_id: int, *, kept: Collection[str], sealed: Mapping[str, bytes]
    ) -> None:
        """Leave a zone those of its headers that are *kept*, and those in *sealed*."""
        self._connection.execute(
            delete(zone_header).where(
                zone_header.c.zone_id == zone_id, zone_header.c.name.not_in(list(kept))
            )
        )
        if sealed:
            self._connection.execute(
                insert(zone_header),
                [
                    {"zone_id": zone_id, "name": name, "sealed_value": value}
                    for name, value in sealed.items()
                ],
            )

    def remove(self, zone_id: int) -> None:
        """Forget a zone."""
        self.set_headers(zone_id, kept=(), sealed={})
        self._connection.execute(delete(zone).where(zone.c.id == zone_id))

    def sealed_headers(self) -> list[tuple[int, str, bytes]]:
        """Return every header of every zone: whose it is, its name, and its sealed value."""
        rows = self._connection.execute(
            select(zone_header).order_by(zone_header.c.zone_id, zone_header.c.name)
        )
        return [(row.zone_id, row.name, row.sealed_value) for row in rows]

    def headers_of(self, zone_id: int) -> dict[str, bytes]:
        """Return the headers of a zone by name, sealed."""
        rows = self._connection.execute(
            select(zone_header.c.name, zone_header.c.sealed_value)
            .where(zone_header.c.zone_id == zone_id)
            .order_by(zone_header.c.name)
        )
        return {row.name: row.sealed_value for row in rows}

    def _zones(self, rows: Sequence[Row[Any]]) -> list[Zone]:
        sizes: dict[int, dict[str, int]] = {row.id: {} for row in rows}
        for zone_id, name, sealed_bytes in self._connection.execute(
            select(
                zone_header.c.zone_id,
                zone_header.c.name,
                func.length(zone_header.c.sealed_value),
            )
            .where(zone_header.c.zone_id.in_(list(sizes)))
            .order_by(zone_header.c.zone_id, zone_header.c.name)
        ):
            sizes[zone_id][name] = sealed_bytes - SEAL_BYTES
        return [
            Zone(
                id=row.id,
                account_id=row.account_id,
                name=row.name,
                protocol=row.protocol,
                url=row.url,
                timeout_ms=row.timeout_ms,
                bid_floor_micros=row.bid_floor_micros,
                daily_cap=row.daily_cap,
                headers=dict.fromkeys(sizes[row.id]),
                header_bytes=sizes[row.id],
                create_ms=row.create_ms,
                update_ms=row.update_ms,
            )
            for row in rows
        ]


def _ordered(draft: ZoneDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "protocol": draft.protocol,
        "url": draft.url,
        "timeout_ms": draft.timeout_ms,
        "bid_floor_micros": draft.bid_floor_micros,
        "daily_cap": draft.daily_cap,
    }
