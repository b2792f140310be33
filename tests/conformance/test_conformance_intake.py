"""Subscribers in great numbers: written past SQLAlchemy, found by indexes, under ids that grow."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import Connection, event
from world import World, endpoint_of, enrolment

from doubles import SeededEntropy
from postgres import Postgres
from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.errors import Unavailable
from tocsin.domain.subscription import Subscriber
from tocsin.services.subscribers import DRAWS
from tocsin.store import trouble
from tocsin.store.subscribers import Subscribers
from tocsin.store.tables import (
    audience_change,
    subscriber,
    subscriber_attribute,
    subscription,
)

MANY: Final = 60
ODD: Final = (
    "\\N",
    "\\.",
    "tab\tline\nreturn\r",
    "back\\slash \\t \\x41",
    "'\";-- %s ? :x",
    "žena 👩‍🚀 \u2028",
    "null",
    " ",
)


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


@pytest.fixture
def site(world: World, owner: Account) -> Container:
    """Return its site."""
    return world.container(owner)


def everybody(world: World, site: Container) -> dict[int, Subscriber]:
    with world.store.read() as unit:
        return unit.subscribers.by_ordinal(site.root_id, range(10 * MANY))


@pytest.mark.parametrize("count", [3, MANY])
def test_any_text_is_kept_in_a_group_of_any_size(world: World, site: Container, count: int) -> None:
    """A large group goes to PostgreSQL by COPY, whose text has marks of its own."""
    given = [
        {
            "remote_user_id": ODD[number % len(ODD)],
            "user_data": {f"k{ODD[number % len(ODD)]}": [ODD[number % len(ODD)], 1.5, None, True]},
            "language": "sr" if number % 2 else None,
        }
        for number in range(count)
    ]

    world.register(*(enrolment(site, number, **one) for number, one in enumerate(given)))

    found = everybody(world, site)
    assert len(found) == count
    for number, one in enumerate(given):
        attributes = found[number].attributes
        assert {name: getattr(attributes, name) for name in one} == one
        assert found[number].subscription.auth == number.to_bytes(16, "big")
    told = {(row.ordinal, row.key, row.value) for row in world.rows(subscriber_attribute)}
    assert told == {
        (number, key, text)
        for number, one in enumerate(given)
        for key, values in one["user_data"].items()
        for text in (values[0], "1.5", "true")
    }


def test_ids_grow_with_time_and_inside_a_group(world: World, site: Container) -> None:
    ids: list[int] = []
    for first in range(0, 4 * MANY, MANY):
        group = world.register(*(enrolment(site, first + number) for number in range(MANY)))
        ids += [one.id for one in group]
        world.clock.forward(1)

    assert ids == sorted(set(ids))


class Stuck(SeededEntropy):
    """Entropy that draws the same bytes for ids a few times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def token_bytes(self, count: int) -> bytes:
        if not self.left:
            return super().token_bytes(count)
        self.left -= 1
        return b"\xff" * count


@pytest.mark.parametrize("count", [1, MANY])
def test_ids_that_are_somebodys_are_drawn_anew(world: World, site: Container, count: int) -> None:
    world.subscribers._entropy = Stuck(1 + DRAWS - 1)
    first = world.register(*(enrolment(site, number) for number in range(count)))

    second = world.register(*(enrolment(site, 500 + number) for number in range(count)))

    assert len({one.id for one in (*first, *second)}) == 2 * count
    assert sorted(everybody(world, site)) == list(range(2 * count)), "no ordinal is lost"
    assert len(world.rows(subscriber)) == len(world.rows(subscription)) == 2 * count


def test_ids_that_are_never_free_are_given_up(world: World, site: Container) -> None:
    world.subscribers._entropy = Stuck(1 + DRAWS)
    world.join(site, 1)

    with pytest.raises(Unavailable, match="no ids were free"):
        world.join(site, 2)

    assert len(world.rows(subscriber)) == 1
    assert world.join(site, 2).created


def test_a_known_endpoint_outlives_a_mistake_of_the_store(world: World, site: Container) -> None:
    """Another key that is taken is no reason to draw ids: it says that something is wrong."""
    world.join(site, 1)
    one = everybody(world, site)[0]
    twin = replace(one, ordinal=1, id=one.id + 1)

    with pytest.raises(Exception, match="endpoint_hash"), world.store.write() as unit:
        unit.subscribers.add([twin])


def test_what_is_equal_to_python_alone_is_written(
    world: World, owner: Account, site: Container
) -> None:
    one = world.join(site, 1, user_data={"a": 1, "b": [1.0]})

    world.people.set_custom_data(owner.scope, [one.id], {"a": True, "b": [1]}, now_ms=1)

    found = world.subscriber(one, site).attributes.user_data
    assert repr(found) == "{'a': True, 'b': [1]}"
    assert {(row.key, row.value) for row in world.rows(subscriber_attribute)} == {
        ("a", "true"),
        ("b", "1"),
    }


def test_a_newcomer_is_noted_and_a_change_by_its_facts(world: World, site: Container) -> None:
    one = world.join(site, 1, country="CA", language="en")
    world.indexing.fold()

    world.join(site, 1, country="US", user_data={"a": 1})

    (note,) = world.rows(audience_change)
    assert note.facts == [["countries", "CA"], ["countries", "US"], ["user_data.a", "1"]]
    world.indexing.fold()
    world.join(site, 1, user_data={"a": 1}, remote_user_id="7")
    assert world.rows(audience_change) == [], "no fact is another"
    assert world.indexing.is_true()
    assert world.subscriber(one, site).attributes.country == "US"


def test_what_does_not_differ_is_not_written(world: World, site: Container) -> None:
    world.register(*(enrolment(site, number, user_data={"a": 1}) for number in range(3)))
    world.clock.forward(1)
    written: list[str] = []

    @event.listens_for(world.database.engine, "before_cursor_execute")
    def note(*call: Any) -> None:
        if not call[2].startswith("SELECT"):
            written.append(call[2].split(" SET ")[0])

    world.register(*(enrolment(site, number) for number in range(3)))

    assert "UPDATE subscriber" in written, "they were seen"
    assert not [one for one in written if "subscription" in one or "attribute" in one]


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_statistics_are_gathered_by_one_at_a_time(world: World) -> None:
    """Whoever finds another at it does not wait in a row, with a connection in hand."""
    gathered: list[str] = []

    @event.listens_for(world.database.engine, "before_cursor_execute")
    def note(*call: Any) -> None:
        if call[2].startswith("ANALYZE"):
            gathered.append(call[2])

    with ThreadPoolExecutor(1) as pool, world.store.read() as unit:
        unit.subscribers.take_stock()
        pool.submit(world.subscribers.take_stock).result(timeout=20)
    assert len(gathered) == 1

    world.subscribers.take_stock()
    assert len(gathered) == 2


def test_no_writer_waits_for_statistics(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> None:
        pytest.fail("on SQLite one writes at a time")

    monkeypatch.setattr(world.store, "write", write)

    world.subscribers.take_stock()


def test_statistics_that_can_not_be_gathered_are_nobodys_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(Subscribers, "take_stock", away)

    world.subscribers.take_stock()


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_nobody_is_looked_for_among_all_on_sqlite(
    world: World, owner: Account, site: Container
) -> None:
    """Without statistics SQLite takes a tenant for a few rows, and rather reads them all."""
    ids = [one.id for one in world.register(*(enrolment(site, n) for n in range(MANY)))]
    looks: list[tuple[str, Any]] = []

    @event.listens_for(world.database.engine, "before_cursor_execute")
    def note(*call: Any) -> None:
        looks.append(call[2:4])

    world.people.set_custom_data(owner.scope, ids, {"a": 1}, now_ms=1)
    world.register(*(enrolment(site, n, language="sr") for n in range(MANY)))
    world.people.erase(owner.scope, ids[0])

    plans = {step for statement, values in looks for step in steps(world, statement, values)}
    assert [step for step in plans if "subscri" in step and not is_narrow(step)] == []
    for key in (
        "(root_id=? AND endpoint_hash=?)",
        "(id=? AND root_id=?)",
        "value=? AND ordinal=?)",
    ):
        assert any(key in step for step in plans), f"{key} is one of the ways"


def steps(world: World, statement: str, values: Any) -> Sequence[str]:
    if statement.split(" ", maxsplit=1)[0] not in ("SELECT", "UPDATE", "DELETE"):
        return []
    one = values[0] if isinstance(values, list) else values
    with world.database.read() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one)
        return [step.detail for step in rows]


def is_narrow(step: str) -> bool:
    """Return whether a step of a plan goes to single rows of the tables of subscribers."""
    return any(key in step for key in ("ordinal=?)", "(id=?", "endpoint_hash=?)"))


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_large_cache_is_the_writers_alone(world: World) -> None:
    def cache_kib(connection: Connection) -> int:
        return -connection.exec_driver_sql("PRAGMA cache_size").scalar_one()

    with world.database.read() as connection:
        assert cache_kib(connection) == 2000
    with world.database.write() as connection:
        assert cache_kib(connection) == 65_536
    with pytest.raises(ZeroDivisionError), world.database.write():
        raise ZeroDivisionError
    with world.database.read() as connection:
        assert cache_kib(connection) == 2000


def test_a_server_that_goes_away_under_many_rows(
    postgres: Postgres, migrated_postgresql: str
) -> None:
    world = World(migrated_postgresql)
    site = world.container(world.account())
    world.register(*(enrolment(site, number) for number in range(MANY)))
    new = [
        replace(
            one,
            ordinal=ordinal + MANY,
            id=one.id + MANY,
            subscription=replace(one.subscription, endpoint=endpoint_of(MANY + ordinal)),
        )
        for ordinal, one in everybody(world, site).items()
    ]

    def be_cut_off() -> None:
        with world.store.write() as unit:
            unit.accounts.take_ordinals(site.root_id, MANY)
            with psycopg.connect(postgres.url("postgres"), autocommit=True) as boss:
                boss.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                    "WHERE datname = %s",
                    [migrated_postgresql.rpartition("/")[2]],
                )
            unit.subscribers.add(new)

    try:
        with pytest.raises(Unavailable, match=trouble.AWAY):
            be_cut_off()
        assert len(everybody(world, site)) == MANY, "and the connection is replaced"
    finally:
        world.close()
        postgres.empty_database(migrated_postgresql)
