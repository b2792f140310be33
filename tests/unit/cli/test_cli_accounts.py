"""``tocsin account`` and ``tocsin token``: what they print, and what they refuse."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tocsin.cli.main import main, tocsin
from tocsin.domain import bearer
from tocsin.domain.errors import NotFound

Tocsin = Callable[..., str]
REFUSED = 2


@pytest.fixture
def data(tmp_path: Path, migrated_sqlite: Path) -> Path:
    """Return a data directory with a migrated database."""
    shutil.copy(migrated_sqlite, tmp_path / "tocsin.db")
    return tmp_path


def invoke(data: Path, *arguments: str, **settings: str) -> Result:
    environment = {"TOCSIN_DATA": str(data), **settings}
    return CliRunner().invoke(tocsin, arguments, env=environment)


@pytest.fixture
def run(data: Path) -> Tocsin:
    """Return what runs one command and returns what it printed."""

    def run(*arguments: str, **settings: str) -> str:
        result = invoke(data, *arguments, **settings)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_the_limits_of_an_account_are_shown_and_changed(run: Tocsin) -> None:
    run("account", "create", "main")

    assert run("account", "limits", "main") == "burst 10 (setting)\nsteady 150 (setting)\n"
    assert run("account", "limits", "main", TOCSIN_RATE_BURST="0") == (
        "burst unlimited (setting)\nsteady 150 (setting)\n"
    )
    assert run("account", "limits", "main", "--burst", "20") == (
        "burst 20 (own)\nsteady 150 (setting)\n"
    )
    assert run("account", "limits", "main", "--steady", "0") == (
        "burst 20 (own)\nsteady unlimited (own)\n"
    )
    assert run("account", "limits", "main") == "burst 20 (own)\nsteady unlimited (own)\n"
    assert run("account", "limits", "main", "--default") == (
        "burst 10 (setting)\nsteady 150 (setting)\n"
    )


def test_a_token_is_made_for_a_time_listed_and_revoked(run: Tocsin, data: Path) -> None:
    run("account", "create", "main")
    run("account", "create", "child", "--parent", "main")
    of_child = run("token", "create", "--account", "child", "--name", "Čačak").strip()
    of_main = run(
        *("token", "create", "--account", "main", "--name", "CI", "--scope", "read"),
        *("--valid-from", "2030-01-01 00:00:00", "--valid-until", "2031-01-01T00:00:00+01:00"),
    ).strip()
    assert bearer.is_well_formed(of_child)
    assert bearer.is_well_formed(of_main)

    def listed(account: str) -> list[dict[str, Any]]:
        lines = run("token", "list", "--account", account).splitlines()
        assert not any(secret in line for line in lines for secret in (of_child, of_main))
        return [json.loads(line) for line in lines]

    newest, oldest = listed("main")
    assert (
        newest.items()
        >= {
            "name": "CI",
            "valid_from": "2030-01-01 00:00:00",
            "valid_until": "2030-12-31 23:00:00",
        }.items()
    )
    assert newest["scopes"] == ["read"]
    assert oldest["name"] == "Čačak"
    assert listed("child") == [oldest]

    refused = invoke(data, "token", "revoke", "--account", "child", newest["id"])
    assert isinstance(refused.exception, NotFound)
    assert run("token", "revoke", "--account", "main", oldest["id"]) == ""
    assert listed("main") == [newest]
    assert listed("child") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["account", "limits", "main", "--default", "--burst", "1"], "--default goes with neither"),
        (["account", "limits", "main", "--burst", "-1"], "--burst"),
        (["account", "limits", "main", "--steady", "many"], "--steady"),
        (
            ["token", "create", "--account", "main", "--name", "x", "--valid-until", "soon"],
            "'soon' must be YYYY-MM-DD",
        ),
        (["token", "revoke", "--account", "main", "0"], "ID"),
        (["token", "revoke", "--account", "main", "x"], "ID"),
    ],
)
def test_what_is_refused_is_told(data: Path, run: Tocsin, arguments: list[str], told: str) -> None:
    run("account", "create", "main")

    result = invoke(data, *arguments)

    assert result.exit_code == REFUSED
    assert told in result.output


def test_a_database_that_refuses_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("TOCSIN_DATA", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["tocsin", "account", "create", "main"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith("tocsin: the database refused: connection failed")
    assert told.count("\n") == 1
