"""What is active and names a thing in its targeting."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, Text, select, type_coerce

from tocsin.domain.mention import Mention
from tocsin.domain.push_task import Status
from tocsin.store.tables import push_task, segment


class Mentions:
    """Rows of ``push_task`` and ``segment``, by what their targeting names."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def active(self, root_id: int, attribute: str, item: str) -> list[Mention]:
        """Return what is active in a root account and has *item* under *attribute*."""
        running = push_task.c.status == int(Status.ACTIVE)
        return [
            *self._of(root_id, segment, [segment.c.active], attribute, item),
            *self._of(
                root_id, push_task, [running, push_task.c.delete_ms.is_(None)], attribute, item
            ),
        ]

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
