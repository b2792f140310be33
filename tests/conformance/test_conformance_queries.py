"""Lists: what a database answers is what a plain evaluation in Python does."""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, SmallInteger, String, Table, Text, select
from world import World

from postgres import Postgres
from tocsin.domain.listing import Condition, ListQuery, Op, Search, SortKey, folded
from tocsin.store.columns import Millis, Unsigned64
from tocsin.store.engine import Database
from tocsin.store.queries import find_page

LETTERS: Final = "abAB%_\\'éÉßẞΣσςİıiIKkǆ𝄞\uffff ,\n"  # noqa: RUF001 - those with odd cases
THING: Final = Table(
    "thing",
    MetaData(),
    Column("id", Unsigned64, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("note", String(40)),
    Column("level", SmallInteger),
    Column("due_ms", Millis),
    Column("user_id", Unsigned64),
)
COLUMNS: Final = {column.name: column for column in THING.c}
TEXTS: Final = st.text(LETTERS, max_size=6) | st.sampled_from(["a", "B", "éÉ", "ΟΔΟΣ", "straße"])
VALUES: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "name": TEXTS,
    "note": TEXTS,
    "level": st.integers(-3, 3),
    "due_ms": st.integers(0, 3) | st.integers(0, 2**63 - 1),
    "user_id": st.integers(0, 2) | st.integers(2**63 - 1, 2**63 + 1) | st.just(2**64 - 1),
}
ANY: Final[Mapping[str, st.SearchStrategy[Any]]] = VALUES | {
    "level": VALUES["level"] | st.just(2**40),  # more than the column could hold
    "id": st.integers(0, 9) | st.just(2**64 - 1),
}
ROWS: Final = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 9) | st.integers(2**63 - 1, 2**64 - 1),
            "name": TEXTS,
            **{name: st.none() | values for name, values in VALUES.items() if name != "name"},
        }
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row["id"],
)
COUNTS: Final = {Op.IS: 0, Op.ISN: 0, Op.R: 2, Op.RF: 2, Op.RL: 2, Op.RR: 2}


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    name, op = draw(st.sampled_from(sorted(ANY))), draw(st.sampled_from(list(Op)))
    count = draw(st.integers(1, 3)) if op in (Op.IN, Op.NIN) else COUNTS.get(op, 1)
    values = draw(st.lists(ANY[name], min_size=count, max_size=count))
    return Condition(name, op, tuple(values))


QUERIES: Final = st.builds(
    ListQuery,
    offset=st.integers(0, 3),
    limit=st.integers(1, 5),
    sort=st.lists(
        st.builds(SortKey, st.sampled_from(sorted(ANY)), st.booleans()),
        max_size=2,
        unique_by=lambda key: key.field,
    ).map(tuple),
    conditions=st.lists(conditions(), max_size=2).map(tuple),
    search=st.none()
    | st.builds(
        Search,
        st.text(LETTERS, min_size=1, max_size=2),
        st.sampled_from([("name",), ("note",), ("name", "note")]),
    ),
)
ENDS: Final[Mapping[Op, tuple[Callable[[Any, Any], bool], ...]]] = {
    Op.GT: (operator.gt,),
    Op.GTE: (operator.ge,),
    Op.LT: (operator.lt,),
    Op.LTE: (operator.le,),
    Op.R: (operator.gt, operator.lt),
    Op.RF: (operator.ge, operator.le),
    Op.RL: (operator.ge, operator.lt),
    Op.RR: (operator.gt, operator.le),
}


def holds(one: Condition, row: Mapping[str, Any]) -> bool:
    value = row[one.field]
    match one.op:
        case Op.IS:
            return value is not None
        case Op.ISN:
            return value is None
        case Op.EQ | Op.IN:
            return value in one.values
        case Op.NEQ | Op.NIN:
            return value not in one.values
    return value is not None and all(
        compare(value, end) for compare, end in zip(ENDS[one.op], one.values, strict=True)
    )


def is_found(search: Search | None, row: Mapping[str, Any]) -> bool:
    return search is None or any(
        folded(search.text) in folded(row[name]) for name in search.fields if row[name] is not None
    )


def evaluated(rows: list[dict[str, Any]], query: ListQuery) -> tuple[int, list[int]]:
    found = [
        row
        for row in rows
        if all(holds(one, row) for one in query.conditions) and is_found(query.search, row)
    ]
    found.sort(key=lambda row: -row["id"])
    for key in reversed(query.sort):
        with_value = [row for row in found if row[key.field] is not None]
        without = [row for row in found if row[key.field] is None]
        with_value.sort(key=operator.itemgetter(key.field), reverse=key.descending)
        found = with_value + without
    page = found[query.offset : query.offset + query.limit]
    return len(found), [row["id"] for row in page]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    with opened.write() as connection:
        THING.create(connection)
    yield opened
    opened.close()


def add(database: Database, rows: list[dict[str, Any]]) -> None:
    with database.write() as connection:
        connection.execute(THING.delete())
        connection.execute(THING.insert(), rows)


def found(database: Database, query: ListQuery) -> tuple[int, list[int]]:
    with database.read() as connection:
        total, page = find_page(
            connection, select(THING), query, columns=COLUMNS, newest=THING.c.id
        )
    return total, [row.id for row in page]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, queries=st.lists(QUERIES, min_size=1, max_size=6))
def test_a_list_is_what_its_query_says(
    database: Database, rows: list[dict[str, Any]], queries: list[ListQuery]
) -> None:
    add(database, rows)

    for query in queries:
        assert found(database, query) == evaluated(rows, query)


NAMES: Final = ["b", "B", "a", "A_%", "éÉ", "ΟΔΟΣ", "οδός", "Straße", "STRASSE", "İstanbul"]
PEOPLE: Final = [
    {"id": number, "name": name, "level": None if number % 3 == 0 else number - 5}
    for number, name in enumerate(NAMES)
]


BY_HAND: Final[list[tuple[dict[str, Any], list[int]]]] = [
    ({"sort": (SortKey("name"),)}, [3, 1, 8, 7, 2, 0, 4, 9, 5, 6]),
    ({"sort": (SortKey("level"),)}, [1, 2, 4, 5, 7, 8, 9, 6, 3, 0]),
    ({"sort": (SortKey("level", descending=True),)}, [8, 7, 5, 4, 2, 1, 9, 6, 3, 0]),
    ({"conditions": (Condition("level", Op.NEQ, (2,)),)}, [9, 8, 6, 5, 4, 3, 2, 1, 0]),
    ({"conditions": (Condition("level", Op.NIN, (2, 3)),)}, [9, 6, 5, 4, 3, 2, 1, 0]),
    ({"conditions": (Condition("level", Op.GT, (0,)),)}, [8, 7]),
    ({"conditions": (Condition("level", Op.ISN),)}, [9, 6, 3, 0]),
    ({"conditions": (Condition("name", Op.R, ("A", "a")),)}, [8, 7, 3, 1]),
    ({"conditions": (Condition("name", Op.EQ, ("b",)),)}, [0]),
    ({"search": Search("b", ("name",))}, [9, 1, 0]),
    ({"search": Search("_%", ("name",))}, [3]),
    ({"search": Search("É", ("name", "note"))}, [4]),
    ({"search": Search("δοσ", ("name",))}, [5]),
    ({"search": Search("ΟΔΌς", ("name",))}, [6]),
    ({"search": Search("rass", ("name",))}, [8, 7]),
    ({"search": Search("raße", ("name",))}, [8, 7]),
    ({"search": Search("STANBUL", ("name",))}, [9]),
]


def test_some_lists_by_hand(database: Database) -> None:
    add(database, PEOPLE)

    for asked, ids in BY_HAND:
        query = ListQuery(**asked)
        assert (asked, found(database, query)) == (asked, (len(ids), ids))
        assert evaluated([{"note": None} | one for one in PEOPLE], query)[1] == ids


def test_a_database_with_an_order_of_its_own_answers_alike(postgres: Postgres) -> None:
    """Where a and B stand between each other, and case is the locale's."""
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as boss:
        boss.execute("DROP DATABASE IF EXISTS in_english")
        boss.execute(
            "CREATE DATABASE in_english TEMPLATE template0 "
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
        )
    database = Database(url.rpartition("/")[0] + "/in_english")
    try:
        with database.write() as connection:
            THING.create(connection)
        add(database, PEOPLE)
        for asked in (
            {"sort": (SortKey("name"),)},
            {"conditions": (Condition("name", Op.R, ("A", "a")),)},
            {"search": Search("É", ("name",))},
        ):
            query = ListQuery(**asked)  # type: ignore[arg-type]  # one of its fields
            assert found(database, query)[1] == evaluated(PEOPLE, query)[1]
    finally:
        database.close()


def test_as_much_as_may_be_asked_for_is_answered(database: Database) -> None:
    query = ListQuery(
        offset=10**9 * 500,
        limit=500,
        sort=tuple(SortKey(name) for name in ANY),
        conditions=(Condition("name", Op.NIN, tuple(map(str, range(100)))),) * 32,
        search=Search("x" * 255, ("name", "note")),
    )

    assert found(database, query) == (0, [])


def test_tasks_are_listed_by_what_they_are(world: World) -> None:
    owner, stranger = world.account(), world.account()
    first, second, third = world.order(owner), world.order(owner), world.order(owner)
    world.order(stranger)

    def listed(**asked: Any) -> list[int]:
        total, tasks = world.tasks.list(owner.scope, ListQuery(**asked))
        assert total >= len(tasks)
        return [task.id for task in tasks]

    assert listed() == [third, second, first]
    assert listed(sort=(SortKey("create_time"), SortKey("id"))) == [first, second, third]
    assert listed(conditions=(Condition("id", Op.NEQ, (second,)),)) == [third, first]
    assert listed(conditions=(Condition("end_time", Op.ISN),), limit=1, offset=1) == [second]
    assert listed(search=Search("TAS", ("name",))) == [third, second, first]
    assert listed(search=Search("_", ("name",))) == []
