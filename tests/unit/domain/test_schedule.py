"""Slots, waves, and the rules that bind the fields of a schedule to one another."""

from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.cron import CronError
from tocsin.domain.instants import LAST_MS, hood_text, parse_instant
from tocsin.domain.schedule import (
    IMMEDIATELY,
    Schedule,
    Start,
    acts_at_ms,
    latest_ms,
    schedule_faults,
    slots,
    warnings,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def ms(text: str) -> int:
    """Return the instant ``2026-02-05 11:00``."""
    return parse_instant(f"{text}:00")


def texts(instants_ms: list[int]) -> list[str]:
    return [hood_text(instant_ms)[:-3] for instant_ms in instants_ms]


START = ms("2026-02-05 11:00")
HOURLY = Schedule(start=START, frequency_s=3600)
BY_CLOCK = Schedule(start=START, user_time_zone=True)


# Slots


@pytest.mark.parametrize(
    ("schedule", "after", "found"),
    [
        pytest.param(Schedule(start=START), None, ["2026-02-05 11:00"], id="once"),
        pytest.param(Schedule(start=START), "2026-02-05 10:59", ["2026-02-05 11:00"], id="before"),
        pytest.param(Schedule(start=START), "2026-02-05 11:00", [], id="once, and it was"),
        pytest.param(Schedule(start=IMMEDIATELY), None, ["2026-02-05 11:00"], id="immediately"),
        pytest.param(HOURLY, None, ["2026-02-05 11:00", "2026-02-05 12:00"], id="hourly"),
        pytest.param(HOURLY, "2026-02-05 11:00", ["2026-02-05 12:00"], id="strictly after"),
        pytest.param(HOURLY, "2026-02-05 11:59", ["2026-02-05 12:00"], id="anchored"),
        pytest.param(HOURLY, "2025-01-01 00:00", ["2026-02-05 11:00"], id="not before the anchor"),
        pytest.param(
            HOURLY, "9998-02-05 11:30", ["9998-02-05 12:00"], id="in eight thousand years"
        ),
        pytest.param(
            Schedule(start=START, cron="30 9 * * *"),
            None,
            ["2026-02-06 09:30", "2026-02-07 09:30"],
            id="cron: not before the start",
        ),
        pytest.param(
            Schedule(start=START, cron="0 11 * * *"), None, ["2026-02-05 11:00"], id="cron: at it"
        ),
        pytest.param(
            Schedule(start=IMMEDIATELY, cron="0 9 * * *"),
            None,
            ["2026-02-06 09:00"],
            id="immediately: the schedule begins, not an execution",
        ),
        pytest.param(
            Schedule(start=START, cron="0 9 * * *"),
            "2026-02-07 09:00",
            ["2026-02-08 09:00"],
            id="cron: strictly after",
        ),
        pytest.param(
            Schedule(start=START, cron="0 9 * * *"),
            "2026-01-01 00:00",
            ["2026-02-06 09:00"],
            id="cron: after what lies before the anchor",
        ),
    ],
)
def test_slots(schedule: Schedule, after: str | None, found: list[str]) -> None:
    after_ms = None if after is None else ms(after)

    first = islice(slots(schedule, anchor_ms=START, after_ms=after_ms), max(1, len(found)))

    assert found == texts(list(first))


@pytest.mark.parametrize(
    ("fields", "end", "count"),
    [
        pytest.param({"frequency_s": 3600}, "2026-02-05 13:00", 3, id="a slot at the end counts"),
        pytest.param({"frequency_s": 3600}, "2026-02-05 12:59", 2, id="one after it does not"),
        pytest.param({"cron": "0 * * * *"}, "2026-02-05 13:00", 3, id="cron, the same"),
        pytest.param({"cron": "0 * * * *"}, "2026-02-05 12:59", 2, id="cron, one less"),
        pytest.param({}, "2026-02-05 11:00", 1, id="once, at the end"),
        pytest.param({}, "2026-02-05 10:59", 0, id="once, after the end"),
        pytest.param({"user_time_zone": True}, "2026-02-04 21:00", 1, id="the furthest east"),
        pytest.param({"user_time_zone": True}, "2026-02-04 20:59", 0, id="no zone in time"),
        pytest.param(
            {"user_time_zone": True, "start": IMMEDIATELY}, "2026-02-05 10:59", 0, id="one instant"
        ),
    ],
)
def test_slots_end_when_no_zone_reaches_them_in_time(
    fields: dict[str, Any], end: str, count: int
) -> None:
    schedule = Schedule(**{"start": START, "end_ms": ms(end), **fields})

    assert count == len(list(slots(schedule, anchor_ms=START, after_ms=None)))


@pytest.mark.parametrize("fields", [{"frequency_s": 86_400}, {"cron": "0 11 * * *"}, {}])
def test_slots_end_with_the_year_9999(fields: dict[str, Any]) -> None:
    schedule = Schedule(start=START, **fields)
    last = ms("9999-12-31 11:00")
    found = list(slots(schedule, anchor_ms=START, after_ms=last - 2 * DAY_MS))

    assert texts(found) == (["9999-12-30 11:00", "9999-12-31 11:00"] if fields else [])
    by_clock = replace(schedule, user_time_zone=True)
    assert found == list(slots(by_clock, anchor_ms=START, after_ms=last - 2 * DAY_MS))
    assert list(slots(schedule, anchor_ms=LAST_MS + 1, after_ms=None)) == []
    assert list(slots(schedule, anchor_ms=START, after_ms=10**18)) == []


def test_an_unreadable_cron_line_has_no_slots() -> None:
    with pytest.raises(CronError):
        slots(Schedule(start=START, cron="@daily"), anchor_ms=START, after_ms=None)


INSTANTS = st.integers(0, ms("2090-01-01 00:00"))
FREQUENCIES = st.integers(60, 1_576_800).map(lambda minutes: minutes * 60)


@given(anchor_ms=INSTANTS, frequency_s=FREQUENCIES, after_ms=INSTANTS, user_time_zone=st.booleans())
def test_a_frequency_never_drifts(
    *, anchor_ms: int, frequency_s: int, after_ms: int, user_time_zone: bool
) -> None:
    schedule = Schedule(start=anchor_ms, frequency_s=frequency_s, user_time_zone=user_time_zone)

    first, second = islice(slots(schedule, anchor_ms=anchor_ms, after_ms=after_ms), 2)

    assert first > after_ms
    assert (first - anchor_ms) % (frequency_s * 1000) == 0
    assert first == anchor_ms or first - frequency_s * 1000 <= after_ms
    assert first >= anchor_ms
    assert second - first == frequency_s * 1000


REPEATING = st.builds(
    lambda frequency_s, cron, user_time_zone, end_ms: Schedule(
        start=0,
        frequency_s=frequency_s if cron is None else None,
        cron=cron,
        user_time_zone=user_time_zone,
        end_ms=end_ms,
    ),
    FREQUENCIES,
    st.none() | st.sampled_from(["0 9 * * *", "30 2 */2 * 5", "15 23 29 2 *", "0 0 31 * *"]),
    st.booleans(),
    st.none() | INSTANTS,
)


@given(schedule=REPEATING, anchor_ms=INSTANTS)
def test_slots_ascend_and_go_on_from_any_of_them(schedule: Schedule, anchor_ms: int) -> None:
    found = list(islice(slots(schedule, anchor_ms=anchor_ms, after_ms=None), 6))

    assert all(one < next_one for one, next_one in pairwise([anchor_ms - 1, *found]))
    for index, slot_ms in enumerate(found[:-1]):
        assert next(slots(schedule, anchor_ms=anchor_ms, after_ms=slot_ms)) == found[index + 1]


@pytest.mark.parametrize(
    ("start", "cron", "user_time_zone", "by_wall_clock"),
    [
        pytest.param(START, None, True, True, id="a date"),
        pytest.param(None, None, True, True, id="no start yet"),
        pytest.param(IMMEDIATELY, "0 9 * * *", True, True, id="immediately, with cron"),
        pytest.param(IMMEDIATELY, None, True, False, id="immediately is one instant"),
        pytest.param(START, "0 9 * * *", False, False, id="GMT"),
    ],
)
def test_whose_clock_is_read(
    *, start: Start, cron: str | None, user_time_zone: bool, by_wall_clock: bool
) -> None:
    schedule = Schedule(start=start, cron=cron, user_time_zone=user_time_zone)

    assert schedule.by_wall_clock is by_wall_clock
    assert schedule.repeats is (cron is not None)
    assert acts_at_ms(schedule, START) == START - 14 * HOUR_MS * by_wall_clock
    assert latest_ms(schedule, START) == START + 12 * HOUR_MS * by_wall_clock


# Faults and warnings

NOW = START
PAST = "Push task start_time can not be in the past."
BACKWARDS = "Push task end_time can not be set to date before start_time."
BOTH = "can not stand beside frequency: give the one or the other"


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        pytest.param({}, [], id="nothing said"),
        pytest.param({"start": IMMEDIATELY}, [], id="immediately"),
        pytest.param({"start": NOW - 60_000}, [], id="a minute of skew is forgiven"),
        pytest.param({"start": NOW - 60_001}, [("start_time", PAST)], id="more is not"),
        pytest.param(
            {"start": NOW - 12 * HOUR_MS - 60_000, "user_time_zone": True},
            [],
            id="by wall clock: the last zone is still to come",
        ),
        pytest.param(
            {"start": NOW - 12 * HOUR_MS - 60_001, "user_time_zone": True},
            [("start_time", PAST)],
            id="by wall clock: past in every zone",
        ),
        pytest.param({"start": NOW, "end_ms": NOW}, [], id="end at the start"),
        pytest.param({"start": NOW, "end_ms": NOW - 1}, [("end_time", BACKWARDS)], id="before it"),
        pytest.param(
            {"start": NOW - 60_000, "end_ms": NOW - 1}, [], id="end between forgiven start and now"
        ),
        pytest.param({"start": IMMEDIATELY, "end_ms": NOW}, [], id="immediately, end now"),
        pytest.param(
            {"start": IMMEDIATELY, "end_ms": NOW - 1}, [("end_time", BACKWARDS)], id="end over"
        ),
        pytest.param({"end_ms": NOW - 1}, [], id="an end, but no start yet"),
        pytest.param(
            {"start": NOW, "user_time_zone": True, "end_ms": NOW - 14 * HOUR_MS},
            [],
            id="by wall clock: the first zone is in time",
        ),
        pytest.param(
            {"start": NOW, "user_time_zone": True, "end_ms": NOW - 14 * HOUR_MS - 1},
            [("end_time", BACKWARDS)],
            id="by wall clock: no zone is in time",
        ),
        pytest.param(
            {"start": NOW - DAY_MS, "end_ms": NOW - 2 * DAY_MS},
            [("start_time", PAST), ("end_time", BACKWARDS)],
            id="both",
        ),
        pytest.param({"start": NOW, "cron": "0 9 * * *"}, [], id="cron"),
        pytest.param({"start": NOW, "frequency_s": 3600}, [], id="frequency"),
        pytest.param(
            {"cron": "0 9 * * *", "frequency_s": 3600}, [("cron", BOTH)], id="both repeat"
        ),
        pytest.param({"cron": "0 9-10 * * *"}, [], id="two hours in GMT"),
    ],
)
def test_how_fields_bind_one_another(fields: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    found = schedule_faults(Schedule(**fields), now_ms=NOW)

    assert faults == [(fault.field, fault.message) for fault in found]


@pytest.mark.parametrize(
    ("cron", "user_time_zone", "sentence"),
    [
        pytest.param("0 0 30 2 *", False, "never fires: the first of its days", id="never"),
        pytest.param("0 9 * * MON", False, "the day of the week 'MON' has letters", id="a name"),
        pytest.param("0 9-10 * * *", True, "one number, 0 to 23, when user_time_zone", id="hours"),
    ],
)
def test_an_unreadable_cron_line_is_a_fault(
    *, cron: str, user_time_zone: bool, sentence: str
) -> None:
    schedule = Schedule(cron=cron, user_time_zone=user_time_zone)

    (fault,) = schedule_faults(schedule, now_ms=NOW)

    assert fault.field == "cron"
    assert sentence in fault.message


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        pytest.param({}, None, id="once"),
        pytest.param({"cron": "0 9 * * *", "end_ms": ms("2026-02-06 09:00")}, None, id="just once"),
        pytest.param(
            {"cron": "0 9 * * *", "end_ms": ms("2026-02-06 08:59")},
            "the end_time lies before the first slot: the task ends at 2026-02-06 08:59:00 GMT, "
            "and its first slot is at 2026-02-06 09:00:00 GMT",
            id="before the first slot",
        ),
        pytest.param(
            {"cron": "0 9 * * *", "end_ms": ms("2026-02-05 18:59"), "user_time_zone": True},
            "the end_time lies before the first slot: the task ends at 2026-02-05 18:59:00 GMT, "
            "and its first slot is at 2026-02-06 09:00:00 of the recipient's clock, "
            "in any time zone",
            id="before the first slot in the first zone",
        ),
        pytest.param(
            {"cron": "0 9 * * *", "end_ms": ms("2026-02-05 19:00"), "user_time_zone": True},
            None,
            id="by wall clock, just in time",
        ),
    ],
)
def test_a_schedule_without_an_execution_draws_a_warning(
    fields: dict[str, Any], sentence: str | None
) -> None:
    found = warnings(Schedule(**{"start": START, **fields}), anchor_ms=START)

    assert found == ([("no_execution", sentence)] if sentence else [])


@pytest.mark.parametrize("end_ms", [None, LAST_MS])
def test_a_schedule_after_all_slots_draws_a_warning(end_ms: int | None) -> None:
    schedule = Schedule(start=IMMEDIATELY, cron="0 0 29 2 *", end_ms=end_ms)

    (warning,) = warnings(schedule, anchor_ms=ms("9996-03-01 00:00"))

    assert warning == (
        "no_execution",
        "the schedule has no slot before the end of the year 9999",
    )
