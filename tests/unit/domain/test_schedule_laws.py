"""Laws of waves, in every time zone and at any instant."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.dictionaries import is_time_zone
from tocsin.domain.instants import parse_instant
from tocsin.domain.schedule import (
    IMMEDIATELY,
    QuietTime,
    Schedule,
    acts_at_ms,
    latest_ms,
    wave_of,
    waves,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BY_CLOCK = Schedule(user_time_zone=True)
ALL_ZONES = sorted(
    name
    for name in files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    if is_time_zone(name)
)


def ms(text: str) -> int:
    """Return the instant ``2026-02-05 11:00``."""
    return parse_instant(f"{text}:00")


ZONES = st.sampled_from(ALL_ZONES)
INSTANTS = st.integers(ms("1975-01-01 00:00"), ms("2100-01-01 00:00"))
QUIET = st.permutations(range(24)).map(lambda hours: QuietTime(hours[0], hours[1]))
SCHEDULES = st.builds(
    Schedule,
    start=st.sampled_from([0, IMMEDIATELY]),
    end_ms=st.none(),
    user_time_zone=st.booleans(),
    quiet_time=st.none() | QUIET,
)


@cache
def loaded(name: str) -> tzinfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data)


def hour_in(name: str, instant_ms: int) -> int:
    return (EPOCH + timedelta(milliseconds=instant_ms)).astimezone(loaded(name)).hour


def is_quiet(quiet_time: QuietTime | None, hour: int) -> bool:
    if quiet_time is None:
        return False
    if quiet_time.from_hour < quiet_time.to_hour:
        return quiet_time.from_hour <= hour < quiet_time.to_hour
    return hour >= quiet_time.from_hour or hour < quiet_time.to_hour


def due(schedule: Schedule, name: str, slot_ms: int, active_ms: int) -> int:
    """Return when the slot falls due, with neither quiet time nor an end."""
    bare = replace(schedule, quiet_time=None, end_ms=None)
    wave = wave_of(bare, name, slot_ms=slot_ms, next_slot_ms=None, active_ms=active_ms)
    assert wave is not None
    return wave.at_ms


@given(schedule=SCHEDULES, name=ZONES, slot_ms=INSTANTS, late_ms=st.integers(-DAY_MS, DAY_MS))
def test_a_wave_is_never_early_and_never_in_quiet_hours_and_no_later_than_it_must(
    schedule: Schedule, name: str, slot_ms: int, late_ms: int
) -> None:
    active_ms = slot_ms + late_ms
    wave = wave_of(schedule, name, slot_ms=slot_ms, next_slot_ms=None, active_ms=active_ms)
    assert wave is not None

    due_ms = due(schedule, name, slot_ms, active_ms)
    assert due_ms <= wave.at_ms <= due_ms + 2 * DAY_MS
    assert not is_quiet(schedule.quiet_time, hour_in(name, wave.at_ms))
    held_back = {*range(due_ms, wave.at_ms, 600_000), wave.at_ms - 1} if wave.at_ms > due_ms else ()
    assert all(is_quiet(schedule.quiet_time, hour_in(name, at_ms)) for at_ms in held_back)
    if schedule.user_time_zone or schedule.quiet_time:
        moment = EPOCH + timedelta(milliseconds=wave.at_ms)
        assert moment.astimezone(loaded(name)).utcoffset() == timedelta(seconds=wave.offset_s)


@given(
    schedule=SCHEDULES,
    name=ZONES,
    slot_ms=INSTANTS,
    late_ms=st.integers(-DAY_MS, DAY_MS),
    gap_ms=st.none() | st.integers(HOUR_MS, 2 * DAY_MS),
    end_ms=st.none() | st.integers(-DAY_MS, 2 * DAY_MS),
)
def test_suppressed_are_those_whom_the_next_execution_or_the_end_overtakes_and_no_others(
    *,
    schedule: Schedule,
    name: str,
    slot_ms: int,
    late_ms: int,
    gap_ms: int | None,
    end_ms: int | None,
) -> None:
    active_ms = slot_ms + late_ms
    alone = wave_of(schedule, name, slot_ms=slot_ms, next_slot_ms=None, active_ms=active_ms)
    assert alone is not None
    ended = replace(schedule, end_ms=None if end_ms is None else slot_ms + end_ms)
    next_slot_ms = None if gap_ms is None else slot_ms + gap_ms

    wave = wave_of(ended, name, slot_ms=slot_ms, next_slot_ms=next_slot_ms, active_ms=active_ms)

    overtaken = (
        next_slot_ms is not None and due(schedule, name, next_slot_ms, active_ms) <= alone.at_ms
    )
    over = ended.end_ms is not None and alone.at_ms > ended.end_ms
    assert wave == (None if overtaken or over else alone)


@given(name=ZONES, slot_ms=INSTANTS, later_ms=st.integers(0, 3 * DAY_MS))
def test_in_each_zone_later_slots_are_not_due_earlier(
    name: str, slot_ms: int, later_ms: int
) -> None:
    assert due(BY_CLOCK, name, slot_ms, 0) <= due(BY_CLOCK, name, slot_ms + later_ms, 0)


@given(slot_ms=INSTANTS, name=ZONES)
def test_every_zone_reaches_a_slot_between_the_first_and_the_last(slot_ms: int, name: str) -> None:
    at_ms = due(BY_CLOCK, name, slot_ms, 0)

    assert acts_at_ms(BY_CLOCK, slot_ms) <= at_ms <= latest_ms(BY_CLOCK, slot_ms)


@pytest.mark.parametrize("slot", ["2026-01-15 12:00", "2026-07-15 12:00"])
def test_all_zones_of_today_lie_between_the_first_and_the_last(slot: str) -> None:
    found = waves(BY_CLOCK, ALL_ZONES, slot_ms=ms(slot), next_slot_ms=None, active_ms=0)
    instants = [wave.at_ms for wave in found.values() if wave]

    assert len(instants) == len(ALL_ZONES)
    assert min(instants) == acts_at_ms(BY_CLOCK, ms(slot))
    assert max(instants) == latest_ms(BY_CLOCK, ms(slot))
