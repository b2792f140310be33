"""INSERT ... ON CONFLICT, which both databases spell alike and SQLAlchemy keeps in two places."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert *rows*; a row whose primary key is there replaces the other columns."""
    if not rows:
        return
    statement = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=key,
            set_={name: statement.excluded[name] for name in rows[0] if name not in key},
        ),
        list(rows),
    )


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those of *rows* whose primary key is not there; the others stay as they are."""
    if not rows:
        return
    connection.execute(_insert(connection, table).on_conflict_do_nothing(), list(rows))


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> int | None:
    """Insert *row* unless a unique key stands against it; return its id, None when it does.

    The id is the first column of the primary key.
    """
    return connection.execute(
        _insert(connection, table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(*table.primary_key)
    ).scalar_one_or_none()


def insert_new_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *told: ColumnElement[Any],
) -> Sequence[Row[Any]]:
    """Insert those of *rows* that no unique key stands against; return their keys and *told*."""
    if not rows:
        return []
    returned: Sequence[ColumnElement[Any]] = [*table.primary_key, *told]
    statement = _insert(connection, table).on_conflict_do_nothing().returning(*returned)
    return connection.execute(statement, list(rows)).all()


def replace_where(
    connection: Connection,
    table: Table,
    row: Mapping[str, Any],
    condition: ColumnElement[bool],
) -> bool:
    """Insert *row*; one whose primary key is there it replaces if *condition* holds of that.

    Return whether *row* is there now. One that is being inserted is waited for.
    """
    statement = _insert(connection, table).values(row)
    key = [column.name for column in table.primary_key]
    written = connection.execute(
        statement.on_conflict_do_update(
            index_elements=key,
            set_={name: statement.excluded[name] for name in row if name not in key},
            where=condition,
        ).returning(*table.primary_key)
    )
    return written.one_or_none() is not None


def add_up(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert *rows*; one whose primary key is there is added to the row that has it.

    Rows are locked in the order given until commit: everybody must give them in the same.
    """
    if not rows:
        return
    statement = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=key,
            set_={
                name: table.c[name] + statement.excluded[name]
                for name in rows[0]
                if name not in key
            },
        ),
        list(rows),
    )


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
