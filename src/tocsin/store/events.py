"""Reports of browsers: as they came, and folded to one bit per recipient and kind."""

from collections.abc import Iterable, Sequence
from typing import Final

from pyroaring import BitMap
from sqlalchemy import Connection, delete, insert, select, tuple_

from tocsin.domain.event import Event, FoldKey
from tocsin.store.tables import event, event_fold
from tocsin.store.upsert import insert_missing, upsert

_EMPTY: Final = BitMap().serialize()


class Events:
    """Rows of ``event`` and ``event_fold``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, events: Sequence[Event]) -> None:
        """Keep reports for the tallier."""
        rows = [
            {"execution_id": one.execution_id, "ordinal": one.ordinal, "kind": int(kind)}
            for one in events
            for kind in one.kinds
        ]
        if rows:
            self._connection.execute(insert(event), rows)

    def any_unfolded(self) -> bool:
        """Return whether there are reports to fold."""
        return self._connection.execute(select(event.c.id).limit(1)).first() is not None

    def unfolded(self, limit: int) -> list[tuple[int, int, int, int]]:
        """Return up to *limit* reports, oldest first: id, execution, ordinal, kind.

        They stay locked until commit; another tallier passes over them.
        """
        rows = self._connection.execute(
            select(event.c.id, event.c.execution_id, event.c.ordinal, event.c.kind)
            .order_by(event.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [(row.id, row.execution_id, row.ordinal, row.kind) for row in rows]

    def drop(self, event_ids: Sequence[int]) -> None:
        """Forget reports that are folded."""
        self._connection.execute(delete(event).where(event.c.id.in_(event_ids)))

    def folds(self, keys: Iterable[FoldKey]) -> dict[FoldKey, BitMap]:
        """Return these bitmaps, locked until commit.

        One that is not there begins empty: there must be a row to lock, or two talliers that
        both find none would each write only what they know themselves.
        """
        wanted = sorted(keys)
        insert_missing(
            self._connection,
            event_fold,
            [{**key._asdict(), "bits": _EMPTY, "count": 0} for key in wanted],
        )
        rows = self._connection.execute(
            select(
                event_fold.c.execution_id, event_fold.c.kind, event_fold.c.shard, event_fold.c.bits
            )
            .where(
                tuple_(event_fold.c.execution_id, event_fold.c.kind, event_fold.c.shard).in_(
                    [tuple(key) for key in wanted]
                )
            )
            .order_by(event_fold.c.execution_id, event_fold.c.kind, event_fold.c.shard)
            .with_for_update()
        )
        return {
            FoldKey(row.execution_id, row.kind, row.shard): BitMap.deserialize(row.bits)
            for row in rows
        }

    def save_folds(self, folds: dict[FoldKey, BitMap]) -> None:
        """Write bitmaps and their counts."""
        upsert(
            self._connection,
            event_fold,
            [
                {**key._asdict(), "bits": bits.serialize(), "count": len(bits)}
                for key, bits in folds.items()
            ],
        )
