"""Zones: the demand sources that adex tasks draw their messages from (contract.md section 3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PROTOCOLS: Final = ("feed", "openrtb")
MAX_NAME_BYTES: Final = 255
MIN_TIMEOUT_MS: Final = 50
MAX_TIMEOUT_MS: Final = 1500
DEFAULT_TIMEOUT_MS: Final = 300
MAX_DAILY_CAP: Final = 2**31 - 1
MAX_HEADERS: Final = 20
MAX_HEADERS_BYTES: Final = 4096

# Amounts below a million, to the millionth.
AMOUNT: Final = r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,6})?"
# Sums of amounts.
TOTAL: Final = r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,6})?"
_MICROS: Final = 1_000_000
# RFC 9110: a name is a token (section 5.6.2); of values (section 5.5) the ASCII ones are taken.
HEADER_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
HEADER_VALUE: Final = r"[!-~](?:[\t -~]*[!-~])?"
# What says how a message is framed, to whom it goes and how its content is read: the sender's.
_OF_THE_SENDER: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneDraft:
    """A zone as ordered.

    bid_floor_micros: millionths of the unit that the source bids in, None for no floor. daily_cap:
    draws in a day of GMT, None for no cap. headers: by name in lower case; None for a value that
    is kept as it is sealed.
    """

    name: str
    protocol: str
    url: str
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    bid_floor_micros: int | None = None
    daily_cap: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone(ZoneDraft):
    """A draft that was taken. The values of its headers are sealed: all of them are None.

    header_bytes: how long each value is.
    """

    header_bytes: Mapping[str, int]
    id: int
    account_id: int
    create_ms: int
    update_ms: int


def header_place(zone_id: int, name: str) -> str:
    """Return the place for which the value of a zone's header is sealed."""
    return f"zone/{zone_id}/{name}"


def may_be_set(name: str) -> bool:
    """Return whether a zone may have a header of this *name*, in lower case."""
    return name not in _OF_THE_SENDER and not name.startswith("proxy-")


def micros_of(text: str, *, form: str = AMOUNT) -> int:
    """Return the millionths in an amount such as ``0.25``. Raises ValueError.

    form: AMOUNT, or TOTAL.
    """
    if not re.fullmatch(form, text):
        raise ValueError("is no amount")
    whole, _, part = text.partition(".")
    return int(whole) * _MICROS + int(part.ljust(6, "0"))


def micros_text(micros: int) -> str:
    """Return an amount in its shortest form, such as ``0.25``."""
    whole, part = divmod(micros, _MICROS)
    return f"{whole}.{part:06}".rstrip("0").rstrip(".")
