"""The databases that the tests get: empty, apart from each other, and set as in production."""

import psycopg
import pytest
from sqlalchemy import create_engine, inspect

from postgres import OLDEST, Postgres


def tables(url: str) -> list[str]:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_gets_an_empty_database_of_its_own(database_url: str, turn: str) -> None:
    assert tables(database_url) == []

    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {turn} (id INTEGER)")
    engine.dispose()

    assert tables(database_url) == [turn]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        pytest.param("fsync", "on", id="a commit is on the disk"),
        pytest.param("max_connections", "200", id="room for many processes"),
        pytest.param("listen_addresses", "127.0.0.1", id="nobody else's business"),
        pytest.param("server_encoding", "UTF8", id="any text"),
    ],
)
def test_postgresql_is_set_for_what_the_tests_prove(
    postgres: Postgres, setting: str, value: str
) -> None:
    with psycopg.connect(postgres.url("postgres")) as connection:
        shown = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()

        assert shown == (value,)
        assert connection.info.server_version >= OLDEST * 10_000


def test_postgresql_is_reached_by_its_socket_too(postgres: Postgres) -> None:
    where = f"host={postgres.socket_directory} port={postgres.port}"
    with psycopg.connect(f"{where} user=tocsin dbname=postgres") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_database_goes_though_somebody_is_connected(postgres: Postgres) -> None:
    url = postgres.new_database()
    with psycopg.connect(url):
        postgres.drop_database(url)

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
