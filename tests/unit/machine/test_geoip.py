"""The GeoIP database: real files, replaced in use, damaged and strange."""

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import maxminddb
import pytest

from doubles import FakeClock
from geoip_files import BELGRADE, IN_IPV6, LONDON, UNMAPPED, record, write
from tocsin.domain.place import NOWHERE, Place
from tocsin.machine.geoip import LOOK_EVERY_MS, BadGeoipDatabase, GeoipDatabase

IN_LONDON = Place("GB", "6269131", "2643743")
IN_BELGRADE = Place("RS", "785958", "792680")


class Opened:
    """A database on a file, with a clock that moves when told, and all that it complained of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.complaints: list[str] = []
        self.database = GeoipDatabase(path, clock=self.clock, on_refusal=self.complaints.append)

    def later(self, address: str = LONDON) -> Place:
        """Return where *address* is once the file has to be looked at again."""
        self.clock.forward(LOOK_EVERY_MS)
        return self.database.place_of(address)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a City database."""
    return write(tmp_path / "City.mmdb")


@pytest.fixture
def opened(path: Path) -> Opened:
    """Return that database, opened."""
    return Opened(path)


def renamed_over(path: Path, networks: Any) -> None:
    write(path.with_suffix(".new"), networks).replace(path)


def written_over(path: Path, networks: Any) -> None:
    path.write_bytes(write(path.with_suffix(".new"), networks).read_bytes())
    os.utime(path, ns=(0, 0))  # however coarse the file system's clock is


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (LONDON, IN_LONDON),
        (BELGRADE, IN_BELGRADE),
        (f"::ffff:{LONDON}", IN_LONDON),
        (IN_IPV6, Place("RO", "683504")),
        (UNMAPPED, NOWHERE),
        ("2001:4860:4860::8888", NOWHERE),
        pytest.param("10.1.2.3", NOWHERE, id="private, though the database has it"),
        ("::ffff:10.1.2.3", NOWHERE),
        ("127.0.0.1", NOWHERE),
        ("fe80::1%eth0", NOWHERE),
        ("unknown", NOWHERE),
        ("", NOWHERE),
        ("\x00", NOWHERE),
    ],
)
def test_where_an_address_is(opened: Opened, address: str, place: Place) -> None:
    assert opened.database.place_of(address) == place
    assert opened.complaints == []


@pytest.mark.parametrize(
    "kind",
    [
        "GeoLite2-City", "GeoIP2-City", "GeoIP2-City-Europe", "GeoIP2-Enterprise",
        "GeoLite2-Country", "GeoIP2-Country", "DBIP-City-Lite", "DBIP-Country-Lite",
        "DBIP-Location (compat=City)",
    ],
)  # fmt: skip
def test_what_fits(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "x.mmdb", {"81.2.69.0/24": record("GB")}, kind=kind)

    assert Opened(path).database.place_of(LONDON) == Place("GB")


@pytest.mark.parametrize("kind", ["GeoLite2-ASN", "GeoIP2-ISP", "GeoIP2-Anonymous-IP", ""])
def test_another_kind_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "x.mmdb", {"81.2.69.0/24": {"asn": 1}}, kind=kind)

    with pytest.raises(BadGeoipDatabase, match=f"x.mmdb is of type {kind}; a City or Country"):
        Opened(path)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(lambda _: None, "cannot read .*x.mmdb: No such file", id="absent"),
        pytest.param(Path.mkdir, "cannot read .*x.mmdb: Is a directory", id="a directory"),
        pytest.param(Path.touch, "x.mmdb is no GeoIP database", id="empty"),
        pytest.param(
            lambda path: path.write_bytes(b"\x1f\x8b" * 500), "is no GeoIP database", id="packed"
        ),
        pytest.param(
            lambda path: path.write_bytes(write(path).read_bytes()[:-60]),
            "is no GeoIP database",
            id="half of it",
        ),
    ],
)
def test_what_does_not_fit(tmp_path: Path, make: Callable[[Path], object], sentence: str) -> None:
    make(tmp_path / "x.mmdb")

    with pytest.raises(BadGeoipDatabase, match=f"{sentence}.*a City or Country database"):
        Opened(tmp_path / "x.mmdb")


def test_a_database_of_ipv4_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "x.mmdb", {"81.2.69.0/24": record("GB")}, ip_version=4)
    opened = Opened(path)

    assert opened.database.place_of(LONDON) == Place("GB")
    assert opened.database.place_of(IN_IPV6) == NOWHERE
    assert opened.complaints == []


@pytest.mark.parametrize("replace", [renamed_over, written_over])
def test_a_new_file_is_taken_up(opened: Opened, replace: Callable[[Path, Any], None]) -> None:
    replace(opened.path, {"81.2.69.0/24": record("IE", 1, 2)})

    opened.clock.forward(LOOK_EVERY_MS - 1)
    assert opened.database.place_of(LONDON) == IN_LONDON
    opened.clock.forward(1)
    assert opened.database.place_of(LONDON) == Place("IE", "1", "2")
    assert opened.database.place_of(BELGRADE) == NOWHERE
    assert opened.complaints == []


def test_a_file_that_is_being_overwritten_does_no_harm(opened: Opened) -> None:
    with opened.path.open("r+b") as file:
        file.write(b"\xff" * opened.path.stat().st_size)  # which a map of it would show
        file.flush()
        assert opened.database.place_of(LONDON) == IN_LONDON
        assert opened.later() == IN_LONDON
    assert len(opened.complaints) == 1

    written_over(opened.path, {"81.2.69.0/24": record("IE")})

    assert opened.later() == Place("IE")
    assert len(opened.complaints) == 1


def test_a_bad_file_is_told_once_and_leaves_the_old_one(opened: Opened) -> None:
    opened.path.unlink()
    assert opened.later() == opened.later() == IN_LONDON
    assert len(opened.complaints) == 1
    assert "No such file" in opened.complaints[0]
    assert opened.complaints[0].endswith("; the old one stays in use")

    write(opened.path, {"81.2.69.0/24": {"asn": 1}}, kind="GeoLite2-ASN")
    assert opened.later() == opened.later() == IN_LONDON
    assert len(opened.complaints) == 2
    assert "of type GeoLite2-ASN" in opened.complaints[1]

    renamed_over(opened.path, {"81.2.69.0/24": record("IE")})
    assert opened.later() == Place("IE")
    assert len(opened.complaints) == 2


def test_one_thread_reads_a_new_file_and_the_others_do_not_wait(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, may_read = threading.Event(), threading.Event()
    plain = maxminddb.open_database

    def slow(*arguments: Any) -> Any:
        reading.set()
        assert may_read.wait(20)
        return plain(*arguments)

    renamed_over(opened.path, {"81.2.69.0/24": record("IE")})
    monkeypatch.setattr(maxminddb, "open_database", slow)
    found: list[Place] = []
    reader = threading.Thread(target=lambda: found.append(opened.later()))
    reader.start()
    assert reading.wait(20)

    assert opened.later() == IN_LONDON

    may_read.set()
    reader.join(20)
    assert found == [Place("IE")]


def test_damage_never_raises(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mmdb").read_bytes()
    path, draw = tmp_path / "x.mmdb", random.Random(1)
    refused = complained = answered = 0

    for _ in range(1500):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 12)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            opened = Opened(path)
        except BadGeoipDatabase:
            refused += 1
            continue
        for address in (LONDON, BELGRADE, IN_IPV6, UNMAPPED):
            answered += opened.database.place_of(address) != NOWHERE
            opened.database.place_of(address)
        complained += bool(opened.complaints)
        assert len(opened.complaints) <= 1

    assert min(refused, complained, answered) > 0
