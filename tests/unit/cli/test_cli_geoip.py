"""A GeoIP database that cannot be used: who says so, and when."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import geoip_files
from tocsin.cli.main import main, tocsin


@pytest.fixture
def data(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data directory with a migrated database, set for the commands."""
    shutil.copy(migrated_sqlite, tmp_path / "tocsin.db")
    monkeypatch.setenv("TOCSIN_DATA", str(tmp_path))
    return tmp_path


def set_to(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("TOCSIN_GEOIP_DATABASE", str(path))


def test_serve_does_not_start_and_makes_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOCSIN_DATA", str(tmp_path))
    set_to(monkeypatch, tmp_path / "none.mmdb")
    monkeypatch.setattr(sys, "argv", ["tocsin", "serve", "--port", "0"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"tocsin: cannot read the GeoIP database {tmp_path / 'none.mmdb'}: No such file or "
        "directory; a City or Country database in MaxMind's format fits, unpacked (.mmdb)\n"
    )
    assert not (tmp_path / "tocsin.db").exists()


@pytest.mark.parametrize(
    ("kind", "status", "line"),
    [
        ("GeoLite2-City", 0, "ok   the GeoIP database can be used"),
        ("GeoLite2-ASN", 1, "BAD  the GeoIP database can be used"),
    ],
)
def test_the_doctor_looks_at_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, kind: str, status: int, line: str
) -> None:
    set_to(monkeypatch, geoip_files.write(data / "x.mmdb", kind=kind))

    result = CliRunner().invoke(tocsin, ["doctor"])

    assert result.exit_code == status
    assert line in result.output
    assert (f"is of type {kind}" in result.output) == bool(status)


def test_without_one_the_doctor_has_nothing_to_look_at(data: Path) -> None:
    result: Any = CliRunner().invoke(tocsin, ["doctor", "--data", str(data)])

    assert result.exit_code == 0
    assert "GeoIP" not in result.output
