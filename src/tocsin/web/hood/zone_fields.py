"""Readers of what only zones have: where a demand source is, what it must bid, its headers."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from tocsin.domain.body import at_most_named, inside
from tocsin.domain.errors import Fault
from tocsin.domain.zone import (
    AMOUNT,
    HEADER_NAME,
    HEADER_VALUE,
    MAX_HEADERS,
    MAX_HEADERS_BYTES,
    may_be_set,
    micros_of,
)
from tocsin.web.hood.fields import Place, Reader, RefusedError, Schema, nullable, reader, url
from tocsin.webpush.endpoint import address_is_public

MASK: Final = "***"
"""What stands for the value of a header in answers."""

_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# The last label begins with a letter: what does not may be an address in disguise, such as 127.1.
_NAME: Final = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")


@reader(
    **{**url.schema, "pattern": r'^[Hh][Tt][Tt][Pp][Ss]?://[!-"$-\[\]-~]+$'},
    examples=["https://ads.example.com/feed"],
)
def source(value: Any, at: Place) -> str:
    """Return *value* if it is a URL that a demand source may be at.

    What a name leads to is looked at when it is connected to; an address is judged here already.
    """
    found: str = url(value, at)
    if not found.isascii():
        raise RefusedError("must be ASCII: write a name such as bücher as xn--bcher-kva")
    if "#" in found:
        raise RefusedError("must not have a fragment: it would not be sent")
    host = urlsplit(found).hostname or ""
    if not _NAME.fullmatch(host) and not address_is_public(host):
        raise RefusedError("must be on a named host, or at an address of the public internet")
    return found


@reader(type="string", pattern=f"^{AMOUNT}$", examples=["0.25"])
def amount(value: Any, _at: Place) -> int:
    """Return the millionths in an amount as decimal text; a JSON number would not be exact."""
    try:
        if isinstance(value, str):
            return micros_of(value)
    except ValueError:
        pass
    raise RefusedError(
        'must be text, such as "0.25": 0 to 999999.999999 with at most six digits after the point'
    )


_HEADERS: Final[Schema] = {
    "type": "object",
    "description": (
        f"sent along; at most {MAX_HEADERS}, and {MAX_HEADERS_BYTES} bytes. "
        f"Values are never shown: {MASK} stands for each, and sent back it keeps the value"
    ),
    "propertyNames": {"pattern": f"^{HEADER_NAME}$"},
    "additionalProperties": nullable({"type": "string", "pattern": f"^{HEADER_VALUE}$"}),
    "examples": [{"Authorization": "Bearer YOUR-KEY"}],
}


def headers(kept: Mapping[str, int] = MappingProxyType({})) -> Reader:
    """Return a reader of headers, by name in lower case (RFC 9110 section 5.1: case says nothing).

    kept: those whose value is kept where the mask is sent, which is read as None; and how many
    bytes each has. No sentence repeats a value, for it may be a secret.
    """

    def read(value: Any, at: Place) -> dict[str, str | None]:
        if not isinstance(value, dict):
            raise RefusedError('must be an object, such as {"Authorization": "Bearer YOUR-KEY"}')
        found: dict[str, str | None] = {}
        faults: list[Fault] = []
        for spelled, item in value.items():
            name = spelled.lower()
            sentence = _name_fault(spelled) or _value_fault(item, is_kept=name in kept)
            if sentence is None and name in found:
                sentence = "is there twice: the case of its letters says nothing"
            if sentence is not None:
                faults.append(Fault(inside(at.path, spelled), sentence))
            elif item is not None:
                found[name] = None if item == MASK else item
        at.faults.extend(at_most_named(faults, at.path))
        size = sum(
            len(name) + (kept[name] if item is None else len(item)) for name, item in found.items()
        )
        if len(found) > MAX_HEADERS:
            raise RefusedError(f"has {len(found)} headers; {MAX_HEADERS} are the most")
        if size > MAX_HEADERS_BYTES:
            raise RefusedError(f"is {size} bytes long; {MAX_HEADERS_BYTES} are the most")
        return found

    return Reader(read, _HEADERS)


def _name_fault(spelled: str) -> str | None:
    if not re.fullmatch(HEADER_NAME, spelled):
        return "is no name of a header"
    return None if may_be_set(spelled.lower()) else "is set by the server and can not be sent"


def _value_fault(value: Any, *, is_kept: bool) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(HEADER_VALUE, value):
        return "must be ASCII text of one line, with no blank at either end"
    if value == MASK and not is_kept:
        return f"{MASK} stands for a value that is kept, and none is: write the value"
    return None
