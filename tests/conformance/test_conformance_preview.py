"""What a preview says is what planner and cutter then make."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from world import World, draft, enrolment

from tocsin.domain.account import Account
from tocsin.domain.errors import Invalid
from tocsin.domain.execution import State
from tocsin.domain.push_task import Draft, Status, draft_faults
from tocsin.domain.schedule import QuietTime
from tocsin.services.preview import EXECUTIONS_SHOWN, Preview
from tocsin.store.tables import execution, idempotency, parcel, push_task

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
ZONES: Final[Sequence[Any]] = [
    "Europe/Belgrade",
    "Europe/Paris",
    "Europe/Belgrade",
    "Asia/Kolkata",  # half an hour off
    "Asia/Tokyo",
    "America/Los_Angeles",
    "Pacific/Kiritimati",  # as far east as clocks go
    "Pacific/Pago_Pago",  # and nearly as far west
    "Australia/Lord_Howe",
    "UTC",
    "No/Where",
    None,
]
SERBIA: Final = {"countries": {"op": "include", "items": ["RS"]}}


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant with people of many zones, some of them not folded yet."""
    owner = world.account()
    populate(world, owner)
    return owner


def populate(world: World, owner: Account) -> None:
    site = world.container(owner)
    people = [
        enrolment(site, number, time_zone=zone, country="RS" if number % 2 else "CA")
        for number, zone in enumerate([*ZONES, *ZONES[:5]])
    ]
    world.register(*people[:9])
    world.indexing.fold()
    world.set_next_ordinal(owner, 1 << 20)
    world.register(*people[9:])


# Minutes after the beginning of the clock, 11:00 on a Thursday: see ordered, below.
TASKS: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "at an instant": {"start": 90},
    "every two hours": {"start": 10, "frequency_s": 7200},
    "every two hours, ending": {"start": 10, "frequency_s": 7200, "end_ms": 500},
    "by cron": {"cron": "30 9 * * 1,3"},
    "targeted": {"targeting": SERBIA, "start": 5},
    "for nobody": {"targeting": {"os": {"op": "include", "items": ["1"]}}},
    "in quiet time": {"start": 30, "quiet_time": QuietTime(20, 8)},
    "overtaken in quiet time": {
        "start": 30,
        "frequency_s": 14_400,
        "quiet_time": QuietTime(20, 8),
    },
    "quiet until after the end": {"start": 30, "end_ms": 240, "quiet_time": QuietTime(18, 16)},
    "at everybody's hour": {"start": 2000, "user_time_zone": True},
    "at an hour that some are past": {"start": 60, "user_time_zone": True},
    "at hours of which some are past several": {
        "start": 60,
        "user_time_zone": True,
        "frequency_s": 3600,
    },
    "at everybody's hour by cron": {"cron": "15 8 * * *", "user_time_zone": True},
    "at everybody's hour, ending": {
        "start": 3000,
        "end_ms": 3100,
        "user_time_zone": True,
        "frequency_s": 36_000,
    },
    "at everybody's hour and quiet": {
        "start": 3000,
        "user_time_zone": True,
        "quiet_time": QuietTime(9, 15),
        "frequency_s": 86_400,
    },
    "never": {"start": 100, "cron": "0 9 1 1 *", "end_ms": 200},
}


def ordered(world: World, fields: dict[str, Any]) -> Draft:
    """Return the order that *fields* mean, with instants in minutes from now."""
    now_ms = world.clock.now_ms()
    instants = ("start", "end_ms")
    moved = {
        name: now_ms + fields[name] * MINUTE_MS
        for name in instants
        if isinstance(fields.get(name), int)
    }
    return draft(**fields | moved)


def made(world: World, owner: Account, order: Draft) -> tuple[list[int], dict[int, int]]:
    """Order it and let everything happen; return the first slots and who is due when.

    The latter is of the first execution, and leaves out whom it suppresses.
    """
    task_id = world.create(owner, order)
    waves: Counter[int] = Counter()
    for number in range(EXECUTIONS_SHOWN):
        due_ms = world.tasks.view(owner.scope, task_id).next_due_ms
        if due_ms is None:
            break
        world.clock.forward(max(0, due_ms - world.clock.now_ms()))
        world.planning.plan(now_ms=world.clock.now_ms())
        if not number:
            world.cut_all()
            first = world.history(owner, task_id)[0].execution.id
            for row in world.rows(parcel, parcel.c.execution_id == first, parcel.c.pending > 0):
                waves[row.due_ms] += row.pending
    found = [one.execution for one in world.history(owner, task_id)]
    world.commands.delete(owner.scope, task_id, now_ms=world.clock.now_ms())
    assert State.MISSED not in {one.state for one in found}
    return [one.due_ms for one in found[:EXECUTIONS_SHOWN]], dict(waves)


def foreseen(preview: Preview) -> dict[int, int]:
    waves: Counter[int] = Counter()
    for wave, count in preview.waves:
        waves[wave.at_ms] += count
    return dict(+waves)


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.INACTIVE])
@pytest.mark.parametrize("fields", TASKS.values(), ids=TASKS)
def test_it_says_what_then_happens(
    world: World, owner: Account, fields: dict[str, Any], status: Status
) -> None:
    order = ordered(world, fields)
    shown = ordered(world, fields | {"status": status})

    preview = world.previews.preview(owner.scope, shown, now_ms=world.clock.now_ms())

    slots, waves = made(world, owner, order)
    assert list(preview.executions) == slots
    assert foreseen(preview) == waves


def test_a_cap_takes_its_sample_from_the_waves_that_are_shown(world: World, owner: Account) -> None:
    """Who is drawn, and so how many of each wave, is decided when the execution is there."""
    plain = ordered(world, {"total_user": 5})
    order = ordered(world, {"start": 2000, "user_time_zone": True, "total_user": 5})

    previews = [
        world.previews.preview(owner.scope, one, now_ms=world.clock.now_ms())
        for one in (plain, order)
    ]

    assert [
        ("capped", "total_user takes 5 of the 17 it reaches") in one.warnings for one in previews
    ]
    slots, waves = made(world, owner, plain)
    assert (list(previews[0].executions), list(waves)) == (slots, list(foreseen(previews[0])))
    assert sum(waves.values()) == 5
    slots, waves = made(world, owner, order)
    assert list(previews[1].executions) == slots
    shown = foreseen(previews[1])
    assert sum(waves.values()) == 5
    assert all(count <= shown[at] for at, count in waves.items())


def test_it_stores_nothing_and_refuses_what_a_create_refuses(world: World, owner: Account) -> None:
    now_ms = world.clock.now_ms()
    unknown = draft({"apps": {"op": "exclude", "items": ["77"]}})

    world.previews.preview(owner.scope, draft(), now_ms=now_ms)
    for refused in (unknown, draft(start=now_ms - 61_000)):
        with pytest.raises(Invalid) as previewed:
            world.previews.preview(owner.scope, refused, now_ms=now_ms)
        with pytest.raises(Invalid) as created:
            world.create(owner, refused)
        assert previewed.value.faults == created.value.faults

    assert not any(map(world.rows, (push_task, execution, parcel, idempotency)))


SCHEDULES: Final = st.fixed_dictionaries(
    {},
    optional={
        "start": st.integers(-1, 4000),
        "end_ms": st.integers(0, 9000),
        "frequency_s": st.integers(60, 3000).map(lambda minutes: minutes * 60),
        "cron": st.sampled_from(["0 9 * * *", "45 23 * * 1-5", "30 2 29 * *", "7 12 * * 0"]),
        "user_time_zone": st.booleans(),
        "quiet_time": st.tuples(st.integers(0, 23), st.integers(1, 23)).map(
            lambda pair: QuietTime(pair[0], (pair[0] + pair[1]) % 24)
        ),
        "targeting": st.sampled_from([None, SERBIA]),
    },
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(fields=SCHEDULES)
def test_it_says_what_then_happens_whatever_the_schedule(
    world: World, fields: dict[str, Any]
) -> None:
    now_ms = world.clock.now_ms()
    order = ordered(world, fields)
    assume(not draft_faults(order, now_ms=now_ms))
    owner = world.account()
    populate(world, owner)

    preview = world.previews.preview(owner.scope, order, now_ms=now_ms)

    slots, waves = made(world, owner, order)
    assert list(preview.executions) == slots
    assert foreseen(preview) == waves
