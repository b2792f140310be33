"""Browser and operating system, from what a browser says of itself."""

from collections.abc import Mapping
from typing import Final

import ua_parser

from tocsin.domain.dictionaries import browser_id, operating_system_id

_LONGEST: Final = 512


def browser_and_os(user_agent: str, hints: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the dictionaries' ids of browser and system, None where it cannot be told.

    hints: the client hints ``sec-ch-ua`` and ``sec-ch-ua-platform`` (User-Agent Client Hints,
    section 3), which tell brands apart that share one User-Agent.
    """
    parsed = ua_parser.parse(user_agent[:_LONGEST])
    browser = _brand(hints.get("sec-ch-ua", "")[:_LONGEST])
    if browser is None and parsed.user_agent is not None:
        browser = browser_id(parsed.user_agent.family)
    system = operating_system_id(hints.get("sec-ch-ua-platform", "")[:64].strip(' "'))
    if system is None and parsed.os is not None:
        system = operating_system_id(parsed.os.family)
    return browser, system


def _brand(header: str) -> int | None:
    """Return the most telling brand of a list such as ``"Chromium";v="1", "Brave";v="1"``."""
    brands = [item.partition(";")[0].strip(' "') for item in header.split(",")]
    found = [id_ for brand in brands if (id_ := browser_id(brand)) is not None]
    chromium = browser_id("Chromium")
    return next((id_ for id_ in found if id_ != chromium), found[0] if found else None)
