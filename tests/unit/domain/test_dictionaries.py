"""The dictionaries know what browsers say, and what the vendor's clients send."""

from importlib.resources import files

import pytest

from tocsin.domain.dictionaries import (
    BROWSERS,
    COUNTRIES,
    LANGUAGES,
    OPERATING_SYSTEMS,
    country_of_time_zone,
    is_language_tag,
    is_time_zone,
    look_up,
)
from tocsin.simulators.virtual_subscribers import MACHINES, PLACES


def zone_table() -> dict[str, str]:
    text = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return {row[2]: row[0] for row in rows}


def test_every_zone_of_the_table_has_its_country() -> None:
    table = zone_table()

    assert len(table) > 400
    assert {zone: country_of_time_zone(zone) for zone in table} == table
    assert [zone for zone in table if not is_time_zone(zone)] == []
    assert set(table.values()) <= COUNTRIES.keys()


@pytest.mark.parametrize(
    ("name", "country"),
    [
        pytest.param("Europe/Kiev", "UA", id="renamed"),
        pytest.param("Asia/Calcutta", "IN", id="what Chrome still says in India"),
        pytest.param("US/Pacific", "US", id="by country"),
        pytest.param("GB", "GB", id="a country alone"),
        pytest.param("Iceland", "IS", id="kept as a link to Abidjan"),
        pytest.param("Africa/Timbuktu", "ML", id="kept as a link to Abidjan, too"),
        pytest.param("Africa/Asmera", "ER", id="kept as a link to Nairobi"),
        pytest.param("America/Coral_Harbour", "CA", id="kept as a link to Panama"),
        pytest.param("America/Virgin", "VI", id="kept as a link to Puerto Rico"),
        pytest.param("Atlantic/Jan_Mayen", "SJ", id="kept as a link to Berlin"),
        pytest.param("Pacific/Truk", "FM", id="kept as a link to Port Moresby"),
        pytest.param("Pacific/Ponape", "FM", id="kept as a link to Guadalcanal"),
        pytest.param("UTC", None, id="UTC"),
        pytest.param("Etc/GMT+5", None, id="an offset"),
        pytest.param("GMT", None, id="GMT is nobody's"),
        pytest.param("CET", None, id="CET is many countries'"),
        pytest.param("EST", None, id="EST is not Panama's alone"),
    ],
)
def test_an_old_name_has_its_own_country(name: str, country: str | None) -> None:
    assert is_time_zone(name)
    assert country_of_time_zone(name) == country


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "europe/belgrade", "../passwd", "+01:00"])
def test_what_is_no_time_zone(name: str) -> None:
    assert not is_time_zone(name)
    assert country_of_time_zone(name) is None


@pytest.mark.parametrize(
    ("dictionary", "name", "id_"),
    [
        pytest.param(BROWSERS, "Chrome", 12, id="the vendor's Chrome"),
        pytest.param(OPERATING_SYSTEMS, "Android", 12, id="the vendor's Android"),
        pytest.param(OPERATING_SYSTEMS, "macOS", 4, id="the vendor's macOS"),
        pytest.param(OPERATING_SYSTEMS, "MACOS", 4, id="any case"),
        pytest.param(BROWSERS, "12", 12, id="an id"),
        pytest.param(BROWSERS, "99", None, id="an id of nothing"),
        pytest.param(BROWSERS, "-1", None, id="a negative id"),
        pytest.param(BROWSERS, "٣", None, id="a digit of another script"),
        pytest.param(BROWSERS, "9" * 5000, None, id="more digits than Python reads"),
        pytest.param(BROWSERS, "", None, id="nothing"),
        pytest.param(BROWSERS, "Netscape", None, id="an unknown name"),
    ],
)
def test_look_up(dictionary: dict[int, str], name: str, id_: int | None) -> None:
    assert look_up(dictionary, name) == id_


@pytest.mark.parametrize("dictionary", [BROWSERS, OPERATING_SYSTEMS], ids=["browsers", "os"])
def test_a_name_stands_for_one_id(dictionary: dict[int, str]) -> None:
    assert {look_up(dictionary, name) for name in dictionary.values()} == dictionary.keys()


def test_what_the_simulator_writes_is_known() -> None:
    machines = {MACHINES.pick(number) for number in range(1000)}
    places = {PLACES.pick(number) for number in range(1000)}

    assert [name for name, _ in machines if look_up(BROWSERS, name) is None] == []
    assert [name for _, name in machines if look_up(OPERATING_SYSTEMS, name) is None] == []
    assert [country for country, _, _ in places if country not in COUNTRIES] == []
    assert [zone for _, zone, _ in places if not is_time_zone(zone)] == []
    assert [tag for _, _, tag in places if not is_language_tag(tag)] == []


def test_the_countries_are_those_of_iso_3166() -> None:
    assert len(COUNTRIES) == 249
    assert COUNTRIES["RS"] == "Serbia"


def test_the_languages_are_those_of_iso_639() -> None:
    two_letters = [code for code in LANGUAGES if len(code) == 2]

    assert len(two_letters) == 184  # 183, and sh, which tags still have
    assert all(code.isascii() and code.islower() and len(code) in (2, 3) for code in LANGUAGES)
    assert LANGUAGES["nb"] == "Norwegian Bokmål"
    assert LANGUAGES["zu"] == "Zulu"


@pytest.mark.parametrize(
    "tag",
    [
        "en",
        "EN",
        "pt-BR",
        "zh-Hans-CN",
        "es-419",
        "ca-ES-valencia",
        "de-AT-1996",
        "en-US-posix",
        "sr-Latn-RS",
        pytest.param("fil-PH", id="fil-PH: Filipino has no code of two letters"),
        pytest.param("ckb", id="ckb: Kurdish of Iraq"),
    ],
)
def test_a_language_tag(tag: str) -> None:
    assert is_language_tag(tag)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e",
        "xx",
        "eng",
        "english",
        "en_US",
        "en-",
        "-en",
        "en-US-",
        "en US",
        "en-USA-x",
        "*",
        pytest.param("\u212ak", id="a Kelvin sign is no k"),
        pytest.param("en-" + "-".join(["abcde"] * 6), id="over 35 characters"),
        pytest.param("en\n", id="a line end"),
    ],
)
def test_what_is_no_language_tag(text: str) -> None:
    assert not is_language_tag(text)
