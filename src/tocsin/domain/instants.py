"""Instants as text: how the Hood API and the reports write them. Inside they are milliseconds."""

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Final

_HOOD: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
# RFC 3339 section 5.6, its note about a blank in place of the T included.
_RFC_3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_WITHOUT_OFFSET: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d:\d\d(?:\.\d+)?| \d\d:\d\d:\d\d\.\d+)", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
LAST_MS: Final = (calendar.timegm((9999, 12, 31, 23, 59, 59)) + 1) * 1000 - 1


class InstantError(ValueError):
    """The text names no instant that the contract can carry; its sentence says why."""


def parse_instant(text: str) -> int:
    """Return the instant that *text* names, in milliseconds since 1970-01-01 UTC.

    text: ``YYYY-MM-DD HH:MM:SS``, which is GMT, or RFC 3339 with its offset; digits finer than a
    millisecond are cut off. Raises InstantError, also for an instant outside the years 1970-9999.
    """
    if hood := _HOOD.fullmatch(text):
        return _within_years(_wall_ms(hood))
    if rfc := _RFC_3339.fullmatch(text):
        fraction, sign, hours, minutes = rfc.group(7, 8, 9, 10)
        instant_ms = _wall_ms(rfc) + int((fraction or "").ljust(3, "0")[:3])
        return _within_years(instant_ms - _offset_ms(sign, hours, minutes))
    if _WITHOUT_OFFSET.fullmatch(text):
        raise InstantError(
            "must say its offset, such as 2026-02-05T11:00:00Z, "
            "or be YYYY-MM-DD HH:MM:SS, which is GMT"
        )
    raise InstantError(
        "must be YYYY-MM-DD HH:MM:SS in GMT, or RFC 3339 with an offset "
        "such as 2026-02-05T11:00:00+01:00"
    )


def hood_text(instant_ms: int) -> str:
    """Return *instant_ms* as ``YYYY-MM-DD HH:MM:SS``, GMT: the form of the Hood API."""
    return f"{_at_ms(instant_ms):%Y-%m-%d %H:%M:%S}"


def iso_text(instant_ms: int) -> str:
    """Return *instant_ms* as ``2026-02-05T11:00:00Z``: the form of reports."""
    return f"{_at_ms(instant_ms):%Y-%m-%dT%H:%M:%SZ}"


def _wall_ms(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    try:
        wall = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise InstantError(f"{match.group()} is not in the calendar or not a time of day") from None
    days = wall.toordinal() - _EPOCH_DAY
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000


def _offset_ms(sign: str | None, hours: str, minutes: str) -> int:
    if sign is None:
        return 0
    if int(hours) > 23 or int(minutes) > 59:
        raise InstantError(f"has the offset {sign}{hours}:{minutes}, which is none")
    offset_ms = (int(hours) * 60 + int(minutes)) * 60_000
    return -offset_ms if sign == "-" else offset_ms


def _within_years(instant_ms: int) -> int:
    if not 0 <= instant_ms <= LAST_MS:
        raise InstantError("must lie in the years 1970 to 9999, GMT")
    return instant_ms


def _at_ms(instant_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=instant_ms)
