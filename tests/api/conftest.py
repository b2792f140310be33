import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from face import Face, serving

from postgres import Postgres


@pytest.fixture(scope="session")
def sqlite_face(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """Return one face for all tests; each makes accounts of its own."""
    data = tmp_path_factory.mktemp("api")
    path = shutil.copy(migrated_sqlite, data / "tocsin.db")
    with serving(data, f"sqlite:///{path}") as face:
        yield face


@pytest.fixture(scope="session")
def postgresql_face(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """Return its twin."""
    with serving(tmp_path_factory.mktemp("api"), postgres.new_database()) as face:
        face.program.upgrade()
        yield face


@pytest.fixture(params=["sqlite", "postgresql"])
def face(request: pytest.FixtureRequest) -> Face:
    """Return the HTTP face on each kind of database."""
    found: Face = request.getfixturevalue(f"{request.param}_face")
    return found


@pytest.fixture
def own_face(tmp_path: Path, migrated_url: str) -> Iterator[Face]:
    """Return a face of the test's own, on each kind of database: it may move the clock."""
    with serving(tmp_path, migrated_url) as face:
        yield face
