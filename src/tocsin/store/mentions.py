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
    """Rows of ``push_task`` and ``segment``, by what they name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def active(self, root_id: int, attribute: str, item: str) -> list[Mention]:
        """Return what is active in a root account and has *item* under *attribute*."""
        return [
            *self._of(root_id, segment, [segment.c.active], attribute, item),
            *self._of(root_id, push_task, _RUNNING, attribute, item),
        ]

    def drawing(self, scope: Scope, zone: Zone) -> tuple[list[Mention], int]:
        """Return the active tasks that draw from *zone*, and how many *scope* does not see.

        They are of an account that sees the zone: of its own, or of the root. For others its id
        is one that names nothing.
        """
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
        drawing = [row for row in rows if row.adex["zone_id"] == str(zone.id)]
        seen = [Mention("push task", row.id, row.name, False) for row in drawing if row.is_seen]
        return seen, len(drawing) - len(seen)

    def _of(
        self,
        root_id: int,
        table: Table,
        conditions: list[ColumnElement[bool]],
        attribute: str,
        item: str,
    ) -> list[Mention]:
        # The text narrows the rows down to those that have the attribute; JSON decides.
        told = type_coerce(table.c.targeting, Text).contains(f'"{attribute}":', autoescape=True)
        rows = self._connection.execute(
            select(table.c.id, table.c.name, table.c.targeting)
            .where(table.c.root_id == root_id, told, *conditions)
            .order_by(table.c.id)
        )
        what = "segment" if table is segment else "push task"
        return [
            Mention(what, row.id, row.name, criterion["op"] == "exclude")
            for row in rows
            for criterion in [_criterion(row.targeting, attribute)]
            if item in criterion["items"]
        ]


def _criterion(targeting: Any, attribute: str) -> Any:
    return targeting.get(attribute) or {"op": "include", "items": []}
