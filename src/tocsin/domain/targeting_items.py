"""How the items of each attribute of a targeting are read, compared and described.

contract.md sections 2.3 and 2.5, Targeting.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tocsin.domain.dictionaries import MAX_TAG_LENGTH, is_country, is_language_tag
from tocsin.domain.subscriber import REMOTE_USERS, USERS, text_of

MAX_ID: Final = 2**64 - 1
MAX_TEXT_BYTES: Final = 255

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,19}")
_GEONAMES: Final = re.compile(r"[1-9][0-9]{0,9}")
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_MAX_HOST: Final = 253  # RFC 1035 section 2.3.4, as text
# Underscores are for bundle names; RFC 1123 section 2.1 has none.
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Attribute:
    """How the items of one attribute are read.

    text: an item as text, None when it is of a JSON type that the attribute does not take.
    taken: those types, as a sentence says them. fault: what is wrong with an item, or None.
    normal: an item in the form that is compared and stored in facts. schema: of one item.
    """

    fault: Callable[[str], str | None]
    schema: Mapping[str, Any]
    normal: Callable[[str], str] = str
    text: Callable[[object], str | None] = lambda item: item if isinstance(item, str) else None
    taken: str = "text"
    most_items: int = 100


def is_host(text: str) -> bool:
    """Return whether *text* is a host name or a bundle name, in ASCII and without a port."""
    return len(text) <= _MAX_HOST and _HOST.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Return whether *text* is an unsigned 64-bit number in decimal, without leading zeros."""
    return _DECIMAL.fullmatch(text) is not None and int(text) <= MAX_ID


def _country_fault(item: str) -> str | None:
    if not _COUNTRY.fullmatch(item):
        return "must be a country code of two letters (ISO 3166-1 alpha-2), such as CA"
    return None if is_country(item.upper()) else "is no country of ISO 3166-1"


def _language_fault(item: str) -> str | None:
    if is_language_tag(item):
        return None
    return "must be a language of ISO 639-1, such as pt, or a BCP 47 tag of one, such as pt-BR"


def _id_fault(item: str) -> str | None:
    return None if is_id(item) else f"must be a number of 0 to {MAX_ID} in decimal"


def _region_fault(item: str) -> str | None:
    return None if _GEONAMES.fullmatch(item) else "must be a GeoNames id, such as 792680"


def _host_fault(item: str) -> str | None:
    if is_host(item.removeprefix("*.")):
        return None
    return "must be a host name or bundle name such as www.example.com, or *.example.com"


def _remote_user_fault(item: str) -> str | None:
    return _custom_fault(item) if item else "must not be empty"


def _custom_fault(item: str) -> str | None:
    size = len(item.encode())
    if size <= MAX_TEXT_BYTES:
        return None
    return f"is {size} bytes long; {MAX_TEXT_BYTES} are the most"


def _number_as_text(item: object) -> str | None:
    if isinstance(item, int) and not isinstance(item, bool):
        return str(item) if abs(item) <= MAX_ID else ""  # which is no number either
    return item if isinstance(item, str) else None


def _scalar_as_text(item: object) -> str | None:
    return text_of(item) if isinstance(item, str | int | float) else None


def _pattern(pattern: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern})$", **more}


_ID: Final = Attribute(
    _id_fault,
    {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_ID}, _pattern(_DECIMAL.pattern)]},
    text=_number_as_text,
)
_MANY_IDS: Final = Attribute(_id_fault, _ID.schema, text=_number_as_text, most_items=10_000)

# contract.md section 2.3, in its order
ATTRIBUTES: Final[Mapping[str, Attribute]] = {
    "accounts": _ID,
    "application_groups": _ID,
    "applications": Attribute(
        _host_fault,
        _pattern(rf"(?:\*\.)?{_HOST.pattern}", maxLength=_MAX_HOST + len("*.")),
        normal=str.lower,
    ),
    "apps": _ID,
    "browsers": _ID,
    "countries": Attribute(
        _country_fault, _pattern(_COUNTRY.pattern), normal=str.upper, most_items=270
    ),
    "groups": _ID,
    "languages": Attribute(
        _language_fault,
        _pattern(r"[A-Za-z]{2}(?:-[A-Za-z0-9]+)*", maxLength=MAX_TAG_LENGTH),
        normal=str.lower,
    ),
    "os": _ID,
    "regions": Attribute(
        _region_fault,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 10**10 - 1},
                _pattern(_GEONAMES.pattern),
            ]
        },
        text=_number_as_text,
    ),
    REMOTE_USERS: Attribute(
        _remote_user_fault,
        {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_BYTES},
        most_items=10_000,
    ),
    "segments": _ID,
    USERS: _MANY_IDS,
}

CUSTOM: Final = Attribute(
    _custom_fault,
    {"type": ["string", "number", "boolean"], "maxLength": MAX_TEXT_BYTES},
    text=_scalar_as_text,
    taken="text, a number, true or false",
)
"""The items of one key of user_data."""
