"""The ids and codes that targeting understands: countries, languages, browsers, systems."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from tocsin.domain.languages import LANGUAGES, is_language_tag

__all__ = [
    "BROWSERS",
    "COUNTRIES",
    "LANGUAGES",
    "OPERATING_SYSTEMS",
    "country_of_time_zone",
    "is_language_tag",
    "is_time_zone",
    "look_up",
]

# 12 = Chrome, 12 = Android and 4 = macOS are the vendor's; the other ids are ours, for good.
BROWSERS: Final[Mapping[int, str]] = {
    1: "Firefox",
    2: "Safari",
    3: "Edge",
    4: "Opera",
    5: "Samsung Internet",
    6: "Yandex",
    7: "Vivaldi",
    8: "Brave",
    9: "UC Browser",
    10: "Chromium",
    11: "DuckDuckGo",
    12: "Chrome",
}
OPERATING_SYSTEMS: Final[Mapping[int, str]] = {
    1: "Windows",
    2: "Linux",
    3: "Chrome OS",
    4: "macOS",
    5: "iOS",
    6: "KaiOS",
    12: "Android",
}


def look_up(dictionary: Mapping[int, str], given: str) -> int | None:
    """Return the id that *given*, an id or a name in any case, has in *dictionary*."""
    if given.isascii() and given.isdigit() and len(given) < 10:
        return int(given) if int(given) in dictionary else None
    wanted = given.casefold()
    return next((id_ for id_, name in dictionary.items() if name.casefold() == wanted), None)


def _zone_file(name: str) -> str:
    return files("tzdata").joinpath("zoneinfo", name).read_text("utf-8")


def _rows(name: str) -> list[list[str]]:
    lines = _zone_file(name).splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


COUNTRIES: Final[Mapping[str, str]] = {code: name for code, name, *_ in _rows("iso3166.tab")}
"""ISO 3166-1 alpha-2 code -> English name, as the time zone database has them."""


@cache
def _links() -> Mapping[str, str]:
    """Return old name of a time zone -> the name it stands for now."""
    return {
        parts[2]: parts[1]
        for line in _zone_file("tzdata.zi").splitlines()
        if (parts := line.split())[:1] == ["L"] and len(parts) == 3
    }


@cache
def _countries_of_time_zones() -> Mapping[str, str]:
    return {zone: country for country, _, zone, *_ in _rows("zone.tab")}


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


def is_time_zone(name: str) -> bool:
    """Return whether *name* is a time zone of the IANA database, old names included."""
    return name in _time_zones()


# Names that the time zone database keeps as links into another country, where clocks agree.
_COUNTRIES_OF_LINKS: Final[Mapping[str, str]] = {
    "Africa/Asmera": "ER",
    "Africa/Timbuktu": "ML",
    "America/Coral_Harbour": "CA",
    "America/Virgin": "VI",
    "Antarctica/South_Pole": "AQ",
    "Atlantic/Jan_Mayen": "SJ",
    "Iceland": "IS",
    "Pacific/Johnston": "UM",
    "Pacific/Ponape": "FM",
    "Pacific/Truk": "FM",
    "Pacific/Yap": "FM",
}
# Links as well, but the names of an offset or of a rule, which many countries share.
_OF_NO_COUNTRY: Final = frozenset({"CET", "EET", "EST", "HST", "MET", "MST", "WET"})


def country_of_time_zone(name: str) -> str | None:
    """Return the country of a time zone: None for UTC, CET and the like."""
    if name in _OF_NO_COUNTRY:
        return None
    if name in _COUNTRIES_OF_LINKS:
        return _COUNTRIES_OF_LINKS[name]
    countries = _countries_of_time_zones()
    for _ in range(4):  # links of links are rare and short
        if name in countries:
            return countries[name]
        if name not in _links():
            return None
        name = _links()[name]
    return None
