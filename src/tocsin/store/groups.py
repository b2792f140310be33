"""Groups of containers and of host names: two pairs of tables of one shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, Table, delete, insert, select, update

from tocsin.domain.account import Scope
from tocsin.domain.group import Group, GroupDraft, Kind
from tocsin.domain.listing import ListQuery
from tocsin.store.queries import find_page, whole_seconds
from tocsin.store.scoping import seen_by
from tocsin.store.tables import (
    application_group,
    application_group_item,
    container_group,
    container_group_item,
)


@dataclass(frozen=True, slots=True)
class _Tables:
    """Where one kind of group is kept. item: the column that names what is in the group."""

    group: Table
    items: Table
    item: Column[Any]
    read: type[int] | type[str]


_TABLES: Final[Mapping[Kind, _Tables]] = {
    Kind.CONTAINERS: _Tables(
        container_group, container_group_item, container_group_item.c.container_id, int
    ),
    Kind.HOSTS: _Tables(
        application_group, application_group_item, application_group_item.c.host, str
    ),
}


class Groups:
    """Rows of one kind of group, and of what is in them."""

    def __init__(self, connection: Connection, kind: Kind) -> None:
        self._connection = connection
        self._tables = _TABLES[kind]

    def add(self, scope: Scope, draft: GroupDraft, *, now_ms: int) -> int:
        """Add a group; return its id."""
        group = self._tables.group
        found: int = self._connection.execute(
            insert(group)
            .values(
                root_id=scope.root_id,
                account_id=scope.account_id,
                create_ms=now_ms,
                update_ms=now_ms,
                **_ordered(draft),
            )
            .returning(group.c.id)
        ).scalar_one()
        self._put(found, draft.items)
        return found

    def find(self, scope: Scope, group_id: int, *, to_change: bool = False) -> Group | None:
        """Return a group that *scope* sees. to_change: others wait with theirs until commit."""
        group = self._tables.group
        query = select(group).where(group.c.id == group_id, *seen_by(scope, group))
        row = self._connection.execute(
            query.with_for_update() if to_change else query
        ).one_or_none()
        return None if row is None else self._groups([row])[0]

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Group]]:
        """Return how many groups that *scope* sees fit *query*, and its page of them."""
        group = self._tables.group
        columns = {
            "id": group.c.id,
            "name": group.c.name,
            "create_time": whole_seconds(group.c.create_ms),
            "update_time": whole_seconds(group.c.update_ms),
        }
        total, rows = find_page(
            self._connection,
            select(group).where(*seen_by(scope, group)),
            query,
            columns=columns,
            newest=group.c.id,
        )
        return total, self._groups(rows)

    def replace(self, group_id: int, draft: GroupDraft, *, now_ms: int) -> None:
        """Write what was ordered of a group anew."""
        group = self._tables.group
        self._connection.execute(
            update(group).where(group.c.id == group_id).values(update_ms=now_ms, **_ordered(draft))
        )
        self._empty(group_id)
        self._put(group_id, draft.items)

    def remove(self, group_id: int) -> None:
        """Forget a group."""
        self._empty(group_id)
        group = self._tables.group
        self._connection.execute(delete(group).where(group.c.id == group_id))

    def _put(self, group_id: int, items: Sequence[str]) -> None:
        if items:
            name, read = self._tables.item.name, self._tables.read
            self._connection.execute(
                insert(self._tables.items),
                [{"group_id": group_id, name: read(item)} for item in items],
            )

    def _empty(self, group_id: int) -> None:
        items = self._tables.items
        self._connection.execute(delete(items).where(items.c.group_id == group_id))

    def _groups(self, rows: Sequence[Row[Any]]) -> list[Group]:
        items = self._tables.items
        held: dict[int, list[Any]] = {row.id: [] for row in rows}
        for group_id, item in self._connection.execute(
            select(items.c.group_id, self._tables.item).where(items.c.group_id.in_(list(held)))
        ):
            held[group_id].append(item)
        return [
            Group(
                id=row.id,
                account_id=row.account_id,
                name=row.name,
                color=row.color,
                description=row.description,
                items=tuple(str(item) for item in sorted(held[row.id])),
                create_ms=row.create_ms,
                update_ms=row.update_ms,
            )
            for row in rows
        ]


def _ordered(draft: GroupDraft) -> dict[str, Any]:
    return {"name": draft.name, "color": draft.color, "description": draft.description}
