"""Many rows at once, past what SQLAlchemy does to each value: that takes longer than the database.

Values are those that both drivers take as they are: store.columns makes them of unsigned numbers
and of JSON.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import psycopg
from sqlalchemy import Column, Connection, Table
from sqlalchemy.exc import DBAPIError

Values: TypeAlias = tuple[Any, ...]

_FEW: Final = 20  # below, COPY's round trips outweigh what it saves


def insert_rows(
    connection: Connection, columns: Sequence[Column[Any]], rows: Sequence[Values]
) -> None:
    """Insert *rows* of values for *columns*, all of one table."""
    if not rows:
        return
    names = ", ".join(column.name for column in columns)
    table = columns[0].table.name
    if connection.dialect.name == "postgresql" and len(rows) > _FEW:
        _copy(connection, f"COPY {table} ({names}) FROM STDIN", rows)
        return
    marks = ", ".join([_mark(connection)] * len(columns))
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names of our own tables
        list(rows),
    )


def look_up(
    connection: Connection,
    wanted: Column[Any],
    *,
    within: tuple[Column[Any], Any],
    column: Column[Any],
    values: Sequence[Any],
) -> list[Any]:
    """Return *wanted* of the rows in which *column* has one of *values*, which it has an index of.

    within: a column and the value that all of them have in it. SQLite goes from the values to
    the rows. Asked for IN it may read all that lies within, for it thinks that these are a few.
    """
    if not values:
        return []
    mark = _mark(connection)
    marks = ", ".join([f"({mark})"] * len(values))
    rows = connection.exec_driver_sql(
        f"SELECT {wanted.name} FROM (VALUES {marks}) AS given CROSS JOIN {column.table.name} "  # noqa: S608 - as above
        f"WHERE {column.name} = given.column1 AND {within[0].name} = {mark}",
        (*values, within[1]),
    )
    return list(rows.scalars())


def update_rows(
    connection: Connection, columns: Sequence[Column[Any]], rows: Sequence[Values]
) -> None:
    """Give *columns* of one table new values; a row's last values are those of the primary key."""
    if not rows:
        return
    table, mark = columns[0].table, _mark(connection)
    values = ", ".join(f"{column.name} = {mark}" for column in columns)
    connection.exec_driver_sql(
        f"UPDATE {table.name} SET {values} WHERE {_same_key(table, mark)}",  # noqa: S608 - as above
        list(rows),
    )


def delete_rows(connection: Connection, table: Table, keys: Sequence[Values]) -> None:
    """Delete the rows with these primary keys, if they are there."""
    if not keys:
        return
    connection.exec_driver_sql(
        f"DELETE FROM {table.name} WHERE {_same_key(table, _mark(connection))}",  # noqa: S608 - as above
        list(keys),
    )


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"


def _same_key(table: Table, mark: str) -> str:
    return " AND ".join(f"{column.name} = {mark}" for column in table.primary_key)


def _copy(connection: Connection, statement: str, rows: Sequence[Values]) -> None:
    """Send *rows* by PostgreSQL's COPY, which SQLAlchemy has no word for; fail as it would."""
    raw: Any = connection.connection.driver_connection
    try:
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, dialect=connection.dialect
        ) from error
