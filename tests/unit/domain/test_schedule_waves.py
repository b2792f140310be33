"""Waves: when people in a time zone are sent what a slot has for them, and when they are not."""

from importlib.resources import files

import pytest

from tocsin.domain.dictionaries import is_time_zone
from tocsin.domain.instants import LAST_MS, hood_text, parse_instant
from tocsin.domain.schedule import (
    IMMEDIATELY,
    QuietTime,
    Schedule,
    Wave,
    offset_text,
    wave_of,
    waves,
)

ALL_ZONES = sorted(
    name
    for name in files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    if is_time_zone(name)
)


def ms(text: str) -> int:
    """Return the instant ``2026-02-05 11:00``."""
    return parse_instant(f"{text}:00")


def shown(wave: Wave | None) -> str | None:
    """Return a wave as ``2026-02-05 11:00 +01:00``."""
    return wave and f"{hood_text(wave.at_ms)[:-3]} {offset_text(wave.offset_s)}"


START = ms("2026-02-05 11:00")
BY_CLOCK = Schedule(start=START, user_time_zone=True)


@pytest.mark.parametrize(
    ("time_zone", "slot", "sent"),
    [
        pytest.param("Europe/Berlin", "2026-02-05 11:00", "2026-02-05 10:00 +01:00", id="winter"),
        pytest.param("Europe/Berlin", "2026-07-05 11:00", "2026-07-05 09:00 +02:00", id="summer"),
        pytest.param(
            "Asia/Kathmandu", "2026-02-05 11:00", "2026-02-05 05:15 +05:45", id="quarters"
        ),
        pytest.param("America/St_Johns", "2026-02-05 11:00", "2026-02-05 14:30 -03:30", id="west"),
        pytest.param(
            "Pacific/Kiritimati", "2026-02-05 11:00", "2026-02-04 21:00 +14:00", id="first"
        ),
        pytest.param("Etc/GMT+12", "2026-02-05 11:00", "2026-02-05 23:00 -12:00", id="last"),
        pytest.param("Europe/Berlin", "2026-03-29 01:59", "2026-03-29 00:59 +01:00", id="yet"),
        pytest.param(
            "Europe/Berlin", "2026-03-29 02:00", "2026-03-29 01:00 +02:00", id="gap begins"
        ),
        pytest.param(
            "Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:00 +02:00", id="in the gap"
        ),
        pytest.param("Europe/Berlin", "2026-03-29 03:00", "2026-03-29 01:00 +02:00", id="gap ends"),
        pytest.param("Europe/Berlin", "2026-03-29 03:01", "2026-03-29 01:01 +02:00", id="after it"),
        pytest.param("Europe/Berlin", "2026-10-25 01:59", "2026-10-24 23:59 +02:00", id="before"),
        pytest.param(
            "Europe/Berlin", "2026-10-25 02:00", "2026-10-25 00:00 +02:00", id="first 02:00"
        ),
        pytest.param(
            "Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30 +02:00", id="first 02:30"
        ),
        pytest.param(
            "Europe/Berlin", "2026-10-25 03:00", "2026-10-25 02:00 +01:00", id="only 03:00"
        ),
        pytest.param(
            "America/New_York", "2026-03-08 02:30", "2026-03-08 07:00 -04:00", id="gap in New York"
        ),
        pytest.param(
            "America/New_York", "2026-11-01 01:30", "2026-11-01 05:30 -04:00", id="twice there"
        ),
        pytest.param(
            "Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30 +11:00", id="half-hour gap"
        ),
        pytest.param(
            "Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45 +11:00", id="half an hour"
        ),
        pytest.param(
            "Pacific/Chatham", "2026-09-27 03:00", "2026-09-26 14:00 +13:45", id="gap of quarters"
        ),
        pytest.param(
            "America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 03:00 -02:00", id="no midnight"
        ),
        pytest.param(
            "Asia/Tehran", "2022-03-22 00:30", "2022-03-21 20:30 +04:30", id="no midnight, halves"
        ),
        pytest.param(
            "Antarctica/Troll", "2026-03-29 02:30", "2026-03-29 01:00 +02:00", id="2 hours"
        ),
        pytest.param(
            "Antarctica/Troll", "2026-10-25 01:30", "2026-10-24 23:30 +02:00", id="2 twice"
        ),
        pytest.param(
            "Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00 +14:00", id="no such day"
        ),
        pytest.param(
            "Pacific/Kiritimati",
            "1994-12-31 00:00",
            "1994-12-31 10:00 +14:00",
            id="no such day too",
        ),
        pytest.param(
            "America/St_Johns", "2006-04-02 00:30", "2006-04-02 03:31 -02:30", id="gap at 00:01"
        ),
        pytest.param("", "2026-02-05 11:00", "2026-02-05 11:00 +00:00", id="no zone is GMT"),
        pytest.param(None, "2026-02-05 11:00", "2026-02-05 11:00 +00:00", id="none at all"),
        pytest.param("Mars/Olympus", "2026-02-05 11:00", "2026-02-05 11:00 +00:00", id="unknown"),
        pytest.param("Factory", "2026-02-05 11:00", "2026-02-05 11:00 +00:00", id="never set"),
        pytest.param("../zone.tab", "2026-02-05 11:00", "2026-02-05 11:00 +00:00", id="a path"),
        pytest.param("europe/berlin", "2026-02-05 11:00", "2026-02-05 11:00 +00:00", id="case"),
    ],
)
def test_a_slot_by_wall_clock(time_zone: str | None, slot: str, sent: str) -> None:
    wave = wave_of(BY_CLOCK, time_zone, slot_ms=ms(slot), next_slot_ms=None, active_ms=0)

    assert shown(wave) == sent


@pytest.mark.parametrize("short_ms", [1, 999, 1000, 1001, 3_599_999])
def test_a_gap_ends_on_the_millisecond(short_ms: int) -> None:
    wave = wave_of(
        BY_CLOCK,
        "Europe/Berlin",
        slot_ms=ms("2026-03-29 03:00") - short_ms,
        next_slot_ms=None,
        active_ms=0,
    )

    assert wave == Wave(7200, ms("2026-03-29 01:00"))


@pytest.mark.parametrize(
    ("active", "sent"),
    [
        pytest.param("2026-02-05 09:59", "2026-02-05 10:00 +01:00", id="still to come"),
        pytest.param("2026-02-05 10:00", "2026-02-05 10:00 +01:00", id="just now"),
        pytest.param("2026-02-05 10:01", "2026-02-05 10:01 +01:00", id="past: at once"),
        pytest.param("2026-04-05 10:01", "2026-04-05 10:01 +02:00", id="its offset is of then"),
    ],
)
def test_a_zone_already_past_is_sent_at_once(active: str, sent: str) -> None:
    wave = wave_of(
        BY_CLOCK, "Europe/Berlin", slot_ms=START, next_slot_ms=None, active_ms=ms(active)
    )

    assert shown(wave) == sent


def test_without_user_time_zone_and_quiet_time_there_is_one_wave() -> None:
    found = waves(
        Schedule(start=START),
        ["Europe/Berlin", "Asia/Kathmandu", ""],
        slot_ms=START,
        next_slot_ms=None,
        active_ms=START + 1,
    )

    assert found == dict.fromkeys(["Europe/Berlin", "Asia/Kathmandu", ""], Wave(0, START))


def test_immediately_is_one_instant_for_all_zones() -> None:
    found = waves(
        Schedule(start=IMMEDIATELY, user_time_zone=True),
        ["Europe/Berlin", "Asia/Kathmandu", ""],
        slot_ms=START,
        next_slot_ms=None,
        active_ms=START,
    )

    assert found == {
        "Europe/Berlin": Wave(3600, START),
        "Asia/Kathmandu": Wave(20_700, START),
        "": Wave(0, START),
    }


@pytest.mark.parametrize(
    ("time_zone", "quiet", "slot", "sent"),
    [
        pytest.param("Europe/Berlin", (23, 7), "2026-02-05 21:59", "2026-02-05 21:59", id="awake"),
        pytest.param("Europe/Berlin", (23, 7), "2026-02-05 22:00", "2026-02-06 06:00", id="from"),
        pytest.param("Europe/Berlin", (23, 7), "2026-02-05 23:30", "2026-02-06 06:00", id="night"),
        pytest.param(
            "Europe/Berlin", (23, 7), "2026-02-06 05:59", "2026-02-06 06:00", id="morning"
        ),
        pytest.param("Europe/Berlin", (23, 7), "2026-02-06 06:00", "2026-02-06 06:00", id="to"),
        pytest.param("Europe/Berlin", (9, 17), "2026-02-05 12:00", "2026-02-05 16:00", id="by day"),
        pytest.param(
            "Europe/Berlin", (9, 17), "2026-02-05 17:00", "2026-02-05 17:00", id="evening"
        ),
        pytest.param(
            "Europe/Berlin", (0, 23), "2026-02-04 23:00", "2026-02-05 22:00", id="longest"
        ),
        pytest.param("Asia/Kolkata", (22, 8), "2026-02-05 16:30", "2026-02-06 02:30", id="halves"),
        pytest.param("Asia/Kathmandu", (22, 8), "2026-02-05 16:15", "2026-02-06 02:15", id="45"),
        pytest.param("", (10, 12), "2026-02-05 11:00", "2026-02-05 12:00", id="no zone is GMT"),
        pytest.param("Europe/Berlin", (22, 7), "2026-03-28 22:00", "2026-03-29 05:00", id="short"),
        pytest.param("Europe/Berlin", (22, 7), "2026-10-24 21:00", "2026-10-25 06:00", id="long"),
        pytest.param("Europe/Berlin", (22, 2), "2026-03-28 23:00", "2026-03-29 01:00", id="to gap"),
        pytest.param(
            "Europe/Berlin", (22, 3), "2026-03-28 23:00", "2026-03-29 01:00", id="past it"
        ),
        pytest.param("Europe/Berlin", (2, 3), "2026-03-29 00:59", "2026-03-29 00:59", id="no 2 am"),
        pytest.param("Europe/Berlin", (1, 3), "2026-10-25 00:30", "2026-10-25 02:00", id="2 twice"),
        pytest.param("Europe/Berlin", (1, 2), "2026-10-24 23:30", "2026-10-25 00:00", id="first 2"),
        pytest.param(
            "America/Sao_Paulo", (22, 0), "2018-02-18 01:30", "2018-02-18 03:00", id="23 twice"
        ),
        pytest.param(
            "America/Sao_Paulo", (22, 0), "2018-11-04 01:30", "2018-11-04 03:00", id="no midnight"
        ),
        pytest.param(
            "Australia/Lord_Howe", (22, 2), "2026-04-04 13:00", "2026-04-04 15:30", id="half back"
        ),
        pytest.param(
            "Australia/Lord_Howe", (22, 2), "2026-10-03 14:00", "2026-10-03 15:30", id="half on"
        ),
        pytest.param("Pacific/Apia", (20, 9), "2011-12-30 07:00", "2011-12-30 19:00", id="no day"),
    ],
)
def test_quiet_time_holds_back_to_its_end(
    time_zone: str, quiet: tuple[int, int], slot: str, sent: str
) -> None:
    schedule = Schedule(start=START, quiet_time=QuietTime(*quiet))

    wave = wave_of(schedule, time_zone, slot_ms=ms(slot), next_slot_ms=None, active_ms=0)

    assert wave is not None
    assert hood_text(wave.at_ms)[:-3] == sent


def test_the_offset_of_a_wave_is_the_one_in_force_when_it_is_sent() -> None:
    schedule = Schedule(start=START, quiet_time=QuietTime(22, 7))

    wave = wave_of(
        schedule, "Europe/Berlin", slot_ms=ms("2026-03-28 22:00"), next_slot_ms=None, active_ms=0
    )

    assert shown(wave) == "2026-03-29 05:00 +02:00"


@pytest.mark.parametrize(
    ("schedule", "slot", "next_slot", "active", "sent"),
    [
        pytest.param(
            Schedule(quiet_time=QuietTime(23, 7)),
            "2026-02-05 23:00", "2026-02-06 06:00", "1970-01-01 00:00", None,
            id="the next is due at the quiet end",
        ),
        pytest.param(
            Schedule(quiet_time=QuietTime(23, 7)),
            "2026-02-05 23:00", "2026-02-06 03:00", "1970-01-01 00:00", None,
            id="the next is held back too",
        ),
        pytest.param(
            Schedule(quiet_time=QuietTime(23, 7)),
            "2026-02-05 23:00", "2026-02-06 06:01", "1970-01-01 00:00", "2026-02-06 06:00 +01:00",
            id="the next is due after it",
        ),
        pytest.param(
            Schedule(quiet_time=QuietTime(23, 7), end_ms=ms("2026-02-06 05:59")),
            "2026-02-05 23:00", None, "1970-01-01 00:00", None,
            id="the end is before the quiet end",
        ),
        pytest.param(
            Schedule(quiet_time=QuietTime(23, 7), end_ms=ms("2026-02-06 06:00")),
            "2026-02-05 23:00", None, "1970-01-01 00:00", "2026-02-06 06:00 +01:00",
            id="the end is at the quiet end",
        ),
        pytest.param(
            Schedule(user_time_zone=True, quiet_time=QuietTime(23, 7)),
            "2026-02-06 00:00", "2026-02-06 07:00", "1970-01-01 00:00", None,
            id="by wall clock, the next at the quiet end",
        ),
        pytest.param(
            Schedule(user_time_zone=True, end_ms=ms("2026-02-05 10:00")),
            "2026-02-05 11:00", None, "1970-01-01 00:00", "2026-02-05 10:00 +01:00",
            id="by wall clock, at the end",
        ),
        pytest.param(
            Schedule(user_time_zone=True, end_ms=ms("2026-02-05 09:59")),
            "2026-02-05 11:00", None, "1970-01-01 00:00", None,
            id="by wall clock, after the end",
        ),
        pytest.param(
            Schedule(user_time_zone=True),
            "2026-02-05 11:00", "2026-02-05 12:00", "2026-02-05 11:30", None,
            id="past both when it became active: the later one",
        ),
        pytest.param(
            Schedule(user_time_zone=True),
            "2026-02-05 11:00", "2026-02-05 13:00", "2026-02-05 11:30", "2026-02-05 11:30 +01:00",
            id="past one when it became active",
        ),
        pytest.param(
            Schedule(user_time_zone=True),
            "2026-03-29 02:00", "2026-03-29 03:00", "1970-01-01 00:00", None,
            id="two slots at the end of a gap: the later one",
        ),
        pytest.param(
            Schedule(end_ms=ms("2026-02-05 10:59")),
            "2026-02-05 11:00", None, "1970-01-01 00:00", None,
            id="one wave, after the end",
        ),
    ],
)  # fmt: skip
def test_who_is_overtaken_is_suppressed(
    schedule: Schedule, slot: str, next_slot: str | None, active: str, sent: str | None
) -> None:
    wave = wave_of(
        schedule,
        "Europe/Berlin",
        slot_ms=ms(slot),
        next_slot_ms=None if next_slot is None else ms(next_slot),
        active_ms=ms(active),
    )

    assert shown(wave) == sent


@pytest.mark.parametrize("quiet_time", [None, QuietTime(0, 23)], ids=["loud", "quiet"])
def test_the_last_instants_of_the_calendar_are_waves_like_others(
    quiet_time: QuietTime | None,
) -> None:
    schedule = Schedule(user_time_zone=True, quiet_time=quiet_time)
    slot_ms = ms("9999-12-31 23:30")

    found = waves(schedule, ALL_ZONES, slot_ms=slot_ms, next_slot_ms=None, active_ms=0)

    assert shown(found["Asia/Tokyo"]) == "9999-12-31 14:30 +09:00"
    assert found["America/New_York"] is None  # it would be the year 10000
    assert all(wave.at_ms <= LAST_MS for wave in found.values() if wave)


@pytest.mark.parametrize(
    ("offset_s", "text"),
    [(0, "+00:00"), (19_800, "+05:30"), (-12_600, "-03:30"), (50_400, "+14:00"), (-2670, "-00:44")],
)
def test_an_offset_as_text(offset_s: int, text: str) -> None:
    assert offset_text(offset_s) == text
