"""What every suite may ask for: databases of both kinds, and the real program."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres import Postgres, running_postgres
from programs import Programs


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


@pytest.fixture
def programs() -> Iterator[Programs]:
    """Return the starter of real programs; they end with the test, whatever happens."""
    with Programs.closed_at_end() as started:
        yield started
