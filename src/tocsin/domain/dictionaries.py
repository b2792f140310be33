"""The closed vocabularies of targeting: countries, time zones, languages, browsers, systems.

Countries and time zones come from the tzdata package, so they are as new as its release.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from tocsin.domain.language_names import LANGUAGES

__all__ = (
    "BROWSERS",
    "COUNTRIES",
    "LANGUAGES",
    "MAX_TAG_LENGTH",
    "OPERATING_SYSTEMS",
    "browser_id",
    "country_of_time_zone",
    "is_country",
    "is_language_tag",
    "is_time_zone",
    "operating_system_id",
    "reported_language",
)

# contract.md section 3: Chrome is 12, Android 12 and macOS 4 as in the vendor's samples; the
# other ids are our own. An id is stored with subscribers and tasks: never give it another name.
BROWSERS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "Firefox",
        2: "Safari",
        3: "Edge",
        4: "Opera",
        5: "Samsung Internet",
        6: "Yandex Browser",
        7: "Vivaldi",
        8: "Brave",
        9: "UC Browser",
        10: "Chromium",
        11: "Mi Browser",
        12: "Chrome",
        13: "Huawei Browser",
        14: "DuckDuckGo",
        15: "Whale",
        16: "QQ Browser",
        17: "Cốc Cốc",
        18: "Opera Mini",
    }
)
OPERATING_SYSTEMS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "Windows",
        2: "iOS",
        3: "Linux",
        4: "macOS",
        5: "Chrome OS",
        6: "HarmonyOS",
        7: "KaiOS",
        8: "Tizen",
        9: "FreeBSD",
        12: "Android",
    }
)
# What people and browsers also call them, lower-cased.
_BROWSER_ALIASES: Final[Mapping[str, int]] = {
    "google chrome": 12,
    "mozilla firefox": 1,
    "microsoft edge": 3,
    "yandex": 6,
    "ucbrowser": 9,
    "miui browser": 11,
    "coc coc": 17,
}
_SYSTEM_ALIASES: Final[Mapping[str, int]] = {
    "mac os": 4,
    "mac os x": 4,
    "chromeos": 5,
    "chromium os": 5,
    "ipados": 2,
}

# RFC 5646 section 2.1: language, script, region and variants; no extensions and no private use,
# because nothing here reads them.
_TAG: Final = re.compile(
    r"(?P<language>[A-Za-z]{2})(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
)
MAX_TAG_LENGTH: Final = 35  # RFC 5646 section 4.4.1
# Codes that ISO 639 withdrew and old systems still report; Filipino has no two-letter code, and
# its base is Tagalog.
_RENAMED_LANGUAGES: Final[Mapping[str, str]] = {
    "fil": "tl",
    "in": "id",
    "iw": "he",
    "ji": "yi",
    "jw": "jv",
    "mo": "ro",
    "sh": "sr",
}

# Old names that tzdata links to a zone of another country because the clocks agree. Browsers
# built on ICU still report several of them. None: an offset, not a place.
_LINKED_ABROAD: Final[Mapping[str, str | None]] = {
    "Africa/Asmera": "ER",
    "Africa/Timbuktu": "ML",
    "America/Coral_Harbour": "CA",
    "America/Virgin": "VI",
    "Antarctica/South_Pole": "AQ",
    "Atlantic/Jan_Mayen": "SJ",
    "CET": None,
    "EET": None,
    "EST": None,
    "HST": None,
    "Iceland": "IS",
    "MET": None,
    "MST": None,
    "Pacific/Johnston": "UM",
    "Pacific/Ponape": "FM",
    "Pacific/Truk": "FM",
    "Pacific/Yap": "FM",
    "WET": None,
}
_NO_PLACES: Final = frozenset({"Factory"})  # tzdata's mark for a machine that was never set


def is_country(code: str) -> bool:
    """Return whether ISO 3166-1 has the alpha-2 *code*, written in capitals."""
    return code in COUNTRIES


def is_language_tag(text: str) -> bool:
    """Return whether *text* is a language of ISO 639-1, alone or as head of a BCP 47 tag.

    Case does not matter. Source: RFC 5646 section 2.1, without extensions and private use.
    """
    found = _TAG.fullmatch(text) if len(text) <= MAX_TAG_LENGTH else None
    return found is not None and found["language"].lower() in LANGUAGES


def reported_language(text: str) -> str | None:
    """Return the tag to keep for a language that a browser or another system reported.

    Underscores become hyphens, withdrawn codes their successors, and subtags that
    is_language_tag does not take fall off from the right; case is that of RFC 5646 section 2.1.1.
    None: nothing known is left.
    """
    head, *rest = text[:MAX_TAG_LENGTH].replace("_", "-").split("-")
    subtags = [_RENAMED_LANGUAGES.get(head.lower(), head), *rest]
    while subtags and not is_language_tag("-".join(subtags)):
        subtags.pop()
    return "-".join(map(_in_case, subtags, range(len(subtags)))) or None


def _in_case(subtag: str, position: int) -> str:
    if position and len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if position and len(subtag) == 4 else subtag.lower()


def is_time_zone(name: str) -> bool:
    """Return whether tzdata has the time zone *name*, old names included; case matters."""
    return name in _time_zones()


def country_of_time_zone(name: str) -> str | None:
    """Return the alpha-2 code of the country that the time zone *name* lies in.

    None for a zone without a country (``Etc/UTC``) and for a name that tzdata does not have.
    """
    return _time_zones().get(name)


def browser_id(text: str) -> int | None:
    """Return the id of the browser that *text* names by id, name or common alias."""
    return _look_up(text, BROWSERS, _BROWSER_ALIASES)


def operating_system_id(text: str) -> int | None:
    """Return the id of the operating system that *text* names by id, name or common alias."""
    return _look_up(text, OPERATING_SYSTEMS, _SYSTEM_ALIASES)


def _look_up(text: str, names: Mapping[int, str], aliases: Mapping[str, int]) -> int | None:
    wanted = text.strip().casefold()
    for number, name in names.items():
        if wanted in {str(number), name.casefold()}:
            return number
    return aliases.get(wanted)


def _tzdata_rows(name: str) -> Iterator[list[str]]:
    """Yield the rows of tzdata's table *name*, which is tab-separated with comments."""
    table = files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")
    return (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))


@cache
def _time_zones() -> Mapping[str, str | None]:
    """Return every time zone name of tzdata with its country, or None where it has none."""
    # zone.tab gives each zone its own country; in zone1970.tab, Oslo is but a link to Berlin.
    country_of: dict[str, str | None] = {row[2]: row[0] for row in _tzdata_rows("zone.tab")}
    links = dict(_links())
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    for name in names:
        if name not in country_of:
            country_of[name] = _LINKED_ABROAD.get(name, country_of.get(_end_of(name, links)))
    return {name: country_of[name] for name in names if name not in _NO_PLACES}


def _links() -> Iterator[tuple[str, str]]:
    """Yield tzdata's links as (old name, its target): lines ``L target name`` of tzdata.zi."""
    source = files("tzdata").joinpath("zoneinfo", "tzdata.zi").read_text(encoding="utf-8")
    for line in source.splitlines():
        match line.split():
            case ["L", target, name]:
                yield name, target


def _end_of(name: str, links: Mapping[str, str]) -> str:
    while name in links:
        name = links[name]
    return name


COUNTRIES: Final[Mapping[str, str]] = MappingProxyType(dict(_tzdata_rows("iso3166.tab")))
