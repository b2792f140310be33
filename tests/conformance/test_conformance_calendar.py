"""The calendar: each slot has one execution or one missed row, and the next one is always true."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from courier import Courier, crowd, settle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import World, in_threads

from tocsin.domain.account import Account
from tocsin.domain.execution import Kind
from tocsin.domain.push_task import Status
from tocsin.services.planning import SLOTS_AT_ONCE, Planned, Planning
from tocsin.store.tables import execution
from tocsin.store.unit import Unit

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
EAST_MS = 14 * HOUR_MS  # the first zone is as far ahead of Greenwich
# The clock begins at 11:00 on a Thursday, 2026-02-05.
NOON_MS = HOUR_MS


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


def dues(world: World, owner: Account, task_id: int) -> list[tuple[int, str]]:
    """Return the slots that were dealt with, from the clock's beginning on, and their states."""
    start_ms = world.clock.now_ms() - world.clock.monotonic_ms()
    found = (one.execution for one in world.history(owner, task_id))
    return [(one.due_ms - start_ms, one.state.value) for one in found]


@pytest.mark.parametrize(
    ("schedule", "slots", "act_earlier_ms"),
    [
        pytest.param({"start": 0}, [0], 0, id="once"),
        pytest.param(
            {"start": HOUR_MS, "frequency_s": 90_000},
            [HOUR_MS + number * 25 * HOUR_MS for number in range(3)],
            0,
            id="frequency",
        ),
        pytest.param(
            {"start": 90 * MINUTE_MS, "cron": "0 12,14 * * *"},
            [at + day * DAY_MS for day in range(3) for at in (NOON_MS, 3 * HOUR_MS)][1:],
            0,
            id="cron",
        ),
        pytest.param(
            {"start": 0, "cron": "30 9 * * 5"}, [DAY_MS - 90 * MINUTE_MS], 0, id="on Fridays"
        ),
        pytest.param(
            {"start": DAY_MS, "cron": "0 12 * * *", "user_time_zone": True},
            [DAY_MS + NOON_MS, 2 * DAY_MS + NOON_MS, 3 * DAY_MS + NOON_MS],
            EAST_MS,
            id="at everybody's noon",
        ),
        pytest.param(
            {"start": DAY_MS, "user_time_zone": True}, [DAY_MS], EAST_MS, id="once, by wall clock"
        ),
        pytest.param(
            {"start": 0, "frequency_s": 36_000, "end_ms": 20 * HOUR_MS},
            [0, 10 * HOUR_MS, 20 * HOUR_MS],
            0,
            id="up to the end, and at it",
        ),
        pytest.param({"start": 10, "end_ms": 10}, [10], 0, id="the end is the start"),
        pytest.param(
            {"start": 0, "cron": "0 12 * * *", "end_ms": 30 * MINUTE_MS}, [], 0, id="never"
        ),
    ],
)
def test_each_slot_is_executed_at_its_time_and_the_next_is_told_truly(
    world: World, owner: Account, schedule: dict[str, Any], slots: list[int], act_earlier_ms: int
) -> None:
    begin_ms = world.clock.now_ms()
    moved = {key: schedule[key] + begin_ms for key in ("start", "end_ms") if key in schedule}
    task_id = world.order(owner, **schedule | moved)

    for at_ms in range(0, 3 * DAY_MS - 12 * HOUR_MS, 30 * MINUTE_MS):
        world.plan()
        acted = [slot for slot in slots if slot - act_earlier_ms <= at_ms]
        assert [due for due, _ in dues(world, owner, task_id)] == acted
        task = world.tasks.view(owner.scope, task_id)
        coming = task.next_slot_ms and task.next_slot_ms - begin_ms
        if len(acted) < len(slots):
            assert coming == slots[len(acted)]
        else:
            assert coming is None or coming > slots[-1]
        assert task.last_slot_ms == (acted[-1] + begin_ms if acted else None)
        world.clock.forward(30 * MINUTE_MS)

    assert "missed" not in {state for _, state in dues(world, owner, task_id)}


def test_a_task_is_finished_after_the_last_execution_before_its_end(
    world: World, owner: Account
) -> None:
    crowd(world, owner, world.container(owner))
    start_ms, courier = world.clock.now_ms(), Courier(world)
    found = world.execute(owner, start=start_ms, frequency_s=3600, end_ms=start_ms + HOUR_MS)
    statuses = []
    for _ in range(2):
        world.plan()
        world.cut_all()
        settle(world)
        courier.send_all()
        statuses.append(world.tasks.view(owner.scope, found.task_id).status)
        settle(world)
        statuses.append(world.tasks.view(owner.scope, found.task_id).status)
        world.clock.forward(HOUR_MS)

    assert statuses == [Status.ACTIVE, Status.ACTIVE, Status.ACTIVE, Status.FINISHED]


def test_after_three_days_the_newest_is_caught_up_and_all_others_have_a_row(
    world: World, owner: Account
) -> None:
    """Forty tasks; of some the newest slot is younger than its ttl by then, of some it is not."""
    start_ms = world.clock.now_ms()
    tasks = {}
    for number in range(40):
        hours, ttl_s = 1 + number % 8, [0, 1800, 3600, 86_400][number % 4]
        tasks[world.order(owner, start=start_ms, frequency_s=hours * 3600, ttl_s=ttl_s)] = (
            hours,
            ttl_s,
        )
    world.clock.forward(3 * DAY_MS + 30 * MINUTE_MS)

    turns = []
    while planned := world.planning.plan(now_ms=world.clock.now_ms()):
        turns.append(planned.slots)

    assert max(turns) < 2 * SLOTS_AT_ONCE
    assert sum(turns) == sum(72 // hours + 1 for hours, _ in tasks.values())
    for task_id, (hours, ttl_s) in tasks.items():
        found = dues(world, owner, task_id)
        last = 72 // hours
        assert [due for due, _ in found] == [at * hours * HOUR_MS for at in range(last + 1)]
        age_s = (72 - last * hours) * 3600 + 1800
        newest = "cutting" if age_s < ttl_s else "missed"
        assert [state for _, state in found] == ["missed"] * last + [newest]
        reasons = [one.execution.reason for one in world.history(owner, task_id)]
        assert reasons[:-1] == ["a later slot was due as well"] * last
        if newest == "missed":
            assert f"its ttl of {ttl_s} s was over" in str(reasons[-1])
        task = world.tasks.view(owner.scope, task_id)
        assert task.next_slot_ms == start_ms + (last + 1) * hours * HOUR_MS


def test_very_many_missed_slots_of_one_task_are_written_down_in_turns(
    world: World, owner: Account
) -> None:
    task_id = world.order(owner, start=world.clock.now_ms(), frequency_s=3600, ttl_s=7200)
    now_ms = world.clock.forward(600 * HOUR_MS)

    assert world.planning.plan(now_ms=now_ms) == Planned(0, SLOTS_AT_ONCE)
    assert world.tasks.view(owner.scope, task_id).next_slot_ms == now_ms - 100 * HOUR_MS
    assert world.planning.plan(now_ms=now_ms) == Planned(1, 100)
    assert not world.planning.plan(now_ms=now_ms)
    assert world.tasks.view(owner.scope, task_id).next_slot_ms == now_ms + HOUR_MS


def test_planners_at_once_after_a_long_stop_make_one_row_of_each_slot(
    world: World, owner: Account
) -> None:
    start_ms = world.clock.now_ms()
    for _ in range(12):
        world.order(owner, start=start_ms, frequency_s=3600)
    now_ms = world.clock.forward(9 * HOUR_MS)

    def plan_all() -> Planned:
        total = Planned()
        while some := world.planning.plan(now_ms=now_ms):
            total += some
        return total

    planned = in_threads(*[plan_all] * 2)

    assert planned[0] + planned[1] == Planned(12, 12 * 9)
    rows = world.rows(execution)
    assert len({(row.task_id, row.due_ms) for row in rows}) == len(rows) == 120


def test_what_was_slept_through_is_not_made_up_for(world: World, owner: Account) -> None:
    start_ms = world.clock.now_ms()
    task_id = world.order(owner, start=start_ms, frequency_s=3600)
    world.plan()
    world.commands.pause(owner.scope, task_id, now_ms=start_ms + 1)
    assert world.tasks.view(owner.scope, task_id).next_slot_ms is None

    now_ms = world.clock.forward(5 * HOUR_MS + 30 * MINUTE_MS)
    world.plan()
    world.commands.resume(owner.scope, task_id, now_ms=now_ms)
    assert world.tasks.view(owner.scope, task_id).next_slot_ms == start_ms + 6 * HOUR_MS
    world.plan()
    world.clock.forward(30 * MINUTE_MS)
    world.plan()

    assert [due for due, _ in dues(world, owner, task_id)] == [0, 6 * HOUR_MS]


def test_a_slot_of_the_minute_before_a_resume_is_executed(world: World, owner: Account) -> None:
    start_ms = world.clock.now_ms()
    task_id = world.order(owner, start=start_ms, frequency_s=3600, status=Status.INACTIVE)

    now_ms = world.clock.forward(HOUR_MS + MINUTE_MS)
    world.commands.resume(owner.scope, task_id, now_ms=now_ms)
    world.plan()

    assert dues(world, owner, task_id) == [(HOUR_MS, "cutting")]


@pytest.mark.parametrize("schedule", [{}, {"frequency_s": 3600}], ids=["once", "hourly"])
def test_a_slot_that_was_executed_is_not_the_next_one_again(
    world: World, owner: Account, schedule: dict[str, int]
) -> None:
    start_ms = world.clock.now_ms()
    task_id = world.order(owner, start=start_ms, **schedule)
    world.plan()

    world.commands.pause(owner.scope, task_id, now_ms=start_ms)
    world.commands.resume(owner.scope, task_id, now_ms=start_ms)

    expected = start_ms + HOUR_MS if schedule else None
    assert world.tasks.view(owner.scope, task_id).next_slot_ms == expected


def test_a_slot_of_wall_clocks_is_not_the_next_one_again_after_a_run(
    world: World, owner: Account
) -> None:
    """It is executed fourteen hours before Greenwich reads its hour, and the run comes between."""
    slot_ms = world.clock.now_ms() + 10 * HOUR_MS
    task_id = world.order(owner, start=slot_ms, user_time_zone=True)
    world.plan()
    now_ms = world.clock.forward(HOUR_MS)

    world.commands.run(owner.scope, task_id, now_ms=now_ms)
    world.commands.pause(owner.scope, task_id, now_ms=now_ms)
    world.commands.resume(owner.scope, task_id, now_ms=now_ms)

    task = world.tasks.view(owner.scope, task_id)
    assert (task.next_slot_ms, task.last_slot_ms) == (None, slot_ms)


def test_by_wall_clock_what_a_stop_swallowed_is_missed_though_some_zones_are_yet_to_come(
    world: World, owner: Account
) -> None:
    """One catch-up for all of them: who is past two of them must not have two at once."""
    start_ms = world.clock.now_ms() + 20 * HOUR_MS
    task_id = world.order(owner, start=start_ms, frequency_s=3600, user_time_zone=True)
    world.clock.forward(6 * HOUR_MS)
    world.plan()

    world.clock.forward(5 * HOUR_MS)
    world.plan()

    states = [one.execution.state for one in world.history(owner, task_id)]
    assert states == ["cutting"] + ["missed"] * 4 + ["cutting"]


MOVES = st.one_of(
    st.integers(1, 300).map(lambda minutes: ("wait", minutes)),
    st.sampled_from([("plan", 0), ("pause", 0), ("resume", 0), ("run", 0)]),
)


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    schedule=st.sampled_from(
        [
            {"frequency_s": 3600},
            {"frequency_s": 18_000, "user_time_zone": True},
            {"cron": "0 */5 * * *"},
            {"cron": "15 9 * * *", "user_time_zone": True},
        ]
    ),
    immediately=st.booleans(),
    moves=st.lists(MOVES, max_size=25),
)
def test_whatever_happens_the_next_slot_is_the_next_execution(
    world: World, schedule: dict[str, Any], immediately: bool, moves: list[tuple[str, int]]
) -> None:
    owner = world.account()
    start = {} if immediately else {"start": world.clock.now_ms() + 77 * MINUTE_MS}
    task_id = world.order(owner, **schedule, **start)

    for move, minutes in moves:
        active = world.tasks.view(owner.scope, task_id).status is Status.ACTIVE
        if move == "wait":
            world.clock.forward(minutes * MINUTE_MS)
        elif move == "plan":
            world.plan()
        elif move != "run" or active:
            getattr(world.commands, move)(owner.scope, task_id, now_ms=world.clock.now_ms())
        check_next(world, owner, task_id)
    world.commands.delete(owner.scope, task_id, now_ms=world.clock.now_ms())


def check_next(world: World, owner: Account, task_id: int) -> None:
    """See that the next slot is what a planner makes next, in a transaction that never was."""
    task = world.tasks.view(owner.scope, task_id)
    assert (task.next_slot_ms is None) == (task.status is not Status.ACTIVE)
    if task.next_due_ms is None:
        return
    with suppress(UndoneError), world.store.write() as unit:
        before = slots_of(unit, task_id)
        planning = Planning(Within(unit))
        planning.plan(now_ms=max(task.next_due_ms, world.clock.now_ms()))
        assert min(slots_of(unit, task_id) - before) == task.next_slot_ms
        raise UndoneError


def slots_of(unit: Unit, task_id: int) -> set[int]:
    """Return the slots of a task that were dealt with."""
    found = unit.executions.of_task(task_id, offset=0, limit=500)
    return {one.due_ms for one in found if one.kind is Kind.SCHEDULED}


class UndoneError(Exception):
    """Undoes a transaction."""


@dataclass
class Within:
    """A store whose transactions are parts of one."""

    unit: Unit

    @contextmanager
    def write(self) -> Iterator[Unit]:
        yield self.unit
