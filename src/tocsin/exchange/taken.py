"""What may be taken of a stranger's answer: plain text, URLs that a browser may open, and money."""

import re
from collections.abc import Iterable
from decimal import Context, Decimal
from enum import Enum
from ipaddress import IPv6Address
from typing import Any, Final
from urllib.parse import urlsplit

MAX_ID_BYTES: Final = 255
MAX_TITLE_BYTES: Final = 600
MAX_TEXT_BYTES: Final = 2000
MAX_URL_BYTES: Final = 2048
MAX_PIXELS: Final = 10

_MICROS: Final = 1_000_000
_EXACT: Final = Context(prec=100)  # more digits than any number read here has
_AMOUNT: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")

# Characters that show nothing, or that make the text around them read in another order: controls
# (but the blanks among them, which become one), U+061C, U+200E and U+200F, U+202A to U+202E,
# U+2066 to U+2069, and the byte order mark. Joiners stay: names and emoji are written with them.
_UNSEEN: Final = dict.fromkeys(
    [
        *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if not chr(code).isspace()),
        *(0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF),
    ]
)
# One spelling of what comes before the path, so that no two parsers see another host in it.
_URL: Final = re.compile(
    r"https?://(?:[a-z0-9_](?:[a-z0-9._-]{0,252})|(?P<v6>\[[0-9a-f:.]{2,45}\]))(?::[0-9]{1,5})?"
    r"(?:[/?#].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_UNFIT_FOR_URLS: Final = re.compile(
    "[\x00-\x20\x7f-\xa0\\\\\u061c\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
)


class Flaw(Enum):
    """Why a thing that an answer offers is not shown."""

    UNFIT = "unfit"  # not what the protocol says, or what must not be shown
    TOO_CHEAP = "too_cheap"  # a good ad, bid below the floor


class UnfitError(ValueError):
    """What is read is not what the protocol says, or must not be shown."""


def plain_text(value: Any, most_bytes: int) -> str:
    """Return *value* as one line without characters that cannot be seen; null and absent are "".

    Raises UnfitError when it is no text, or longer than *most_bytes* in UTF-8.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnfitError("is no text")
    text = " ".join(value.translate(_UNSEEN).split())
    if len(text.encode()) > most_bytes:
        raise UnfitError(f"is longer than {most_bytes} bytes")
    return text


def name(value: Any) -> str:
    """Return what the source calls a thing: text or a number, "" for nothing. Raises UnfitError."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    return plain_text(value, MAX_ID_BYTES)


def web_url(value: Any) -> str | None:
    """Return *value* if it is a URL that a browser may be sent to, else None.

    Absolute, http or https, at most 2048 bytes, with an ASCII host and a port that there is;
    without credentials, blanks, backslashes, and characters that cannot be seen.
    """
    if not isinstance(value, str) or len(value.encode()) > MAX_URL_BYTES:
        return None
    match = _URL.fullmatch(value)
    if match is None or _UNFIT_FOR_URLS.search(value):
        return None
    try:
        parts = urlsplit(value)
        if match["v6"]:
            IPv6Address(match["v6"][1:-1])
        is_port = parts.port != 0  # reading it is the check
    except ValueError:
        return None
    return value if is_port else None


def pixels(values: Iterable[Any]) -> tuple[str, ...]:
    """Return the first 10 good URLs among *values*, each once; bad ones are left out."""
    found = dict.fromkeys(url for url in map(web_url, values) if url is not None)
    return tuple(found)[:MAX_PIXELS]


def price_micros(value: Any) -> int | None:
    """Return the millionths of a bid, a part of one left out; None for null and absent.

    value: a whole number, a Decimal, or text such as ``0.25``. Raises UnfitError for anything
    else, less than nothing and a million or more, which is no bid for a thousand impressions.
    """
    if value is None:
        return None
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UnfitError("is no number")
    if not 0 <= value < _MICROS:
        raise UnfitError("is no amount that anybody bids")
    return int(_EXACT.multiply(Decimal(value), Decimal(_MICROS)))


def is_enough(price: int | None, floor: int | None) -> bool:
    """Return whether *price* is at the *floor* or above; both in millionths, or None for none."""
    return floor is None or (price is not None and price >= floor)


def shape_of(value: Any) -> dict[str, Any]:
    """Return *value* if it is an object. Raises UnfitError."""
    if not isinstance(value, dict):
        raise UnfitError("is no object")
    return value


def items_of(value: Any) -> list[Any]:
    """Return *value* if it is an array, nothing for null and absent. Raises UnfitError."""
    if not isinstance(value, list | None):
        raise UnfitError("is no array")
    return value or []
