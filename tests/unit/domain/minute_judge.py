"""A slow judge of schedules, which walks from minute to minute where clocks are difficult.

It knows the rules of contract.md 2.1 and 2.5 and shares no code with the product: no cron library,
no arithmetic on offsets.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import takewhile
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from tocsin.domain.instants import hood_text, parse_instant
from tocsin.domain.schedule import IMMEDIATELY, Schedule, Wave, slots, wave_of

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Where and when (GMT, more or less) clocks are set.
DIFFICULT: Final = [
    ("Europe/Berlin", "2026-03-29 01:00:00"),
    ("Europe/Berlin", "2026-10-25 01:00:00"),
    ("America/New_York", "2026-03-08 07:00:00"),
    ("America/New_York", "2026-11-01 06:00:00"),
    ("Australia/Lord_Howe", "2026-04-04 15:00:00"),
    ("Australia/Lord_Howe", "2026-10-03 15:30:00"),
    ("Asia/Kathmandu", "2026-06-01 00:00:00"),
    ("Asia/Kathmandu", "1985-12-31 18:30:00"),
    ("Pacific/Chatham", "2026-04-04 14:00:00"),
    ("Pacific/Chatham", "2026-09-26 14:00:00"),
    ("Pacific/Apia", "2011-12-30 10:00:00"),
    ("Africa/Casablanca", "2024-03-10 02:00:00"),
    ("Africa/Casablanca", "2024-04-14 02:00:00"),
    ("America/Sao_Paulo", "2018-02-18 02:00:00"),
    ("America/Sao_Paulo", "2018-11-04 03:00:00"),
    ("Asia/Tehran", "2022-03-21 20:30:00"),
    ("Asia/Tehran", "2022-09-21 19:30:00"),
    ("Antarctica/Troll", "2026-03-29 01:00:00"),
    ("Antarctica/Troll", "2026-10-25 01:00:00"),
    ("Pacific/Kiritimati", "1994-12-31 10:00:00"),
    ("Pacific/Kwajalein", "1993-08-21 12:00:00"),
    ("America/St_Johns", "2006-04-02 03:31:00"),
    ("America/St_Johns", "2006-10-29 02:31:00"),
    ("Africa/Cairo", "2026-04-23 22:00:00"),
    ("Etc/GMT+12", "2026-06-01 00:00:00"),
]


class Minute(NamedTuple):
    """What a clock shows at an instant; both in ms."""

    instant_ms: int
    wall_ms: int


@cache
def minutes_around(time_zone: str, middle: str) -> list[Minute]:
    """Walk through two days before and three after *middle*."""
    with files("tzdata").joinpath("zoneinfo", *time_zone.split("/")).open("rb") as data:
        zone = ZoneInfo.from_file(data)
    middle_ms = parse_instant(middle)
    walked = []
    for instant_ms in range(middle_ms - 46 * HOUR_MS, middle_ms + 76 * HOUR_MS, MINUTE_MS):
        shown = datetime.fromtimestamp(instant_ms / 1000, zone).replace(tzinfo=UTC)
        walked.append(Minute(instant_ms, (shown - EPOCH) // timedelta(milliseconds=1)))
    return walked


@cache
def numbers(field: str, low: int, high: int) -> frozenset[int]:
    """Return what a field of a cron line names."""
    named: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        named |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return frozenset(named)


@cache
def wall_of(wall_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=wall_ms)


def cron_matches(line: str, wall_ms: int) -> bool:
    """Return whether a cron line means this minute of a wall clock."""
    minute, hour, day, month, weekday = line.split()
    wall = wall_of(wall_ms)
    if wall.minute not in numbers(minute, 0, 59) or wall.hour not in numbers(hour, 0, 23):
        return False
    if wall.month not in numbers(month, 1, 12):
        return False
    weekdays = {number % 7 for number in numbers(weekday, 0, 7)}
    fits = [wall.day in numbers(day, 1, 31), wall.isoweekday() % 7 in weekdays]
    return any(fits) if day != "*" and weekday != "*" else all(fits)


def reads_wall_clocks(schedule: Schedule) -> bool:
    return schedule.user_time_zone and not (schedule.start == IMMEDIATELY and not schedule.cron)


def judged_slots(schedule: Schedule, anchor_ms: int, low_ms: int, high_ms: int) -> Iterator[int]:
    """Walk from low to high, both included, and yield each minute at which a slot lies."""
    ahead_ms = 14 * HOUR_MS * reads_wall_clocks(schedule)
    cron_minutes = numbers((schedule.cron or "*").split()[0], 0, 59)
    for minute_ms in range(low_ms, high_ms + 1, MINUTE_MS):
        ended = schedule.end_ms is not None and minute_ms - ahead_ms > schedule.end_ms
        if minute_ms < anchor_ms or ended:
            continue
        if schedule.cron is not None:
            hits = minute_ms // MINUTE_MS % 60 in cron_minutes
            lies_here = hits and cron_matches(schedule.cron, minute_ms)
        elif schedule.frequency_s is not None:
            lies_here = (minute_ms - anchor_ms) % (schedule.frequency_s * 1000) == 0
        else:
            lies_here = minute_ms == anchor_ms
        if lies_here:
            yield minute_ms


def judged_due(schedule: Schedule, walk: list[Minute], slot_ms: int, active_ms: int) -> int:
    """Return when a slot falls due, quiet time aside."""
    if not reads_wall_clocks(schedule):
        return slot_ms
    for minute in walk:
        if minute.wall_ms == slot_ms:
            return max(minute.instant_ms, active_ms)
    skipped_at = next(minute.instant_ms for minute in walk if minute.wall_ms > slot_ms)
    return max(skipped_at, active_ms)


def judged_wave(
    schedule: Schedule, walk: list[Minute], slot_ms: int, next_ms: int | None, active_ms: int
) -> Wave | None:
    """Walk on from when the slot falls due to the first minute that is not quiet."""
    due_ms = judged_due(schedule, walk, slot_ms, active_ms)
    quiet_hours = set()
    if schedule.quiet_time:
        hour = schedule.quiet_time.from_hour
        while hour != schedule.quiet_time.to_hour:
            quiet_hours.add(hour)
            hour = (hour + 1) % 24
    sent = next(
        minute
        for minute in walk
        if minute.instant_ms >= due_ms and minute.wall_ms // HOUR_MS % 24 not in quiet_hours
    )
    if next_ms is not None and judged_due(schedule, walk, next_ms, active_ms) <= sent.instant_ms:
        return None
    if schedule.end_ms is not None and sent.instant_ms > schedule.end_ms:
        return None
    if not schedule.user_time_zone and not schedule.quiet_time:
        return Wave(0, sent.instant_ms)
    return Wave((sent.wall_ms - sent.instant_ms) // 1000, sent.instant_ms)


class Case(NamedTuple):
    """A schedule, and where and when it is looked at."""

    schedule: Schedule
    time_zone: str
    middle: str
    anchor_ms: int
    active_ms: int


def differences(case: Case) -> list[str]:
    """Return where the product and the judge differ about *case*."""
    schedule, time_zone, middle, anchor_ms, active_ms = case
    middle_ms = parse_instant(middle) // MINUTE_MS * MINUTE_MS
    low_ms, high_ms = middle_ms - 30 * HOUR_MS, middle_ms + 54 * HOUR_MS
    judged = list(judged_slots(schedule, anchor_ms, low_ms, high_ms))
    found = slots(schedule, anchor_ms=anchor_ms, after_ms=low_ms - 1)
    found_here = list(takewhile(lambda slot_ms: slot_ms <= high_ms, found))
    if found_here != judged:
        return [f"{case}: slots {found_here}, judged {judged}"]
    faults = []
    walk = minutes_around(time_zone, middle)
    for slot_ms, next_ms in zip(judged[:4], [*judged[1:], None], strict=False):
        if slot_ms > middle_ms + 30 * HOUR_MS:
            break  # the walk may be over before their quiet time is
        should_be = judged_wave(schedule, walk, slot_ms, next_ms, active_ms)
        wave = wave_of(
            schedule, time_zone, slot_ms=slot_ms, next_slot_ms=next_ms, active_ms=active_ms
        )
        if wave != should_be:
            faults.append(f"{case}, slot {hood_text(slot_ms)}: {wave}, judged {should_be}")
    return faults
