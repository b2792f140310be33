"""Schedules against a slow judge (minute_judge.py): drawn, and picked where clocks are difficult.

For a sweep longer than that of the test run, give the number of schedules, and the seed that a
failure named: ``python test_schedule_oracle.py 20000 7``.
"""

import random
import sys
from itertools import pairwise
from typing import Any, Final

import pytest
from minute_judge import (
    DIFFICULT,
    HOUR_MS,
    MINUTE_MS,
    Case,
    differences,
    judged_slots,
    judged_wave,
    minutes_around,
)

from tocsin.domain.instants import parse_instant
from tocsin.domain.schedule import IMMEDIATELY, QuietTime, Schedule, wave_of

SWEEP: Final = 6000


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


def sweep(how_many: int, seed: int) -> list[str]:
    """Return the differences of *how_many* drawn schedules; each names the seed."""
    chance = random.Random(seed)
    return [
        f"seed {seed}, schedule {number}: {fault}"
        for number in range(how_many)
        for fault in differences(drawn_case(chance))
    ]


def test_drawn_schedules_are_judged_the_same() -> None:
    assert sweep(SWEEP, seed=random.randrange(2**32)) == []


def at(text: str) -> int:
    """Return the instant, or the reading of a wall clock, ``2026-03-29 02:30``."""
    return parse_instant(f"{text}:00")


def picked(time_zone: str, middle: str, start: str, **given: Any) -> Case:
    """Return a case by wall clock unless told; active: since when, long before unless told."""
    active = given.pop("active", None)
    quiet = given.pop("quiet", None)
    end = given.pop("end", None)
    schedule = Schedule(
        start=at(start),
        user_time_zone=given.pop("user_time_zone", True),
        quiet_time=None if quiet is None else QuietTime(*quiet),
        end_ms=None if end is None else at(end),
        **given,
    )
    return Case(schedule, time_zone, f"{middle}:00", at(start), at(active) if active else 0)


HOURLY: Final = {"frequency_s": 3600}
DAILY: Final = {"frequency_s": 86_400}
BERLIN: Final = ("Europe/Berlin", "2026-03-29 01:00")
BERLIN_BACK: Final = ("Europe/Berlin", "2026-10-25 01:00")
NEW_YORK: Final = ("America/New_York", "2026-03-08 07:00")
NEW_YORK_BACK: Final = ("America/New_York", "2026-11-01 06:00")
LORD_HOWE: Final = ("Australia/Lord_Howe", "2026-10-03 15:30")
LORD_HOWE_BACK: Final = ("Australia/Lord_Howe", "2026-04-04 15:00")
TROLL: Final = ("Antarctica/Troll", "2026-03-29 01:00")
TROLL_BACK: Final = ("Antarctica/Troll", "2026-10-25 01:00")
SAO_PAULO: Final = ("America/Sao_Paulo", "2018-11-04 03:00")
SAO_PAULO_BACK: Final = ("America/Sao_Paulo", "2018-02-18 02:00")
CAIRO: Final = ("Africa/Cairo", "2026-04-23 22:00")
APIA: Final = ("Pacific/Apia", "2011-12-30 10:00")
KWAJALEIN: Final = ("Pacific/Kwajalein", "1993-08-21 12:00")
KIRITIMATI: Final = ("Pacific/Kiritimati", "1994-12-31 10:00")
CHATHAM: Final = ("Pacific/Chatham", "2026-09-26 14:00")
ST_JOHNS: Final = ("America/St_Johns", "2006-04-02 03:31")
ST_JOHNS_BACK: Final = ("America/St_Johns", "2006-10-29 02:31")
NOON: Final = "2026-03-29 12:00"  # in Berlin, 10:00 GMT

PICKED: Final = {
    "the half-hour of Lord Howe is skipped": picked(*LORD_HOWE, "2026-10-04 02:15"),
    "the half-hour of Lord Howe is repeated": picked(*LORD_HOWE_BACK, "2026-04-05 01:45"),
    "the first of the two hours of Troll": picked(*TROLL, "2026-03-29 01:00"),
    "the middle of the two hours of Troll": picked(*TROLL, "2026-03-29 02:00"),
    "the two hours of Troll, repeated": picked(*TROLL_BACK, "2026-10-25 02:00"),
    "two slots in one gap": picked(*TROLL, "2026-03-29 01:30", **HOURLY),
    "many slots in a skipped day": picked(*APIA, "2011-12-29 20:00", **HOURLY),
    "midnight that is skipped, Sao Paulo": picked(*SAO_PAULO, "2018-11-04 00:00"),
    "after midnight, skipped": picked(*SAO_PAULO, "2018-11-04 00:30"),
    "before midnight, repeated": picked(*SAO_PAULO_BACK, "2018-02-17 23:30"),
    "midnight that is skipped, Cairo": picked(*CAIRO, "2026-04-24 00:00"),
    "midnight that is skipped, Tehran": picked(
        "Asia/Tehran", "2022-03-21 20:30", "2022-03-22 00:00"
    ),
    "noon of the day that Apia skipped": picked(*APIA, "2011-12-30 12:00"),
    "noon of three days, one of them skipped": picked(*APIA, "2011-12-29 12:00", **DAILY),
    "the day that Kwajalein skipped": picked(*KWAJALEIN, "1993-08-21 09:00", **DAILY),
    "the New Year that Kiritimati skipped": picked(*KIRITIMATI, "1995-01-01 00:00"),
    "the quarter of an hour of Kathmandu": picked(
        "Asia/Kathmandu", "1985-12-31 18:30", "1986-01-01 00:05"
    ),
    "a gap at a quarter to, Chatham": picked(*CHATHAM, "2026-09-27 03:00"),
    "a gap at a minute past midnight": picked(*ST_JOHNS, "2006-04-02 00:30"),
    "an overlap at a minute past midnight": picked(*ST_JOHNS_BACK, "2006-10-28 23:30"),
    "Ramadan begins in Casablanca": picked(
        "Africa/Casablanca", "2024-03-10 02:00", "2024-03-10 02:30"
    ),
    "Ramadan ends in Casablanca": picked(
        "Africa/Casablanca", "2024-04-14 02:00", "2024-04-14 02:30"
    ),
    "the zone furthest behind": picked("Etc/GMT+12", "2026-06-01 00:00", "2026-06-01 00:00"),
    "an instant that no wall clock decides": picked(
        *BERLIN, "2026-03-29 02:30", user_time_zone=False
    ),
    "quiet time begins in a gap": picked(*BERLIN, "2026-03-29 02:30", quiet=(2, 6)),
    "quiet time begins where the gap ends": picked(*BERLIN, "2026-03-29 02:30", quiet=(3, 6)),
    "quiet time ends in a gap": picked(*BERLIN, "2026-03-28 23:30", quiet=(22, 2)),
    "quiet time is the gap": picked(*BERLIN, "2026-03-29 02:30", quiet=(2, 3)),
    "quiet time over a gap": picked(*BERLIN, "2026-03-28 23:30", quiet=(22, 6)),
    "quiet time over a gap of half an hour": picked(*LORD_HOWE, "2026-10-03 23:30", quiet=(22, 6)),
    "quiet time over a gap of two hours": picked(*TROLL, "2026-03-28 23:30", quiet=(22, 6)),
    "quiet time over an overlap": picked(*BERLIN_BACK, "2026-10-24 23:30", quiet=(22, 6)),
    "quiet time over an overlap of half an hour": picked(
        *LORD_HOWE_BACK, "2026-04-04 23:30", quiet=(22, 6)
    ),
    "quiet time begins in an overlap": picked(*BERLIN_BACK, "2026-10-25 02:30", quiet=(2, 5)),
    "quiet time ends in an overlap": picked(*BERLIN_BACK, "2026-10-24 23:00", quiet=(22, 2)),
    "quiet time is the overlap": picked(*BERLIN_BACK, "2026-10-25 02:30", quiet=(2, 3)),
    "quiet until the overlap, reached in its second half": picked(
        *NEW_YORK_BACK, "2026-11-01 07:00", quiet=(0, 2), user_time_zone=False
    ),
    "it is quiet again when clocks go back": picked(
        *NEW_YORK_BACK, "2026-11-01 05:59", quiet=(1, 2), user_time_zone=False
    ),
    "quiet until the midnight that is skipped": picked(
        *SAO_PAULO, "2018-11-03 21:00", quiet=(20, 0)
    ),
    "quiet from the midnight that is skipped": picked(*CAIRO, "2026-04-24 00:00", quiet=(0, 5)),
    "quiet over a skipped day": picked(*APIA, "2011-12-29 23:00", quiet=(22, 8)),
    "quiet over midnight": picked(
        "Asia/Kathmandu", "2026-06-01 00:00", "2026-06-01 23:10", quiet=(22, 6)
    ),
    "quiet over midnight, after it": picked(
        "Asia/Kathmandu", "2026-06-01 00:00", "2026-06-01 05:59", quiet=(22, 6)
    ),
    "quiet but for one hour": picked(*TROLL, "2026-03-29 03:00", quiet=(3, 2)),
    "daily over a change, by wall clock": picked(*NEW_YORK, "2026-03-07 02:30", **DAILY),
    "daily over a change, by instants": picked(
        *NEW_YORK, "2026-03-07 07:30", **DAILY, user_time_zone=False, quiet=(0, 3)
    ),
    "every 61 minutes over an overlap": picked(
        *NEW_YORK_BACK, "2026-10-31 23:00", frequency_s=3660
    ),
    "half past two by cron on the day of the gap": picked(
        *BERLIN, "2026-03-28 12:00", cron="30 2 * * *"
    ),
    "half past two by cron on the day of the overlap": picked(
        *BERLIN_BACK, "2026-10-24 12:00", cron="30 2 * * *"
    ),
    "every hour of the gap by cron, GMT": picked(
        *BERLIN, "2026-03-28 12:00", cron="15 * * * *", user_time_zone=False, quiet=(2, 4)
    ),
    "29 February by cron": picked(
        "Europe/Berlin", "2028-02-29 00:00", "2026-03-01 00:00", cron="30 2 29 2 *"
    ),
    "29 February or a Monday": picked(
        "Europe/Berlin", "2028-02-28 00:00", "2026-03-01 00:00", cron="30 2 29 2 1"
    ),
    "a day of the month and a weekday, both set": picked(
        *BERLIN, "2026-03-01 00:00", cron="0 2 28 3 0"
    ),
    "odd days or Fridays": picked(
        "Asia/Kathmandu", "2026-06-05 00:00", "2026-06-01 00:00", cron="0 0 */2 * 5"
    ),
    "the end is the wave": picked(*BERLIN, NOON, end="2026-03-29 10:00"),
    "the end is a minute before the wave": picked(*BERLIN, NOON, end="2026-03-29 09:59"),
    "the end is a minute after the wave": picked(*BERLIN, NOON, end="2026-03-29 10:01"),
    "the end is the end of the quiet time": picked(
        *BERLIN, NOON, quiet=(10, 14), end="2026-03-29 12:00"
    ),
    "the end is a minute before the quiet time's": picked(
        *BERLIN, NOON, quiet=(10, 14), end="2026-03-29 11:59"
    ),
    "the end is a minute after the quiet time's": picked(
        *BERLIN, NOON, quiet=(10, 14), end="2026-03-29 12:01"
    ),
    "the end is where the first zone is reached": picked(*BERLIN, NOON, end="2026-03-28 22:00"),
    "active where this zone is reached": picked(*BERLIN, NOON, active="2026-03-29 10:00"),
    "active a minute too late for this zone": picked(*BERLIN, NOON, active="2026-03-29 10:01"),
    "active a minute before this zone": picked(*BERLIN, NOON, active="2026-03-29 09:59"),
    "active within the gap's two slots": picked(
        *TROLL, "2026-03-29 00:30", **HOURLY, active="2026-03-29 01:00"
    ),
    "active when several are past": picked(*BERLIN, NOON, **HOURLY, active="2026-03-29 13:30"),
    "active in quiet time, past the slot": picked(
        *BERLIN, NOON, active="2026-03-29 20:30", quiet=(22, 7)
    ),
    "the next at the end of the quiet time": picked(
        *BERLIN, NOON, frequency_s=7200, quiet=(12, 14)
    ),
    "the next a minute after the quiet time's end": picked(
        *BERLIN, NOON, frequency_s=7260, quiet=(12, 14)
    ),
    "the next a minute before the quiet time's end": picked(
        *BERLIN, NOON, frequency_s=7140, quiet=(12, 14)
    ),
    "the next where a gap pushes this one to": picked(*BERLIN, "2026-03-29 02:00", **HOURLY),
}


@pytest.mark.parametrize("case", PICKED.values(), ids=PICKED)
def test_picked_schedules_are_judged_the_same(case: Case) -> None:
    around_ms = parse_instant(case.middle)
    window = around_ms - 30 * HOUR_MS, around_ms + 30 * HOUR_MS
    assert any(judged_slots(case.schedule, case.anchor_ms, *window)), "nothing was judged"

    assert differences(case) == []


@pytest.mark.parametrize("quiet_time", [None, QuietTime(22, 3)], ids=["loud", "22 to 3"])
@pytest.mark.parametrize(("time_zone", "middle"), DIFFICULT)
def test_each_minute_around_a_setting_of_clocks_is_judged_the_same(
    time_zone: str, middle: str, quiet_time: QuietTime | None
) -> None:
    """The last minute before a gap or an overlap, its first and its last, and the one after."""
    walk = minutes_around(time_zone, middle)
    for last, first in pairwise(walk):
        if first.wall_ms == last.wall_ms + MINUTE_MS:
            continue
        edges = {last.wall_ms, first.wall_ms}
        for slot_ms in {edge + by * MINUTE_MS for edge in edges for by in (-1, 0, 1)}:
            schedule = Schedule(start=slot_ms, user_time_zone=True, quiet_time=quiet_time)
            wave = wave_of(schedule, time_zone, slot_ms=slot_ms, next_slot_ms=None, active_ms=0)
            assert wave == judged_wave(schedule, walk, slot_ms, None, 0)


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
