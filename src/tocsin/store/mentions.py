"""What is active and names a thing: in its targeting, or as its demand source."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, Text, and_, select, type_coerce

from tocsin.domain.account import Scope
from tocsin.domain.mention import Mention
from tocsin.domain.push_task import Status
from tocsin.domain.zone import Zone
from tocsin.store.scoping import seen_by
from tocsin.store.tables import push_task, segment

_RUNNING: Final[list[ColumnElement[bool]]] = [
    push_task.c.status == int(Status.ACTIVE),
    push_task.c.delete_ms.is_(None),
]


class Mentions:
    """Rows of ``push_task`` and ``segment``, by what they name.

    They are of an account that sees the thing: of its own, or of the root. For others its id is one
    that names nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def active(self, scope: Scope, owner_id: int, attribute: str, item: str) -> list[Mention]:
        """Return what is active and has *item* of account *owner_id* under *attribute*."""
        owners = [owner_id, scope.root_id]
        segments = [segment.c.account_id.in_(owners), segment.c.active]
        tasks = [push_task.c.account_id.in_(owners), *_RUNNING]
        return [
            *self._of(scope, segment, segments, attribute, item),
            *self._of(scope, push_task, tasks, attribute, item),
        ]

    def drawing(self, scope: Scope, zone: Zone) -> list[Mention]:
        """Return the active tasks that draw from *zone*."""
        # The text narrows the rows down; JSON decides.
        told = type_coerce(push_task.c.adex, Text).contains(f'"{zone.id}"', autoescape=True)
        rows = self._connection.execute(
            select(
                push_task.c.id,
                push_task.c.name,
                push_task.c.adex,
                and_(*seen_by(scope, push_task)).label("is_seen"),
            )
            .where(
                push_task.c.root_id == scope.root_id,
                push_task.c.account_id.in_([zone.account_id, scope.root_id]),
                told,
                *_RUNNING,
            )
            .order_by(push_task.c.id)
        )
        return [
            Mention("push task", row.id, row.name, is_exclude=False, is_seen=row.is_seen)
            for row in rows
            if row.adex["zone_id"] == str(zone.id)
        ]

    def _of(
        self,
        scope: Scope,
        table: Table,
        conditions: list[ColumnElement[bool]],
        attribute: str,
        item: str,
    ) -> list[Mention]:
        # The text narrows the rows down to those that have the attribute; JSON decides.
        told = type_coerce(table.c.targeting, Text).contains(f'"{attribute}":', autoescape=True)
        rows = self._connection.execute(
            select(
                table.c.id,
                table.c.name,
                table.c.targeting,
                and_(*seen_by(scope, table)).label("is_seen"),
            )
            .where(table.c.root_id == scope.root_id, told, *conditions)
            .order_by(table.c.id)
        )
        what = "segment" if table is segment else "push task"
        return [
            Mention(what, row.id, row.name, criterion["op"] == "exclude", row.is_seen)
            for row in rows
            for criterion in [_criterion(row.targeting, attribute)]
            if item in criterion["items"]
        ]


def _criterion(targeting: Any, attribute: str) -> Any:
    return targeting.get(attribute) or {"op": "include", "items": []}
