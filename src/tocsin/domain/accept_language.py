"""Which language a browser asks for (RFC 9110 section 12.5.4)."""

import re
from typing import Final

from tocsin.domain.dictionaries import reported_language

MAX_READ: Final = 512  # characters of the header that are looked at

# A language range (RFC 4647 section 2.1) with or without its weight (RFC 9110 section 12.4.2).
# Underscores, as some apps write them, are taken in the body of a registration too.
_ELEMENT: Final = re.compile(
    r"(?P<range>[a-z]{1,8}(?:[-_][a-z0-9]{1,8})*)"
    r"(?:[ \t]*;[ \t]*q=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?",
    re.IGNORECASE | re.ASCII,
)


def preferred_language(header: str) -> str | None:
    """Return the tag of the known language with the highest weight, None when there is none.

    Among equals the first wins. The wildcard, malformed elements, unknown languages and those
    of weight 0, which are refused, do not count. Never raises.
    """
    if len(header) > MAX_READ:
        header = header[:MAX_READ].rpartition(",")[0]  # half an element would say another thing
    best, best_weight = None, 0.0
    for element in header.split(","):
        found = _ELEMENT.fullmatch(element.strip(" \t"))
        weight = float(found["weight"] or 1) if found else 0.0
        if found and weight > best_weight and (tag := reported_language(found["range"])):
            best, best_weight = tag, weight
    return best
