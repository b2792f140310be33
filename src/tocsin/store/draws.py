"""Draws, what they answered, and how many a zone had in a day.

Who locks several rows locks draws first, then days, ads and sums, each in the order of their key.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    case,
    delete,
    select,
    tuple_,
    update,
)

from tocsin.domain.book import DrawnAd, DrawRow
from tocsin.domain.draw import DrawRef, Why, draw_of, path_in
from tocsin.store.draw_tables import draw, drawn_ad, zone_day
from tocsin.store.tables import push_task
from tocsin.store.upsert import insert_missing, insert_new_rows

_LAST_SLOT: Final = 14


class Draws:
    """Rows of ``draw``, ``drawn_ad`` and ``zone_day``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def drawing_tasks(self, task_ids: Iterable[int]) -> set[int]:
        """Return those of the push tasks that are not deleted."""
        return set(
            self._connection.scalars(
                select(push_task.c.id).where(
                    push_task.c.id.in_(list(task_ids)), push_task.c.delete_ms.is_(None)
                )
            )
        )

    def add(self, rows: Iterable[DrawRow]) -> set[DrawRef]:
        """Add open draws; return which of them were not there."""
        added = insert_new_rows(
            self._connection,
            draw,
            [
                {
                    **row.ref._asdict(),
                    "task_id": row.task_id,
                    "zone_id": row.zone_id,
                    "root_id": row.root_id,
                    "drawn_ms": row.drawn_ms,
                    "why": None,
                    "settled_ms": None,
                }
                for row in sorted(rows, key=_ref_of)
            ],
        )
        return {_ref(row) for row in added}

    def take_of_day(self, zone_id: int, day: int, *, wanted: int, cap: int) -> int:
        """Count up to *wanted* draws of a zone in a day, *cap* in all; return how many.

        day: days since 1970-01-01. The day of the zone stays locked until commit.
        """
        key = {"zone_id": zone_id, "day": day}
        insert_missing(self._connection, zone_day, [{**key, "draws": 0}])
        ours = and_(zone_day.c.zone_id == zone_id, zone_day.c.day == day)
        had: int = self._connection.execute(
            select(zone_day.c.draws).where(ours).with_for_update()
        ).scalar_one()
        taken = max(0, min(wanted, cap - had))
        if taken:
            self._connection.execute(update(zone_day).where(ours).values(draws=had + taken))
        return taken

    def give_back_of_day(self, zone_id: int, day: int, *, taken: int) -> None:
        """Count *taken* draws less of a zone in a day, but never fewer than none.

        A day that is forgotten stays so.
        """
        had = zone_day.c.draws
        self._connection.execute(
            update(zone_day)
            .where(zone_day.c.zone_id == zone_id, zone_day.c.day == day)
            .values(draws=case((had > taken, had - taken), else_=0))
        )

    def hold_open(self, refs: Collection[DrawRef]) -> dict[DrawRef, DrawRow]:
        """Return those of the draws that are open; nobody else settles them until commit."""
        rows = self._connection.execute(
            select(draw)
            .where(_among(draw, refs), draw.c.why.is_(None))
            .order_by(*draw.primary_key)
            .with_for_update()
        )
        return {row.ref: row for row in map(_draw, rows)}

    def hold_lost(self, *, before_ms: int, limit: int) -> list[DrawRow]:
        """Return the oldest draws from before an instant that are open, locked until commit.

        Those that somebody else has locked are passed over.
        """
        rows = self._connection.execute(
            select(draw)
            .where(draw.c.why.is_(None), draw.c.drawn_ms < before_ms)
            .order_by(draw.c.drawn_ms)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [_draw(row) for row in rows]

    def any_lost(self, *, before_ms: int) -> bool:
        """Return whether a draw from before an instant is open."""
        query = select(draw.c.path).where(draw.c.why.is_(None), draw.c.drawn_ms < before_ms)
        return self._connection.execute(query.limit(1)).first() is not None

    def settle(self, ended: Iterable[tuple[DrawRef, Why]], *, now_ms: int) -> None:
        """Note how draws ended that are open, and held."""
        self._write(
            update(draw).where(*_is_row(draw)).values(why=bindparam("by"), settled_ms=now_ms),
            [(ref, {"by": why.value}) for ref, why in ended],
        )

    def add_ads(self, ads: Iterable[DrawnAd]) -> None:
        """Add what draws answered."""
        rows = [
            {
                **ad.ref._asdict(),
                "ad_id": ad.ad_id,
                "price_micros": ad.price_micros,
                "shown": ad.shown,
                "clicked": ad.clicked,
            }
            for ad in ads
        ]
        insert_missing(self._connection, drawn_ad, rows)

    def ads_there(self, refs: Collection[DrawRef]) -> set[DrawRef]:
        """Return those of *refs* that are ads which were drawn."""
        if not refs:
            return set()
        query: Any = select(*drawn_ad.primary_key).where(_among(drawn_ad, refs))
        return {_ref(row) for row in self._connection.execute(query)}

    def hold_ads(self, refs: Collection[DrawRef]) -> list[tuple[DrawnAd, DrawRow]]:
        """Return those of *refs* that were drawn, and the draw of each; held until commit."""
        held = self._connection.execute(
            select(drawn_ad)
            .where(_among(drawn_ad, refs))
            .order_by(*drawn_ad.primary_key)
            .with_for_update()
        )
        ads = [_ad(row) for row in held]
        if not ads:
            return []
        rows = self._connection.execute(select(draw).where(_among(draw, set(map(_drawn_by, ads)))))
        draws = {row.ref: row for row in map(_draw, rows)}
        return [(ad, draws[_drawn_by(ad)]) for ad in ads if _drawn_by(ad) in draws]

    def mark_ads(self, marked: Iterable[DrawnAd]) -> None:
        """Note of ads that are held whether they were shown, and clicked."""
        self._write(
            update(drawn_ad)
            .where(*_is_row(drawn_ad))
            .values(shown=bindparam("is_shown"), clicked=bindparam("is_clicked")),
            [(ad.ref, {"is_shown": ad.shown, "is_clicked": ad.clicked}) for ad in marked],
        )

    def of_recipient(self, execution_id: int, ordinal: int) -> list[tuple[DrawRow, list[DrawnAd]]]:
        """Return the draws of one message in the order drawn, each with what it answered."""
        rows = self._connection.execute(
            select(draw)
            .where(draw.c.execution_id == execution_id, draw.c.ordinal == ordinal)
            .order_by(draw.c.drawn_ms, draw.c.path)
        )
        found: dict[int, tuple[DrawRow, list[DrawnAd]]] = {
            row.ref.path: (row, []) for row in map(_draw, rows)
        }
        answered = self._connection.execute(
            select(drawn_ad)
            .where(drawn_ad.c.execution_id == execution_id, drawn_ad.c.ordinal == ordinal)
            .order_by(drawn_ad.c.path)
        )
        for ad in map(_ad, answered):
            if draw_of(ad.ref.path) in found:
                found[draw_of(ad.ref.path)][1].append(ad)
        return list(found.values())

    def erase(self, root_id: int, ordinal: int) -> None:
        """Delete what draws tell of a subscriber; what they were summed up in stays."""
        self._forget(
            select(*draw.primary_key)
            .where(draw.c.root_id == root_id, draw.c.ordinal == ordinal)
            .order_by(*draw.primary_key)
            .with_for_update()
        )

    def forget(self, *, before_ms: int, before_day: int, limit: int) -> int:
        """Delete up to *limit* settled draws from before an instant; return how many.

        Days before *before_day* are deleted with them.
        """
        self._connection.execute(delete(zone_day).where(zone_day.c.day < before_day))
        return self._forget(
            select(*draw.primary_key)
            .where(draw.c.drawn_ms < before_ms, draw.c.why.is_not(None))
            .order_by(draw.c.drawn_ms)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )

    def any_older(self, *, before_ms: int) -> bool:
        """Return whether there is a draw from before an instant."""
        query = select(draw.c.path).where(draw.c.drawn_ms < before_ms).limit(1)
        return self._connection.execute(query).first() is not None

    def _forget(self, query: Any) -> int:
        refs = [_ref(row) for row in self._connection.execute(query)]
        if refs:
            of_message = (
                drawn_ad.c.execution_id == bindparam("of_execution"),
                drawn_ad.c.ordinal == bindparam("of_ordinal"),
            )
            within = drawn_ad.c.path.between(bindparam("first"), bindparam("last"))
            self._connection.execute(
                delete(drawn_ad).where(*of_message, within),
                [
                    {
                        "of_execution": ref.execution_id,
                        "of_ordinal": ref.ordinal,
                        "first": path_in(ref.path, 0),
                        "last": path_in(ref.path, _LAST_SLOT),
                    }
                    for ref in refs
                ],
            )
            self._write(delete(draw).where(*_is_row(draw)), [(ref, {}) for ref in refs])
        return len(refs)

    def _write(self, statement: Any, rows: Iterable[tuple[DrawRef, dict[str, Any]]]) -> None:
        """Do *statement* with each row, whose key _is_row names."""
        some = [
            {
                "of_execution": ref.execution_id,
                "of_ordinal": ref.ordinal,
                "of_path": ref.path,
                **values,
            }
            for ref, values in rows
        ]
        if some:
            self._connection.execute(statement, some)


def _is_row(table: Table) -> Sequence[ColumnElement[bool]]:
    return (
        table.c.execution_id == bindparam("of_execution"),
        table.c.ordinal == bindparam("of_ordinal"),
        table.c.path == bindparam("of_path"),
    )


def _among(table: Table, refs: Collection[DrawRef]) -> ColumnElement[bool]:
    return tuple_(*table.primary_key).in_([tuple(ref) for ref in sorted(refs)])


def _ref(row: Row[Any]) -> DrawRef:
    return DrawRef(row.execution_id, row.ordinal, row.path)


def _ref_of(row: DrawRow) -> DrawRef:
    return row.ref


def _drawn_by(ad: DrawnAd) -> DrawRef:
    return ad.ref._replace(path=draw_of(ad.ref.path))


def _draw(row: Row[Any]) -> DrawRow:
    return DrawRow(
        ref=_ref(row),
        task_id=row.task_id,
        zone_id=row.zone_id,
        root_id=row.root_id,
        drawn_ms=row.drawn_ms,
        why=None if row.why is None else Why(row.why),
    )


def _ad(row: Row[Any]) -> DrawnAd:
    return DrawnAd(
        ref=_ref(row),
        ad_id=row.ad_id,
        price_micros=row.price_micros,
        shown=row.shown,
        clicked=row.clicked,
    )
