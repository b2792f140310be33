"""Where a task stands in its schedule after each thing that can be done to it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tocsin.domain.calendar import GRACE_MS, Firing, Place, firings, moved_on, place_of
from tocsin.domain.errors import Invalid
from tocsin.domain.instants import parse_instant
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.domain.schedule import IMMEDIATELY, Schedule, slots

NOW = parse_instant("2026-02-05 11:00:00")
HOUR = 3_600_000
DAY = 24 * HOUR


def ordered(*, status: Status = Status.ACTIVE, **schedule: Any) -> Draft:
    return Draft(name="Demo", status=status, schedule=Schedule(**schedule))


def taken(draft: Draft, place: Place, *, last_slot_ms: int | None = None) -> PushTask:
    fields = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
    return PushTask(
        **fields,
        id=1,
        root_id=1,
        account_id=1,
        create_ms=NOW,
        update_ms=NOW,
        last_slot_ms=last_slot_ms,
        anchor_ms=place.anchor_ms,
        active_ms=place.active_ms,
        next_slot_ms=place.next_slot_ms,
        next_due_ms=place.next_due_ms,
    )


@pytest.mark.parametrize(
    ("schedule", "slot_ms", "due_ms"),
    [
        pytest.param({"start": IMMEDIATELY}, NOW, NOW, id="at once"),
        pytest.param({"start": NOW + HOUR}, NOW + HOUR, NOW + HOUR, id="later"),
        pytest.param({"start": NOW - 60_000}, NOW - 60_000, NOW - 60_000, id="forgiven skew"),
        pytest.param(
            {"start": IMMEDIATELY, "frequency_s": 3600}, NOW, NOW, id="frequency begins now"
        ),
        pytest.param(
            {"start": IMMEDIATELY, "cron": "30 12 * * *"},
            NOW + HOUR + HOUR // 2,
            NOW + HOUR + HOUR // 2,
            id="immediately with cron begins the schedule",
        ),
        pytest.param(
            {"start": NOW + DAY, "user_time_zone": True},
            NOW + DAY,
            NOW + DAY - 14 * HOUR,
            id="by wall clock the planner acts for the zone furthest east",
        ),
        pytest.param(
            {"start": NOW + HOUR, "end_ms": NOW}, None, None, id="an end before the first slot"
        ),
    ],
)
def test_a_new_active_task(
    schedule: dict[str, Any], slot_ms: int | None, due_ms: int | None
) -> None:
    place = place_of(ordered(**schedule), before=None, now_ms=NOW)

    assert (place.next_slot_ms, place.next_due_ms) == (slot_ms, due_ms)
    assert place.active_ms == NOW


def test_an_inactive_task_has_no_next_slot() -> None:
    place = place_of(ordered(status=Status.INACTIVE, start=IMMEDIATELY), before=None, now_ms=NOW)

    assert place == Place()


def test_another_text_leaves_the_place_as_it_is() -> None:
    draft = ordered(start=IMMEDIATELY, frequency_s=3600)
    before = taken(draft, place_of(draft, before=None, now_ms=NOW), last_slot_ms=NOW)

    place = place_of(replace(draft, name="Other"), before=before, now_ms=NOW + 90_000)

    assert place.next_slot_ms == before.next_slot_ms
    assert place.active_ms == NOW


def test_what_a_pause_slept_through_is_not_made_up_for() -> None:
    draft = ordered(start=IMMEDIATELY, frequency_s=3600)
    begun = taken(draft, place_of(draft, before=None, now_ms=NOW), last_slot_ms=NOW)
    paused = place_of(replace(draft, status=Status.INACTIVE), before=begun, now_ms=NOW + 60_000)
    asleep = replace(
        begun,
        status=Status.INACTIVE,
        anchor_ms=paused.anchor_ms,
        next_slot_ms=paused.next_slot_ms,
    )

    resumed = place_of(draft, before=asleep, now_ms=NOW + 5 * HOUR + HOUR // 2)

    assert paused.next_slot_ms is None
    assert resumed.anchor_ms == NOW
    assert resumed.next_slot_ms == NOW + 6 * HOUR


def test_a_start_of_immediately_that_was_never_due_counts_from_the_resumption() -> None:
    draft = ordered(start=IMMEDIATELY)
    before = replace(taken(draft, place_of(draft, before=None, now_ms=NOW)), status=Status.INACTIVE)

    place = place_of(draft, before=before, now_ms=NOW + DAY)

    assert place.next_slot_ms == NOW + DAY


@pytest.mark.parametrize("paused", [False, True], ids=["while active", "while paused"])
def test_a_start_that_becomes_immediately_counts_from_now_on(*, paused: bool) -> None:
    """And not from the start that it had before."""
    dated = ordered(start=NOW, frequency_s=7200)
    task = taken(dated, place_of(dated, before=None, now_ms=NOW), last_slot_ms=NOW)
    at_once = ordered(start=IMMEDIATELY, frequency_s=7200)

    now_ms = NOW + 2 * DAY + HOUR
    if paused:
        edited = replace(at_once, status=Status.INACTIVE)
        task = taken(edited, place_of(edited, before=task, now_ms=NOW + DAY), last_slot_ms=NOW)
    place = place_of(at_once, before=task, now_ms=now_ms)

    assert (place.anchor_ms, place.next_slot_ms) == (now_ms, now_ms)


def test_a_slot_that_was_executed_does_not_come_again() -> None:
    draft = ordered(start=NOW, frequency_s=3600)
    begun = taken(draft, place_of(draft, before=None, now_ms=NOW), last_slot_ms=NOW)
    paused = replace(begun, status=Status.INACTIVE)

    place = place_of(draft, before=paused, now_ms=NOW + 1000)

    assert place.next_slot_ms == NOW + HOUR


def test_a_single_start_that_went_by_is_refused_on_activation() -> None:
    draft = ordered(start=NOW + HOUR)
    before = taken(replace(draft, status=Status.INACTIVE), Place())

    with pytest.raises(Invalid) as refusal:
        place_of(draft, before=before, now_ms=NOW + 2 * HOUR)

    assert [fault.field for fault in refusal.value.faults] == ["start_time"]


def test_another_schedule_begins_now() -> None:
    draft = ordered(start=IMMEDIATELY, frequency_s=3600)
    before = taken(draft, place_of(draft, before=None, now_ms=NOW), last_slot_ms=NOW)
    other = ordered(start=IMMEDIATELY, frequency_s=7200)

    place = place_of(other, before=before, now_ms=NOW + HOUR // 2)

    assert place.next_slot_ms == NOW + 2 * HOUR
    assert place.active_ms == NOW + HOUR // 2


def test_a_schedule_is_read_no_further_than_to_the_next_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every task that falls due is read so, and most have one slot due and a thousand to come."""
    draft = ordered(start=NOW, frequency_s=3600)
    task = taken(draft, place_of(draft, before=None, now_ms=NOW))
    read = []

    def noted(*given: Any, **named: Any) -> Iterator[int]:
        for slot_ms in slots(*given, **named):
            read.append(slot_ms)
            yield slot_ms

    monkeypatch.setattr("tocsin.domain.calendar.slots", noted)

    assert len(firings(task, now_ms=NOW, limit=500)) == 1
    assert read == [NOW, NOW + HOUR]


@pytest.mark.parametrize(
    ("late_ms", "ttl_s", "is_executed"),
    [
        pytest.param(0, 0, True, id="on time"),
        pytest.param(GRACE_MS, 0, True, id="within the grace, whatever the ttl"),
        pytest.param(GRACE_MS + 1, 0, False, id="too late for a ttl of 0"),
        pytest.param(3_599_999, 3600, True, id="younger than the ttl"),
        pytest.param(3_600_000, 3600, False, id="as old as the ttl: every message has expired"),
    ],
)
def test_a_late_slot(late_ms: int, ttl_s: int, is_executed: bool) -> None:
    draft = replace(ordered(start=NOW), ttl_s=ttl_s)
    task = taken(draft, place_of(draft, before=None, now_ms=NOW))

    (only,) = firings(task, now_ms=NOW + late_ms, limit=9)

    assert (only.slot_ms, only.next_slot_ms) == (NOW, None)
    assert (only.missed is None) == is_executed
    moved = moved_on(task, [only])
    assert (moved.slot_ms, moved.next_slot_ms, moved.next_due_ms) == (NOW, None, None)
    assert moved.executed_ms == (NOW if is_executed else None)


def test_of_very_many_slots_the_first_are_due_and_the_newest_waits() -> None:
    draft = ordered(start=NOW, frequency_s=3600)
    task = taken(draft, place_of(draft, before=None, now_ms=NOW))
    later = "a later slot was due as well"

    assert firings(task, now_ms=NOW - 1, limit=3) == []
    assert firings(task, now_ms=NOW + 3 * HOUR, limit=3) == [
        Firing(slot_ms=NOW + at * HOUR, next_slot_ms=NOW + (at + 1) * HOUR, missed=later)
        for at in range(3)
    ]
    assert firings(task, now_ms=NOW + 2 * HOUR, limit=3) == [
        Firing(slot_ms=NOW, next_slot_ms=NOW + HOUR, missed=later),
        Firing(slot_ms=NOW + HOUR, next_slot_ms=NOW + 2 * HOUR, missed=later),
        Firing(slot_ms=NOW + 2 * HOUR, next_slot_ms=NOW + 3 * HOUR),
    ]


def test_a_reading_that_was_dealt_with_says_nothing_of_gmt() -> None:
    """Tomorrow's 9 o'clock of all clocks has begun in the east; the edit means this evening."""
    morning = ordered(start=NOW + 22 * HOUR, frequency_s=86_400, user_time_zone=True)
    begun = taken(morning, place_of(morning, before=None, now_ms=NOW), last_slot_ms=NOW + 22 * HOUR)
    evening = ordered(start=NOW + 11 * HOUR, frequency_s=86_400)

    place = place_of(evening, before=begun, now_ms=NOW + 9 * HOUR)

    assert place.next_slot_ms == NOW + 11 * HOUR


def test_a_single_start_before_an_execution_that_has_begun_is_refused() -> None:
    single = ordered(start=NOW + 12 * HOUR, user_time_zone=True)
    begun = taken(single, place_of(single, before=None, now_ms=NOW), last_slot_ms=NOW + 12 * HOUR)
    earlier = ordered(start=NOW + 11 * HOUR, user_time_zone=True)

    with pytest.raises(Invalid) as refused:
        place_of(earlier, before=begun, now_ms=NOW + HOUR)

    (fault,) = refused.value.faults
    assert fault.field == "start_time"
    assert "2026-02-05 23:00:00, whose execution has begun" in fault.message
    assert place_of(single, before=replace(begun, status=Status.INACTIVE), now_ms=NOW) == Place(
        anchor_ms=NOW + 12 * HOUR, active_ms=NOW
    )
