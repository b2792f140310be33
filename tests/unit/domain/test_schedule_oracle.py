"""Schedules against a slow judge, which walks from minute to minute where clocks are difficult.

The judge knows the rules of contract.md 2.1 and 2.5 and shares no code with the product: no cron
library, no arithmetic on offsets. For a sweep longer than the short one of the test run, give the
number of schedules, and a seed if you like: ``python test_schedule_oracle.py 20000 7``.
"""

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import takewhile
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tocsin.domain.instants import hood_text, parse_instant
from tocsin.domain.schedule import IMMEDIATELY, QuietTime, Schedule, Wave, slots, wave_of

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SHORT_SWEEP: Final = 320

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


def numbers(field: str, low: int, high: int) -> set[int]:
    """Return what a field of a cron line names."""
    named: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        named |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return named


def cron_matches(line: str, wall_ms: int) -> bool:
    """Return whether a cron line means this minute of a wall clock."""
    minute, hour, day, month, weekday = line.split()
    wall = EPOCH + timedelta(milliseconds=wall_ms)
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
    for minute_ms in range(low_ms, high_ms + 1, MINUTE_MS):
        earliest_ms = minute_ms - 14 * HOUR_MS * reads_wall_clocks(schedule)
        ended = schedule.end_ms is not None and earliest_ms > schedule.end_ms
        if minute_ms < anchor_ms or ended:
            continue
        if schedule.cron is not None:
            lies_here = cron_matches(schedule.cron, minute_ms)
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


def drawn_cron(chance: random.Random, *, one_hour: bool) -> str:
    hours = ["0", "1", "2", "3", "23", str(chance.randrange(24))]
    if not one_hour:
        hours += ["*", "*/2", "0-3", "1,2,22", "2-23/5"]
    minute = chance.choice(["0", "1", "15", "30", "45", str(chance.randrange(60))])
    day = chance.choice(["*", "*", "*", "*/2", "1-31", "25-31", "1,4,29"])
    weekday = chance.choice(["*", "*", "*", "0", "5-7", "*/2", "1-5"])
    return f"{minute} {chance.choice(hours)} {day} * {weekday}"


def drawn_case(chance: random.Random) -> Case:
    """Draw any schedule near the setting of a difficult clock."""
    time_zone, middle = chance.choice(DIFFICULT)

    def near(low_h: int, high_h: int) -> int:
        minute = chance.choice([0, 0, 15, 30, chance.randrange(60)])
        whole_ms = parse_instant(middle) // HOUR_MS * HOUR_MS
        return whole_ms + chance.randint(low_h, high_h) * HOUR_MS + minute * MINUTE_MS

    user_time_zone = chance.random() < 0.7
    kind = chance.choice(["once", "frequency", "cron", "cron"])
    anchor_ms = near(-28, 26)
    immediately = chance.random() < 0.25
    schedule = Schedule(
        start=IMMEDIATELY if immediately else anchor_ms,
        end_ms=near(-30, 50) if chance.random() < 0.3 else None,
        frequency_s=chance.choice([3600, 5400, 3660, 86400]) if kind == "frequency" else None,
        cron=drawn_cron(chance, one_hour=user_time_zone) if kind == "cron" else None,
        user_time_zone=user_time_zone,
        quiet_time=QuietTime(*chance.sample(range(24), 2)) if chance.random() < 0.6 else None,
    )
    active_ms = anchor_ms if immediately else near(-40, 20)
    return Case(schedule, time_zone, middle, anchor_ms, active_ms)


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


def sweep(how_many: int, seed: int) -> list[str]:
    """Return the differences of *how_many* drawn schedules."""
    chance = random.Random(seed)
    return [fault for _ in range(how_many) for fault in differences(drawn_case(chance))]


def test_a_short_sweep_of_drawn_schedules_is_judged_the_same() -> None:
    assert sweep(SHORT_SWEEP, seed=random.randrange(2**32)) == []


@pytest.mark.parametrize(
    "quiet_time", [None, QuietTime(22, 3), QuietTime(2, 0)], ids=["loud", "22 to 3", "2 to 0"]
)
@pytest.mark.parametrize(("time_zone", "middle"), DIFFICULT)
def test_each_hour_around_a_setting_of_clocks_is_judged_the_same(
    time_zone: str, middle: str, quiet_time: QuietTime | None
) -> None:
    """Hourly slots, so that two may fall into one gap, and half past, so that some fall inside."""
    anchor_ms = parse_instant(middle) // HOUR_MS * HOUR_MS - 13 * HOUR_MS + 30 * MINUTE_MS
    for user_time_zone in (True, False):
        schedule = Schedule(
            start=anchor_ms,
            frequency_s=3600,
            user_time_zone=user_time_zone,
            quiet_time=quiet_time,
        )
        walk = minutes_around(time_zone, middle)
        for hours in range(27):
            slot_ms = anchor_ms + hours * HOUR_MS
            for next_ms in (None, slot_ms + HOUR_MS):
                wave = wave_of(
                    schedule, time_zone, slot_ms=slot_ms, next_slot_ms=next_ms, active_ms=0
                )
                assert wave == judged_wave(schedule, walk, slot_ms, next_ms, 0)


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    found = sweep(*arguments) if len(arguments) == 2 else sweep(arguments[0], 0)
    print(*found, f"{len(found)} differences", sep="\n")
    sys.exit(bool(found))
