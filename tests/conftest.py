"""What every suite may ask for: databases of both kinds, and the real program."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from postgres import Postgres, running_postgres
from programs import Programs
from tocsin.store.engine import Database
from tocsin.store.migrate import upgrade

# How long an example takes is the machine's affair; nothing here is asserted by the clock.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return the run's own PostgreSQL server, started by the first test that asks."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty database; a test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'tocsin.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated database file, to be copied and never opened."""
    path = tmp_path_factory.mktemp("migrated") / "tocsin.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgres: Postgres) -> str:
    """Return the URL of a migrated database, to be emptied after every use."""
    url = postgres.new_database()
    _migrate(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a migrated database without a row; on both kinds, like database_url.

    Its schema is that of other tests too: one that changes it takes database_url.
    """
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "tocsin.db")
        yield f"sqlite:///{path}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url: str = request.getfixturevalue("migrated_postgresql")
    yield url
    server.empty_database(url)


def _migrate(url: str) -> None:
    database = Database(url)
    try:
        upgrade(database)
    finally:
        database.close()


@pytest.fixture
def programs() -> Iterator[Programs]:
    """Return the starter of real programs; they end with the test, whatever happens."""
    with Programs.closed_at_end() as started:
        yield started
