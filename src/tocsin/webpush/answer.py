"""What a push service's answer means: the answer table, as data."""

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final, NamedTuple

LONGEST_WAIT_MS: Final = 86_400_000


class Failure(Enum):
    """Why no answer arrived."""

    UNREACHABLE = "unreachable"  # nothing was sent: DNS, connect
    TLS = "tls"  # nothing was sent: no trusted channel
    REFUSED_ADDRESS = "refused_address"  # nothing was sent: the host leads where none may go
    AMBIGUOUS = "ambiguous"  # reset or time-out after the request was written


class Answer(NamedTuple):
    """What came back for one push request.

    status: 0 when no answer arrived. retry_after: the header's value as sent.
    reason: the first characters of the body, at most 200. multiplexed: its connection carries many
    requests at a time (RFC 9113 section 5), so that none waits for the answer of another.
    """

    status: int
    retry_after: str | None = None
    failure: Failure | None = None
    reason: str = ""
    multiplexed: bool = True


class Kind(Enum):
    """What an answer asks of the sender."""

    ACCEPTED = "accepted"
    GONE = "gone"  # the subscription is over
    REJECTED = "rejected"  # this message will never be taken
    KEY_REFUSED = "key_refused"  # the VAPID key is suspect; rejected after one more attempt
    REDIRECTED = "redirected"  # never followed; rejected after one more attempt
    THROTTLED = "throttled"  # later; does not use up an attempt
    TROUBLE = "trouble"  # later; an attempt is used
    UNREACHABLE = "unreachable"  # nothing was sent; an attempt is used
    AMBIGUOUS = "ambiguous"  # sent, answer unknown; an attempt is used


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one answer means.

    wait_ms: the least wait that the push service asks for, None when it asks for none.
    reason: a sentence of ours; the body of an answer is never passed on.
    """

    kind: Kind
    wait_ms: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table; host and body, where given, must match as well."""

    statuses: Container[int]
    kind: Kind
    reason: str
    host: re.Pattern[str] | None = None
    body: re.Pattern[str] | None = None
    retry_at_once: bool = False


_WINDOWS: Final = re.compile(r"(?:.+\.)?notify\.windows\.com")
_MOZILLA: Final = re.compile(r"(?:.+\.)?push\.services\.mozilla\.com")
_ERRNO_202: Final = re.compile(r'"errno"\s*:\s*202\b')
_KEY_MISMATCH: Final = re.compile(r"VapidPkHashMismatch")

# The first row that fits decides.
_TABLE: Final = (
    _Row(range(200, 300), Kind.ACCEPTED, "accepted by the push service"),
    _Row((404, 410), Kind.GONE, "the subscription is gone"),
    _Row((429,), Kind.THROTTLED, "throttled by the push service"),
    _Row((406,), Kind.THROTTLED, "throttled by the push service", host=_WINDOWS),
    _Row((400,), Kind.KEY_REFUSED, "the subscription has another VAPID key", body=_KEY_MISMATCH),
    _Row((401, 403), Kind.KEY_REFUSED, "the push service refused the VAPID key"),
    _Row((413,), Kind.REJECTED, "the message is too large for the push service"),
    # 408, 421 and 425 say that this attempt failed and not that the message is bad
    # (RFC 9110 sections 15.5.9 and 15.5.20, RFC 8470 section 5.2).
    _Row((408, 421, 425), Kind.TROUBLE, "the push service is in trouble"),
    _Row(range(300, 400), Kind.REDIRECTED, "the push service redirects"),
    _Row(range(400, 500), Kind.REJECTED, "the push service refused the message"),
    _Row(
        (503,),
        Kind.TROUBLE,
        "the push service asks to try again",
        host=_MOZILLA,
        body=_ERRNO_202,
        retry_at_once=True,
    ),
    _Row(range(500, 600), Kind.TROUBLE, "the push service is in trouble"),
)
_UNKNOWN_STATUS: Final = _Row((), Kind.TROUBLE, "the push service gave a status that HTTP lacks")

_FAILURES: Final = {
    Failure.UNREACHABLE: Verdict(Kind.UNREACHABLE, None, "the push service cannot be reached"),
    Failure.TLS: Verdict(Kind.UNREACHABLE, None, "no trusted connection to the push service"),
    Failure.REFUSED_ADDRESS: Verdict(
        Kind.UNREACHABLE, None, "the push service's name leads to a forbidden address"
    ),
    Failure.AMBIGUOUS: Verdict(Kind.AMBIGUOUS, None, "sent, but no answer arrived"),
}
_WAITS: Final = (Kind.THROTTLED, Kind.TROUBLE)

_MONTHS: Final = dict(
    zip(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        range(1, 13),
        strict=True,
    )
)
_TIME: Final = r"(?P<time>[0-9][0-9]:[0-9][0-9]:[0-9][0-9])"
# RFC 9110 section 5.6.7: the one form to send and the two old ones to read as well.
_DATES: Final = (
    re.compile(
        rf"[A-Z][a-z]{{2}}, (?P<day>[0-9][0-9]) (?P<month>\w{{3}}) (?P<year>[0-9]{{4}}) {_TIME} GMT"
    ),
    re.compile(
        rf"[A-Z][a-z]+day, (?P<day>[0-9][0-9])-(?P<month>\w{{3}})-(?P<year>[0-9][0-9]) {_TIME} GMT"
    ),
    re.compile(
        rf"[A-Z][a-z]{{2}} (?P<month>\w{{3}}) (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})"
    ),
)
_SECONDS: Final = re.compile(r"[0-9]+")


def read(answer: Answer, *, host: str, now_ms: int) -> Verdict:
    """Return what *answer*, given by *host*, asks of the sender.

    A status that arrived counts even when the rest of the answer was lost. An answer
    with neither a status nor a failure is read as ambiguous: the careful reading.
    Source: RFC 8030 sections 5 and 8.4, RFC 9110 section 15, and the services' own habits.
    """
    if answer.status < 200:
        return _FAILURES[answer.failure or Failure.AMBIGUOUS]
    row = next((row for row in _TABLE if _fits(row, answer, host)), _UNKNOWN_STATUS)
    if row.kind not in _WAITS:
        return Verdict(row.kind, None, row.reason)
    wait_ms = retry_after_ms(answer.retry_after, now_ms=now_ms)
    if wait_ms is None and row.retry_at_once:
        wait_ms = 0
    return Verdict(row.kind, wait_ms, row.reason)


def retry_after_ms(value: str | None, *, now_ms: int) -> int | None:
    """Return the wait that a Retry-After *value* asks for: at most 24 h, None if unusable.

    Source: RFC 9110 section 10.2.3 (seconds or a date), section 5.6.7 (dates).
    """
    text = (value or "").strip(" \t")
    if _SECONDS.fullmatch(text):
        return LONGEST_WAIT_MS if len(text) > 9 else min(int(text) * 1000, LONGEST_WAIT_MS)
    date_ms = _date_ms(text, now_ms)
    return None if date_ms is None else min(max(date_ms - now_ms, 0), LONGEST_WAIT_MS)


def _fits(row: _Row, answer: Answer, host: str) -> bool:
    return (
        answer.status in row.statuses
        and (row.host is None or row.host.fullmatch(host) is not None)
        and (row.body is None or row.body.search(answer.reason) is not None)
    )


def _date_ms(text: str, now_ms: int) -> int | None:
    match = next((found for form in _DATES if (found := form.fullmatch(text))), None)
    if match is None or match["month"] not in _MONTHS:
        return None
    hour, minute, second = map(int, match["time"].split(":"))
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _full_year(year, now_ms)
    try:
        at = datetime(
            year,
            _MONTHS[match["month"]],
            int(match["day"]),
            hour,
            minute,
            59 if second == 60 else second,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return round(at.timestamp() * 1000)


def _full_year(two_digits: int, now_ms: int) -> int:
    """Return the year meant: more than 50 years ahead is the past (RFC 9110 section 5.6.7)."""
    this_year = datetime.fromtimestamp(now_ms / 1000, tz=UTC).year
    year = this_year - this_year % 100 + two_digits
    return year - 100 if year > this_year + 50 else year
