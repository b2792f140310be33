"""What the items of a targeting name: accounts, containers, hosts, groups and segments."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Table, select

from tocsin.domain.account import Scope
from tocsin.store.scoping import accounts_seen_by, seen_by
from tocsin.store.tables import (
    account,
    application_group,
    application_group_item,
    container,
    container_group,
    container_group_item,
    container_origin,
    segment,
)

_END_OF_IDS: Final = 1 << 63  # what databases number by themselves is below it


class Vocabulary:
    """Look-ups by id, as targetings spell ids: what a scope does not see is not there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def accounts(self, scope: Scope, ids: Iterable[str]) -> set[str]:
        """Return those of the ids that are the account of *scope* or a child of it."""
        rows = self._connection.scalars(accounts_seen_by(scope).where(_is_one_of(account, ids)))
        return {str(id_) for id_ in rows}

    def containers(self, scope: Scope, ids: Iterable[str]) -> set[str]:
        """Return those of the ids that are a container's."""
        rows = self._connection.scalars(
            select(container.c.id).where(*seen_by(scope, container), _is_one_of(container, ids))
        )
        return {str(id_) for id_ in rows}

    def hosts(self, scope: Scope) -> Sequence[str]:
        """Return every host name that a container has."""
        return self._connection.scalars(
            select(container_origin.c.host)
            .distinct()
            .join(container, container.c.id == container_origin.c.container_id)
            .where(*seen_by(scope, container))
        ).all()

    def groups(self, scope: Scope, ids: Iterable[str]) -> dict[str, list[str]]:
        """Return the ids of the containers in each group of containers that is there."""
        return self._members(scope, ids, container_group, container_group_item.c.container_id)

    def application_groups(self, scope: Scope, ids: Iterable[str]) -> dict[str, list[str]]:
        """Return the host names in each group of host names that is there."""
        return self._members(scope, ids, application_group, application_group_item.c.host)

    def _members(
        self, scope: Scope, ids: Iterable[str], group: Table, member: Column[Any]
    ) -> dict[str, list[str]]:
        rows = self._connection.execute(
            select(group.c.id, member)
            .outerjoin(member.table, member.table.c.group_id == group.c.id)
            .where(*seen_by(scope, group), _is_one_of(group, ids))
        )
        members: dict[str, list[str]] = {}
        for id_, one in rows:
            found = members.setdefault(str(id_), [])
            if one is not None:
                found.append(str(one).lower())
        return members

    def segments(
        self, scope: Scope, ids: Iterable[str], *, active_only: bool = True
    ) -> dict[str, Mapping[str, Any]]:
        """Return the targetings, as JSON, of the segments that are there."""
        which = [*seen_by(scope, segment), _is_one_of(segment, ids)]
        if active_only:
            which.append(segment.c.active)
        rows = self._connection.execute(select(segment.c.id, segment.c.targeting).where(*which))
        return {str(row.id): row.targeting for row in rows}


def _is_one_of(table: Table, ids: Iterable[str]) -> ColumnElement[bool]:
    numbers = (int(id_) for id_ in ids)
    return table.c.id.in_([number for number in numbers if number < _END_OF_IDS])
