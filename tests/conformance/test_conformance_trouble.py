"""A database that is away, busy or full: foreseen, and over when its cause is."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from world import in_threads

from postgres import Postgres
from tocsin.domain.errors import Unavailable
from tocsin.store import trouble
from tocsin.store.engine import Database
from tocsin.store.unit import Store

INSERT = text("INSERT INTO account (name, create_ms) VALUES (:name, 0)")


@pytest.fixture
def sqlite_path(tmp_path: Path, migrated_sqlite: Path) -> Path:
    path = tmp_path / "tocsin.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return path


@contextmanager
def opened(url: str, **how: float) -> Iterator[Database]:
    database = Database(url, **how)  # type: ignore[arg-type]  # numbers by name
    try:
        yield database
    finally:
        database.close()


def accounts(database: Database) -> int:
    with Store(database).read() as unit:
        return unit.accounts.count()


def add_account(database: Database, name: str) -> None:
    with Store(database).write() as unit:
        unit.accounts.add(name, parent_id=None, now_ms=0)


def test_who_finds_no_connection_free_is_told_so_in_time(migrated_url: str) -> None:
    with opened(migrated_url, pool_size=1, pool_wait_s=0.05) as database:
        with (
            database.read(),
            pytest.raises(Unavailable, match="busy") as raised,
            database.read(),
        ):
            pass
        assert raised.value.retry_after_s == 1
        assert accounts(database) == 0


def test_our_own_mistakes_stay_what_they_are(migrated_url: str) -> None:
    with opened(migrated_url) as database:
        for statement in ("SELECT nothing FROM nowhere", "SELEC"):
            with pytest.raises((OperationalError, ProgrammingError)), database.read() as connection:
                connection.execute(text(statement))
        assert accounts(database) == 0


def test_another_process_that_keeps_the_file_locked(sqlite_path: Path) -> None:
    with (
        opened(f"sqlite:///{sqlite_path}", sqlite_wait_s=0.05) as database,
        closing(sqlite3.connect(sqlite_path, isolation_level=None)) as shell,
    ):
        shell.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match=trouble.BUSY):
            add_account(database, "refused")
        assert accounts(database) == 0

        shell.execute("ROLLBACK")
        add_account(database, "taken")
        assert accounts(database) == 1


def test_a_full_disk_refuses_and_is_over_when_there_is_room(sqlite_path: Path) -> None:
    with opened(f"sqlite:///{sqlite_path}", pool_size=1) as database:

        def allow(pages: int) -> None:
            with database.read() as connection:
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        allow(1)  # no further page than there are
        with pytest.raises(Unavailable, match="no room left"):
            add_account(database, "x" * 100_000)
        assert accounts(database) == 0

        allow(1 << 20)
        add_account(database, "x" * 100_000)
        assert accounts(database) == 1


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "tocsin.db").mkdir()
    with (
        opened(f"sqlite:///{tmp_path / 'tocsin.db'}") as database,
        pytest.raises(Unavailable, match=trouble.AWAY),
    ):
        accounts(database)


@pytest.fixture
def database_name(postgres: Postgres, migrated_postgresql: str) -> Iterator[str]:
    yield migrated_postgresql.rpartition("/")[2]
    postgres.empty_database(migrated_postgresql)


def close_down(postgres: Postgres, name: str) -> None:
    """Cut everybody off, and let nobody in."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as boss:
        boss.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        boss.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )


def open_up(postgres: Postgres, name: str) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as boss:
        boss.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_a_server_that_goes_away_and_comes_back(postgres: Postgres, database_name: str) -> None:
    with opened(postgres.url(database_name)) as database:
        add_account(database, "before")

        def be_cut_off() -> None:
            with database.write() as connection:
                connection.execute(INSERT, {"name": "during"})
                close_down(postgres, database_name)

        try:
            with pytest.raises(Unavailable, match=trouble.AWAY):
                be_cut_off()
            with pytest.raises(Unavailable, match=trouble.AWAY):
                accounts(database)
        finally:
            open_up(postgres, database_name)

        assert accounts(database) == 1
        add_account(database, "after")
        assert accounts(database) == 2


def test_a_server_that_is_not_there() -> None:
    with (
        opened("postgresql://nobody@127.0.0.1:1/nothing") as database,
        pytest.raises(Unavailable) as raised,
    ):
        accounts(database)

    assert str(raised.value) == trouble.AWAY


def test_of_two_that_wait_for_each_other_one_is_asked_to_try_again(
    postgres: Postgres, database_name: str
) -> None:
    with opened(postgres.url(database_name)) as database:
        add_account(database, "one")
        add_account(database, "two")
        both = threading.Barrier(2, timeout=30)

        def rename(first: str, second: str) -> str:
            try:
                with database.write() as connection:
                    for name in (first, second):
                        connection.execute(
                            text("UPDATE account SET create_ms = 1 WHERE name = :name"),
                            {"name": name},
                        )
                        if name == first:
                            both.wait()
            except Unavailable as error:
                return str(error)
            return "done"

        results = in_threads(lambda: rename("one", "two"), lambda: rename("two", "one"))

    assert sorted(results) == ["done", trouble.BUSY]
