"""What goes into a column comes out of it, on both databases alike."""

from typing import Any

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select
from sqlalchemy.exc import StatementError
from world import World

from tocsin.store.columns import JsonText, Unsigned64

SHELF = Table(
    "shelf",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("number", Unsigned64),
    Column("json", JsonText),
    prefixes=["TEMPORARY"],
)


def put(connection: Connection, **values: Any) -> Any:
    SHELF.create(connection)
    connection.execute(insert(SHELF).values(**values))
    return connection.execute(select(SHELF).order_by(SHELF.c.id.desc()).limit(1)).one()


@pytest.mark.parametrize("number", [None, 0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_unsigned_number_keeps_all_its_bits(world: World, number: int | None) -> None:
    with world.database.write() as connection:
        assert put(connection, number=number).number == number

        found = connection.execute(
            select(func.count()).select_from(SHELF).where(SHELF.c.number == number)
        ).scalar_one()
        assert found == 1


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_that_does_not_fit_is_refused(world: World, number: int) -> None:
    with (
        world.database.write() as connection,
        pytest.raises(StatementError, match="does not fit 64 bits"),
    ):
        put(connection, number=number)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="empty"),
        pytest.param({"z": 1, "a": [True, None, 2.5, -(2**63), 10**19]}, id="order and numbers"),
        pytest.param({"ключ": "žена 👩‍🚀 \u2028 \" \\ \n \x7f ' --"}, id="any text"),
        pytest.param("\ud7ff\ue000\uffff\U0010ffff", id="the edges of Unicode"),
    ],
)
def test_json_comes_back_as_it_went_in(world: World, value: Any) -> None:
    with world.database.write() as connection:
        found = put(connection, json=value).json

    assert found == value
    assert not isinstance(value, dict) or list(found) == list(value)
