"""Segments."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, case, delete, insert, select, update

from tocsin.domain.account import Scope
from tocsin.domain.listing import ListQuery
from tocsin.domain.segment import Segment, SegmentDraft
from tocsin.domain.targeting import read_targeting, targeting_json
from tocsin.store.queries import find_page, whole_seconds
from tocsin.store.scoping import seen_by
from tocsin.store.tables import segment


class Segments:
    """Rows of ``segment``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, scope: Scope, draft: SegmentDraft, *, now_ms: int) -> int:
        """Add a segment; return its id."""
        found: int = self._connection.execute(
            insert(segment)
            .values(
                root_id=scope.root_id,
                account_id=scope.account_id,
                create_ms=now_ms,
                update_ms=now_ms,
                **_ordered(draft),
            )
            .returning(segment.c.id)
        ).scalar_one()
        return found

    def find(self, scope: Scope, segment_id: int) -> Segment | None:
        """Return a segment that *scope* sees."""
        row = self._connection.execute(
            select(segment).where(segment.c.id == segment_id, *seen_by(scope, segment))
        ).one_or_none()
        return None if row is None else _segment(row)

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Segment]]:
        """Return how many segments that *scope* sees fit *query*, and its page of them."""
        columns = {
            "id": segment.c.id,
            "name": segment.c.name,
            "status": case((segment.c.active, "active"), else_="inactive"),
            "create_time": whole_seconds(segment.c.create_ms),
            "update_time": whole_seconds(segment.c.update_ms),
        }
        total, rows = find_page(
            self._connection,
            select(segment).where(*seen_by(scope, segment)),
            query,
            columns=columns,
            newest=segment.c.id,
        )
        return total, [_segment(row) for row in rows]

    def replace(self, segment_id: int, draft: SegmentDraft, *, now_ms: int) -> None:
        """Write what was ordered of a segment anew."""
        self._connection.execute(
            update(segment)
            .where(segment.c.id == segment_id)
            .values(update_ms=now_ms, **_ordered(draft))
        )

    def remove(self, segment_id: int) -> None:
        """Forget a segment."""
        self._connection.execute(delete(segment).where(segment.c.id == segment_id))


def _ordered(draft: SegmentDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "active": draft.active,
        "targeting": targeting_json(draft.targeting),
    }


def _segment(row: Row[Any]) -> Segment:
    targeting, _ = read_targeting(row.targeting)
    return Segment(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        active=row.active,
        targeting=targeting,
        create_ms=row.create_ms,
        update_ms=row.update_ms,
    )
