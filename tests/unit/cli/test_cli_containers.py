"""``tocsin container``: what it prints, and what it refuses."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from tocsin.cli.main import tocsin
from tocsin.domain.errors import NotFound
from tocsin.domain.keyring import CannotUnseal
from tocsin.settings import Settings
from tocsin.wiring import Program

CREATE = ("container", "create", "--account", "main", "--name", "shop")


@pytest.fixture
def data(tmp_path: Path, migrated_sqlite: Path) -> Path:
    """Return a data directory with a migrated database, and a container in it."""
    shutil.copy(migrated_sqlite, tmp_path / "tocsin.db")
    run(tmp_path, "account", "create", "main")
    return tmp_path


def run(data: Path, *arguments: str) -> str:
    result = CliRunner().invoke(tocsin, arguments, env={"TOCSIN_DATA": str(data)})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_paused_container_is_resumed_by_its_id_or_its_key(data: Path) -> None:
    made = json.loads(run(data, *CREATE, "--origin", "https://www.example.com"))
    assert made.keys() == {"id", "key", "vapid_public_key"}
    paused_at = {("https://b.example", 1): 401, ("https://a.example", 1): 403}

    for name in (made["id"], made["key"]):
        with closing(Program(Settings(data=data))) as program:
            program.containers.resume(name)
            with program.store.write() as unit:
                for (origin, key_id), status in paused_at.items():
                    assert unit.refused_keys.add(key_id, origin, status=status, now_ms=0)

        assert run(data, "container", "resume", name) == (
            "container 1 is sent to again at https://a.example\n"
            "container 1 is sent to again at https://b.example\n"
        )
        assert run(data, "container", "resume", name) == (
            "container 1 is not paused: no push service refuses its key\n"
        )


def test_a_container_that_nobody_knows_is_not_resumed(data: Path) -> None:
    result = CliRunner().invoke(
        tocsin, ["container", "resume", "7"], env={"TOCSIN_DATA": str(data)}
    )

    assert isinstance(result.exception, NotFound)
    assert str(result.exception) == "there is no container 7"


def test_under_another_secret_key_none_is_made_and_nothing_is_served(data: Path) -> None:
    """What is sealed under two keys no process can open."""
    run(data, *CREATE, "--origin", "https://www.example.com")
    other = data / "other-key"
    other.write_text("ab" * 32)

    made = CliRunner().invoke(
        tocsin,
        [*CREATE, "--origin", "https://www.example.com"],
        env={"TOCSIN_DATA": str(data), "TOCSIN_SECRET_KEY_FILE": str(other)},
    )

    assert isinstance(made.exception, CannotUnseal)
    assert "TOCSIN_SECRET_KEY_FILE names its file" in str(made.exception)
    with closing(Program(Settings(data=data, secret_key_file=other))) as program:
        with program.store.read() as unit:
            assert len(unit.containers.all_vapid_keys()) == 1
        with pytest.raises(CannotUnseal):
            program.prepare()
