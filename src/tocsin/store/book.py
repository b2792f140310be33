"""The book: sums of draws and of their ads, which stay when the rows they are of are gone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from tocsin.domain.account import Scope
from tocsin.domain.book import AdLine, AdSum, BookRow, DrawLine, Totals
from tocsin.domain.draw import Why
from tocsin.domain.event import Kind
from tocsin.domain.listing import ListQuery
from tocsin.store.draw_tables import ad_sum, draw, draw_sum
from tocsin.store.queries import find_page
from tocsin.store.scoping import seen_by
from tocsin.store.tables import event_fold, execution, push_task
from tocsin.store.upsert import add_up

_SUMS: Final = tuple(ad_sum.c[name] for name in AdSum._fields)
# What the book is sorted by and filtered by, as clients call it.
_FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    "task_id": ad_sum.c.task_id,
    "ad_id": ad_sum.c.ad_id,
    "hour": ad_sum.c.hour_ms,
    "won": ad_sum.c.won,
    "won_price": ad_sum.c.price_micros,
    "shown": ad_sum.c.shown,
    "shown_price": ad_sum.c.shown_price_micros,
    "clicked": ad_sum.c.clicked,
}


class Book:
    """Rows of ``draw_sum`` and ``ad_sum``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, *, draws: Mapping[DrawLine, int], ads: Mapping[AdLine, AdSum]) -> None:
        """Add to the lines of the book. What is there of a draw or an ad is held by the caller."""
        add_up(
            self._connection,
            draw_sum,
            [{**line._asdict(), "draws": count} for line, count in sorted(draws.items())],
        )
        add_up(
            self._connection,
            ad_sum,
            [{**line._asdict(), **added._asdict()} for line, added in sorted(ads.items())],
        )

    def listed(self, scope: Scope, zone_id: int, query: ListQuery) -> tuple[int, Sequence[BookRow]]:
        """Return how many lines about ads of a zone fit *query*, and its page of them.

        Those of tasks that *scope* sees, deleted ones too.
        """
        total, rows = find_page(
            self._connection,
            select(ad_sum)
            .join(push_task, push_task.c.id == ad_sum.c.task_id)
            .where(ad_sum.c.zone_id == zone_id, *seen_by(scope, push_task)),
            query,
            columns=_FIELDS,
            newest=ad_sum.c.hour_ms,
            then=(ad_sum.c.task_id, ad_sum.c.ad_id),
        )
        return total, [
            BookRow(
                line=AdLine(row.task_id, row.zone_id, row.hour_ms, row.ad_id),
                sum=AdSum(*(row._mapping[name] for name in AdSum._fields)),  # noqa: SLF001 - SQLAlchemy's public accessor
            )
            for row in rows
        ]

    def totals(self, task_id: int) -> Totals:
        """Return what the draws of a push task came to."""
        is_open = (draw.c.task_id == task_id) & draw.c.why.is_(None)
        by_why = self._connection.execute(
            select(draw_sum.c.why, func.sum(draw_sum.c.draws))
            .where(draw_sum.c.task_id == task_id)
            .group_by(draw_sum.c.why)
        )
        ads = self._connection.execute(
            select(*(func.coalesce(func.sum(one), 0) for one in _SUMS)).where(
                ad_sum.c.task_id == task_id
            )
        ).one()
        of_task = select(execution.c.id).where(execution.c.task_id == task_id)
        fallbacks = select(func.coalesce(func.sum(event_fold.c.count), 0)).where(
            event_fold.c.kind == int(Kind.FALLBACK), event_fold.c.execution_id.in_(of_task)
        )
        return Totals(
            open=self._count(select(func.count()).select_from(draw).where(is_open)),
            by_why={Why(why): int(count) for why, count in by_why},
            ads=AdSum(*map(int, ads)),
            fallbacks=self._count(fallbacks),
        )

    def _count(self, query: Any) -> int:
        return int(self._connection.execute(query).scalar_one())
