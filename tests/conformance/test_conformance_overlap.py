"""Two executions of one task: the later wins, and nobody has two messages of it under way."""

import pytest
from courier import Courier, counted, crowd, settle
from world import World

from tocsin.domain.account import Account
from tocsin.domain.errors import Conflict
from tocsin.domain.execution import Execution, Kind
from tocsin.domain.push_task import Status
from tocsin.domain.schedule import QuietTime
from tocsin.services.sending import HOLD_MS, Standing
from tocsin.store.tables import execution, parcel

HOUR_MS = 3_600_000
TOLD_TO_STOP = Standing(ours=True, sendable=False)


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant with a crowd of subscribers."""
    owner = world.account()
    crowd(world, owner, world.container(owner))
    return owner


def run(world: World, owner: Account, task_id: int) -> Execution:
    """Run a task; return the execution, cut."""
    world.commands.run(owner.scope, task_id, now_ms=world.clock.now_ms())
    world.cut_all()
    return world.history(owner, task_id)[-1].execution


def test_a_run_supersedes_the_live_execution_and_waits_until_it_is_swept(
    world: World, owner: Account, courier: Courier
) -> None:
    old = world.execute(owner)
    world.cut_all()
    held = courier.lease(limit=1)[0]
    courier.send(held, 1)
    world.clock.forward(1000)

    new = run(world, owner, old.task_id)

    assert courier.lease() == [], "the old one holds the new one up, and is over itself"
    assert courier.send(held, 1) == TOLD_TO_STOP
    settle(world)
    assert counted(world, owner, old.task_id, at=0) == {
        "delivered": 2,
        "pending": 1,
        "suppressed": 6,
    }
    assert courier.lease() == [], "somebody is still to be swept"
    courier.give_back(held)
    assert courier.lease() == []
    settle(world)
    assert counted(world, owner, old.task_id, at=0) == {"delivered": 2, "suppressed": 7}
    courier.send_all()
    settle(world)
    assert counted(world, owner, old.task_id) == {"delivered": 9}
    states = [one.execution.state for one in world.history(owner, old.task_id)]
    assert states == ["done", "done"]
    reasons = [one.execution.reason for one in world.history(owner, old.task_id)]
    assert reasons == [f"superseded by execution {new.id}", None]
    assert new.kind is Kind.MANUAL


def test_a_frozen_sender_of_the_old_one_holds_the_new_one_up_for_its_lease(
    world: World, owner: Account, courier: Courier
) -> None:
    old = world.execute(owner)
    world.cut_all()
    frozen = courier.lease(limit=1)[0]
    run(world, owner, old.task_id)

    world.clock.forward(HOLD_MS - 1)
    settle(world)
    assert courier.lease() == []
    world.clock.forward(1)
    settle(world)

    assert len(courier.lease()) == 3
    assert not courier.give_back(frozen).ours


def test_other_tasks_are_not_held_up(world: World, owner: Account, courier: Courier) -> None:
    old = world.execute(owner)
    world.cut_all()
    courier.lease()
    run(world, owner, old.task_id)
    other = world.execute(owner)
    world.cut_all()

    assert {one.execution_id for one in courier.lease()} == {other.id}


def test_a_run_of_a_half_cut_execution_cuts_no_more_of_it(world: World, owner: Account) -> None:
    old = world.execute(owner)
    world.cut_one()

    new = run(world, owner, old.task_id)
    settle(world)

    assert counted(world, owner, old.task_id, at=0) == {"suppressed": 3}
    assert len(world.rows(parcel, parcel.c.execution_id == new.id)) == 3
    assert (world.state(old), world.state(new)) == ("done", "sending")


def test_a_run_in_the_millisecond_of_a_slot_takes_nothing_from_it(
    world: World, owner: Account
) -> None:
    start_ms = world.clock.now_ms()
    task_id = world.order(owner, start=start_ms, frequency_s=3600)

    run(world, owner, task_id)
    assert world.tasks.view(owner.scope, task_id).next_slot_ms == start_ms + HOUR_MS
    world.plan()

    due = {one.execution.kind: one.execution.due_ms for one in world.history(owner, task_id)}
    assert due == {Kind.MANUAL: start_ms - 1, Kind.SCHEDULED: start_ms}


def test_runs_shortly_after_a_slot_take_nothing_from_it(world: World, owner: Account) -> None:
    """Each run of one millisecond stands before the last one: the third would stand there."""
    slot_ms = world.clock.now_ms() + 500
    task_id = world.order(owner, start=slot_ms, frequency_s=3600)
    world.clock.forward(500)
    world.plan()
    world.clock.forward(2)

    for _ in range(4):
        run(world, owner, task_id)

    slots = {
        one.execution.due_ms - slot_ms: one.execution.kind for one in world.history(owner, task_id)
    }
    kinds = dict.fromkeys([-2, -1, 1, 2], Kind.MANUAL)
    assert slots == kinds | {0: Kind.SCHEDULED}


def test_a_test_where_a_slot_will_be_takes_nothing_from_it(world: World, owner: Account) -> None:
    """The task is not active, so it has no next slot yet."""
    somebody = str(min(person_ids(world, owner)))
    start_ms = world.clock.now_ms()
    task_id = world.order(owner, status=Status.INACTIVE, start=start_ms)

    world.commands.test(owner.scope, task_id, [somebody], now_ms=start_ms)
    world.commands.resume(owner.scope, task_id, now_ms=start_ms)
    world.plan()

    kinds = [one.execution.kind for one in world.history(owner, task_id)]
    assert kinds == [Kind.TEST, Kind.SCHEDULED]


def test_a_run_is_an_execution_and_no_slot(world: World, owner: Account) -> None:
    start_ms = world.clock.now_ms() + HOUR_MS
    task_id = world.order(owner, start=start_ms)
    now_ms = world.clock.forward(5)

    run(world, owner, task_id)

    task = world.tasks.view(owner.scope, task_id)
    assert (task.last_execution_ms, task.next_slot_ms) == (now_ms, start_ms)
    assert task.status is Status.ACTIVE


def test_a_run_sends_at_once_whatever_the_hours_of_people(
    world: World, owner: Account, courier: Courier
) -> None:
    quiet = QuietTime(0, 23)
    task_id = world.order(owner, start=world.clock.now_ms() + 48 * HOUR_MS, quiet_time=quiet)

    found = run(world, owner, task_id)
    courier.send_all()

    assert len(courier.reached(found.id)) == 9


def test_what_cannot_be_run(world: World, owner: Account) -> None:
    inactive = world.order(owner, status=Status.INACTIVE)
    finished = world.execute(owner).task_id
    ended = world.order(owner, start=world.clock.now_ms(), end_ms=world.clock.now_ms() + 999)
    world.plan()
    world.cut_all()
    world.commands.cancel(owner.scope, finished, now_ms=world.clock.now_ms())
    world.clock.forward(1000)
    before = world.rows(execution)

    for task_id, why in (
        (inactive, f"push task {inactive} is inactive: resume it"),
        (finished, f"push task {finished} is finished"),
        (ended, f"the end_time of push task {ended} was 2026-02-05 11:00:00 GMT"),
    ):
        with pytest.raises(Conflict, match=why):
            run(world, owner, task_id)

    assert world.rows(execution) == before


def test_the_next_slot_supersedes_an_older_execution(
    world: World, owner: Account, courier: Courier
) -> None:
    old = world.execute(owner, start=world.clock.now_ms(), frequency_s=3600)
    world.cut_all()
    held = courier.lease(limit=1)[0]
    courier.send(held)
    world.clock.forward(HOUR_MS)

    world.plan()
    world.cut_all()
    settle(world)
    courier.send_all()

    assert counted(world, owner, old.task_id, at=0) == {"delivered": 3, "suppressed": 6}
    assert counted(world, owner, old.task_id) == {"delivered": 9}


def test_a_slot_that_is_missed_supersedes_nothing(
    world: World, owner: Account, courier: Courier
) -> None:
    old = world.execute(owner, start=world.clock.now_ms(), frequency_s=7200, ttl_s=3600)
    world.cut_all()
    world.clock.forward(3 * HOUR_MS)

    world.plan()

    states = [one.execution.state for one in world.history(owner, old.task_id)]
    assert states == ["sending", "missed"]
    courier.send_all()
    assert counted(world, owner, old.task_id, at=0) == {"delivered": 9}


def test_executions_that_are_spread_over_peoples_hours_do_not_end_each_other(
    world: World, owner: Account, courier: Courier
) -> None:
    """The next slot is acted upon when the first zone reaches it, and others are not there yet."""
    start_ms = world.clock.now_ms() + 20 * HOUR_MS
    task_id = world.order(owner, start=start_ms, frequency_s=3600, user_time_zone=True)
    world.clock.forward(6 * HOUR_MS)
    world.plan()
    world.clock.forward(HOUR_MS)
    world.plan()
    world.cut_all()

    states = [one.execution.state for one in world.history(owner, task_id)]
    assert states == ["sending", "sending"]
    settle(world)
    world.clock.forward(13 * HOUR_MS)
    courier.send_all()
    assert counted(world, owner, task_id, at=0) == {"delivered": 9}
    assert counted(world, owner, task_id, at=1) == {"pending": 9}


def test_a_run_ends_the_waves_too(world: World, owner: Account, courier: Courier) -> None:
    start_ms = world.clock.now_ms() + 13 * HOUR_MS
    waves = world.execute(owner, start=start_ms, user_time_zone=True)
    world.cut_all()

    new = run(world, owner, waves.task_id)
    settle(world)
    courier.send_all()

    assert counted(world, owner, waves.task_id, at=0) == {"suppressed": 9}
    assert len(courier.reached(new.id)) == 9


def person_ids(world: World, owner: Account) -> list[int]:
    """Return the ids of everybody in a tenant."""
    with world.store.read() as unit:
        ordinals = [shard * (1 << 20) + number for shard in range(3) for number in range(3)]
        return [one.id for one in unit.subscribers.by_ordinal(owner.root_id, ordinals).values()]
