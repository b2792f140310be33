"""Slots found by walking over days and hours: no code of the product, no cron library.

Instants are ms since 1970 UTC; a wall clock's reading is that of a clock in GMT.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
EAST_MS: Final = 14 * HOUR_MS  # the first clock is as far ahead of GMT
WEST_MS: Final = 12 * HOUR_MS  # and the last as far behind
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_YEAR: Final = 2100


class Order(NamedTuple):
    """What a client ordered, as far as it matters to a calendar. start_ms: None is immediately."""

    name: str
    start_ms: int | None
    end_ms: int | None
    frequency_s: int | None
    cron: str | None
    user_time_zone: bool
    quiet: tuple[int, int] | None
    ttl_s: int
    active: bool

    @property
    def schedule(self) -> tuple[object, ...]:
        return self[1:7]

    @property
    def reads_clocks(self) -> bool:
        """Whether slots are readings of everybody's own clock."""
        return self.user_time_zone and (self.start_ms is not None or self.cron is not None)

    @property
    def east_ms(self) -> int:
        return EAST_MS if self.reads_clocks else 0

    @property
    def west_ms(self) -> int:
        return WEST_MS if self.reads_clocks else 0


def at_ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def numbers(text: str, low: int, high: int) -> set[int]:
    """Return what a field of a cron line names."""
    named: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        named |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return named


def walked_cron(line: str, from_ms: int) -> Iterator[int]:
    """Walk over the days, and over the hours of those that the line names."""
    minute, hours, days, months, weekdays = line.split()
    hour_numbers = sorted(numbers(hours, 0, 23))
    day_numbers, month_numbers = numbers(days, 1, 31), numbers(months, 1, 12)
    weekday_numbers = {number % 7 for number in numbers(weekdays, 0, 7)}
    day = (EPOCH + timedelta(milliseconds=from_ms)).date()
    while day.year < LAST_YEAR:
        fits = [day.day in day_numbers, day.isoweekday() % 7 in weekday_numbers]
        one_is_enough = days != "*" and weekdays != "*"
        if day.month in month_numbers and (any(fits) if one_is_enough else all(fits)):
            for hour in hour_numbers:
                slot_ms = at_ms(
                    datetime(day.year, day.month, day.day, hour, int(minute), tzinfo=UTC)
                )
                if slot_ms >= from_ms:
                    yield slot_ms
        day += timedelta(days=1)


def walked(order: Order, anchor_ms: int) -> Iterator[int]:
    """Yield the slots of an order from its anchor to its end."""
    if order.cron is not None:
        coming = walked_cron(order.cron, anchor_ms)
    elif order.frequency_s is not None:
        coming = (anchor_ms + turn * order.frequency_s * 1000 for turn in count())
    else:
        coming = iter([anchor_ms])
    for slot_ms in coming:
        if order.end_ms is not None and slot_ms - order.east_ms > order.end_ms:
            return
        yield slot_ms


class Slots:
    """The slots of an order, walked as far as somebody asks."""

    def __init__(self, order: Order, anchor_ms: int) -> None:
        self._coming = walked(order, anchor_ms)
        self._known: list[int] = []

    def after(self, slot_ms: int) -> int | None:
        """Return the first slot after another instant."""
        while not self._known or self._known[-1] <= slot_ms:
            more = list(islice(self._coming, 50))
            if not more:
                break
            self._known += more
        at = bisect_right(self._known, slot_ms)
        return self._known[at] if at < len(self._known) else None

    def first(self, how_many: int, from_ms: int) -> list[int]:
        found: list[int] = []
        slot_ms = self.after(from_ms - 1)
        while slot_ms is not None and len(found) < how_many:
            found.append(slot_ms)
            slot_ms = self.after(slot_ms)
        return found
