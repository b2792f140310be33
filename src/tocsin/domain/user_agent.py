"""Which browser and system a request comes from, as ids of our dictionaries."""

import re
from collections.abc import Mapping
from typing import Final

import ua_parser
from ua_parser import Domain

from tocsin.domain.dictionaries import browser_id, operating_system_id

MAX_READ: Final = 512  # characters of any header that are looked at

_CHROME: Final = 12
_CHROMIUM: Final = 10
# Brands and families whose names differ from those of the dictionary, lower-cased.
_BROWSERS: Final[Mapping[str, int]] = {
    "chrome mobile": _CHROME,
    "chrome mobile ios": _CHROME,
    "chrome mobile webview": _CHROME,
    "android webview": _CHROME,
    "headlesschrome": _CHROME,
    "firefox mobile": 1,
    "firefox ios": 1,
    "mobile safari": 2,
    "mobile safari ui/wkwebview": 2,
    "edge mobile": 3,
    "opera mobile": 4,
    "opera gx": 4,
    "opera touch": 4,
    "operamobile": 4,
    "yabrowser": 6,
    "brave mobile": 8,
    "miuibrowser": 11,
    "huaweibrowser": 13,
    "duckduckgo mobile": 14,
    "qq browser mobile": 16,
    "coccoc": 17,
}
_SYSTEMS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("ubuntu", "debian", "fedora", "red hat", "gentoo", "mint", "suse"), 3),
    "openharmony": 6,
}
# The parser's rules do not know it.
_HARMONY: Final = re.compile(r"\b(?:HarmonyOS|OpenHarmony)\b")
# One member of the list that Sec-CH-UA is: a quoted brand with its version
# (User-Agent Client Hints, section 3.1; RFC 9651 section 3.3.3 for the quoting).
_BRAND: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*;\s*v=')


def browser_and_os(user_agent: str, hints: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the ids of the browser and of the operating system, None where they are unknown.

    hints: the request's headers or those of them that matter, ``Sec-CH-UA`` and
    ``Sec-CH-UA-Platform``, which browsers send unasked (User-Agent Client Hints, section 3); names
    ignore case. Never raises, whatever the headers hold.

    A brand of the hints that is more than the engine's is believed first: Brave, for one, has the
    user agent of Chrome. Then a user agent that names another browser than Chrome, for some put
    Chrome among their brands.
    """
    lowered = {name.lower(): value[:MAX_READ] for name, value in hints.items()}
    said_browser, said_os = _from_user_agent(user_agent)
    brands = list(filter(None, map(_browser, _BRAND.findall(lowered.get("sec-ch-ua", "")))))
    platform = _system(lowered.get("sec-ch-ua-platform", "").strip(' "'))
    return _choose(brands, said_browser), platform or said_os


def _choose(brands: list[int], said: int | None) -> int | None:
    for brand in brands:
        if brand not in {_CHROME, _CHROMIUM}:
            return brand
    if said not in {None, _CHROME}:
        return said
    for general in (_CHROME, _CHROMIUM):
        if general in brands:
            return general
    return said


def _from_user_agent(user_agent: str) -> tuple[int | None, int | None]:
    # The parser refuses lone surrogates, which a header read as latin-1 cannot hold anyway.
    readable = user_agent[:MAX_READ].encode("utf-8", "replace").decode()
    found = ua_parser.parser(readable, Domain.USER_AGENT | Domain.OS)
    browser = _browser(found.user_agent.family) if found.user_agent else None
    if _HARMONY.search(readable):
        return browser, 6
    return browser, _system(found.os.family) if found.os else None


def _browser(name: str) -> int | None:
    return _BROWSERS.get(name.lower()) or browser_id(name)


def _system(name: str) -> int | None:
    return _SYSTEMS.get(name.lower()) or operating_system_id(name)
