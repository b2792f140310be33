import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from face import Answer, Face, serving

from answers_told import Told
from postgres import Postgres


@pytest.fixture(scope="session", autouse=True)
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hold every answer that any test here gets against the OpenAPI document."""
    told = Told.of_a_program(tmp_path_factory.mktemp("told"))
    plain = Face.call

    def call(face: Face, method: str, path: str, *body: Any, **more: Any) -> Answer:
        answer = plain(face, method, path, *body, **more)
        told.hear(method, path, answer.status)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Face, "call", call)
        yield
    assert not told.unheard_of, f"the OpenAPI document does not tell of {sorted(told.unheard_of)}"


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
