"""Browser and operating system, from what a browser says of itself."""

from collections.abc import Mapping
from typing import Final

import ua_parser

from tocsin.domain.dictionaries import BROWSERS, OPERATING_SYSTEMS, look_up

_LONGEST: Final = 512

# The names that differ from our dictionaries'.
_BROWSER_ALIASES: Final[Mapping[str, str]] = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome",
    "Google Chrome": "Chrome",
    "HeadlessChrome": "Chrome",
    "Android WebView": "Chrome",
    "Edge Mobile": "Edge",
    "Microsoft Edge": "Edge",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Mobile Safari": "Safari",
    # A page on the home screen, the only one that iOS lets subscribe, names no Safari.
    "Mobile Safari UI/WKWebView": "Safari",
    "Opera Mobile": "Opera",
    "Opera Mini": "Opera",
    "Opera Touch": "Opera",
    "Opera GX": "Opera",
    "Yandex Browser": "Yandex",
    "YaBrowser": "Yandex",
    "DuckDuckGo Mobile": "DuckDuckGo",
}
_SYSTEM_ALIASES: Final[Mapping[str, str]] = {
    "Mac OS X": "macOS",
    "Mac OS": "macOS",
    "Chromium OS": "Chrome OS",
    "Ubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
    "iPadOS": "iOS",
}


def browser_and_os(user_agent: str, hints: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the dictionaries' ids of browser and system, None where it cannot be told.

    hints: the client hints ``sec-ch-ua`` and ``sec-ch-ua-platform`` (User-Agent Client Hints,
    section 3), which tell brands apart that share one User-Agent.
    """
    parsed = ua_parser.parse(user_agent[:_LONGEST])
    browser = _brand(hints.get("sec-ch-ua", "")[:_LONGEST])
    if browser is None and parsed.user_agent is not None:
        browser = _known(BROWSERS, _BROWSER_ALIASES, parsed.user_agent.family)
    system = _known(
        OPERATING_SYSTEMS, _SYSTEM_ALIASES, hints.get("sec-ch-ua-platform", "")[:64].strip(' "')
    )
    if system is None and parsed.os is not None:
        system = _known(OPERATING_SYSTEMS, _SYSTEM_ALIASES, parsed.os.family)
    return browser, system


def _brand(header: str) -> int | None:
    """Return the most telling brand of a list such as ``"Chromium";v="1", "Brave";v="1"``."""
    brands = [item.partition(";")[0].strip(' "') for item in header.split(",")]
    found = [
        id_ for brand in brands if (id_ := _known(BROWSERS, _BROWSER_ALIASES, brand)) is not None
    ]
    chromium = look_up(BROWSERS, "Chromium")
    return next((id_ for id_ in found if id_ != chromium), found[0] if found else None)


def _known(dictionary: Mapping[int, str], aliases: Mapping[str, str], name: str) -> int | None:
    return look_up(dictionary, aliases.get(name, name)) if name and not name.isdigit() else None
