"""The five-field cron lines of the contract, and the wall-clock slots that they name.

cronsim finds the slots. What it takes beyond the contract never reaches it: a line is read here,
and handed over with every field spelled out, because cronsim, as Vixie's cron does, treats a day
field that merely starts with ``*`` as unset.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cronsim import CronSim

MAX_LENGTH: Final = 100  # characters
_SHAPE: Final = "minute, hour, day of the month, month and day of the week, such as 30 9 * * 1-5"
_ELEMENT: Final = re.compile(r"(\*|[0-9]{1,2}(?:-[0-9]{1,2})?)(?:/([0-9]{1,2}))?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CronError(ValueError):
    """The text is no cron line that the contract takes; its sentence says why and what fits."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron line that was read. spelled: the same with lists of numbers, for cronsim."""

    text: str
    spelled: str


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five: its name and its smallest and largest number."""

    name: str
    low: int
    high: int

    @property
    def numbers(self) -> str:
        return f"{self.low} to {self.high}"


_MINUTE: Final = _Field("minute", 0, 59)
_HOUR: Final = _Field("hour", 0, 23)
_DAY: Final = _Field("day of the month", 1, 31)
_MONTH: Final = _Field("month", 1, 12)
_WEEKDAY: Final = _Field("day of the week", 0, 7)  # Sunday is 0 and 7


def parse_cron(text: str, *, user_time_zone: bool) -> Cron:
    """Return the cron line *text*, read. Raises CronError.

    The minute is one number, and so is the hour with user_time_zone. A day field is unset only
    when it is a bare ``*``; of two that are set, either matches (POSIX crontab). A line that
    never fires is refused.
    """
    minute, hour, day, month, weekday = _fields(text)
    minutes = _values(_MINUTE, minute)
    hours = _values(_HOUR, hour)
    days = _values(_DAY, day)
    months = _values(_MONTH, month)
    weekdays = _values(_WEEKDAY, weekday)
    if not minute.isdecimal():
        raise CronError(
            f"the minute {minute!r} must be one number, {_MINUTE.numbers}: "
            "a task executes once an hour at most"
        )
    if user_time_zone and not hour.isdecimal():
        raise CronError(
            f"the hour {hour!r} must be one number, {_HOUR.numbers}, when user_time_zone is 1"
        )
    if weekday == "*":
        _refuse_impossible(days, months)
    spelled = (
        _spelled(minutes),
        _spelled(hours),
        "*" if day == "*" else _spelled(days),
        _spelled(months),
        "*" if weekday == "*" else _spelled(weekdays),
    )
    return Cron(text, " ".join(spelled))


def slots_after(cron: Cron, after_wall_ms: int) -> Iterator[int]:
    """Yield the slots of *cron* strictly after *after_wall_ms*, ascending.

    All are wall-clock readings taken as if they were GMT, in ms since 1970; they end with the
    year 9999. Between two slots lie at most eight years, so a step has a bounded cost.
    """
    try:
        for wall in CronSim(cron.spelled, _EPOCH + timedelta(milliseconds=max(after_wall_ms, -1))):
            yield calendar.timegm(wall.timetuple()) * 1000
    except OverflowError:  # the calendar of datetime ends where the contract's does
        return


def _fields(text: str) -> list[str]:
    """Return the five fields as written."""
    if len(text) > MAX_LENGTH:
        raise CronError(f"has {len(text)} characters: a cron line has at most {MAX_LENGTH}")
    if not (text.isascii() and text.isprintable()):
        raise CronError(
            "must consist of digits, the signs * , - / and single blanks, in ASCII, without tabs"
        )
    if text.startswith("@"):
        raise CronError(f"{text!r} is a short form, which is not taken: write {_SHAPE}")
    fields = text.split(" ")
    if "" in fields:
        raise CronError(f"{text!r} has a blank missing or too many: write {_SHAPE}")
    if len(fields) != 5:
        raise CronError(f"{text!r} has {len(fields)} fields and not five: write {_SHAPE}")
    return fields


def _values(field: _Field, written: str) -> set[int]:
    """Return the numbers that a field names."""
    if written == "*":
        return set(range(field.low, field.high + 1))
    return {number for element in written.split(",") for number in _numbers(field, element)}


def _numbers(field: _Field, element: str) -> range:
    """Return the numbers of one element of a list."""
    found = _ELEMENT.fullmatch(element)
    if not found:
        raise CronError(f"the {field.name} {_why_unreadable(field, element)}")
    span, step = found.groups()
    if span != "*":
        low, _, high = span.partition("-")
        numbers = _range(field, element, int(low), int(high or low))
    elif step:
        numbers = range(field.low, field.high + 1)
    else:
        raise CronError(f"the {field.name} has * in a list: * stands alone and means every one")
    if step is None:
        return numbers
    if span.isdecimal():
        raise CronError(
            f"the {field.name} {element!r} has a step without a range: "
            f"write {span}-{field.high}/{step} or */{step}"
        )
    most = field.high - field.low + 1
    if not 1 <= int(step) <= most:
        raise CronError(f"the {field.name} {element!r} must have a step from 1 to {most}")
    return numbers[:: int(step)]


def _range(field: _Field, element: str, low: int, high: int) -> range:
    if not (field.low <= low <= field.high and field.low <= high <= field.high):
        raise CronError(f"the {field.name} {element!r} must lie in {field.numbers}")
    if low > high:
        raise CronError(
            f"the {field.name} {element!r} runs backwards: "
            f"write {low}-{field.high},{field.low}-{high}"
        )
    return range(low, high + 1)


def _why_unreadable(field: _Field, element: str) -> str:
    fits = (
        f"write *, numbers {field.numbers}, a range such as 1-5, "
        "a step such as */2 or 1-5/2, or a list of them with commas"
    )
    if not element:
        return "has an empty item in its list: write a number between two commas"
    if re.search("[A-Za-z]", element):
        return f"{element!r} has letters, and names, L and W are not taken: {fits}"
    if "?" in element or "#" in element:
        return f"{element!r} has a sign that is not taken: {fits}"
    return f"{element!r} can not be read: {fits}"


def _refuse_impossible(days: set[int], months: set[int]) -> None:
    """Raise CronError when no month of *months* has a day of *days*."""
    longest = max(calendar.monthrange(2000, month)[1] for month in months)  # 2000: a leap year
    if min(days) > longest:
        raise CronError(
            f"never fires: the first of its days of the month is {min(days)}, "
            f"and the longest of its months has {longest} days"
        )


def _spelled(numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))
