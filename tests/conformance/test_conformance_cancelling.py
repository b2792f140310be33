"""Cancel and delete end an execution: what was accepted stays, everybody else is swept up."""

import pytest
from courier import Courier, counted, crowd, settle
from sqlalchemy import update
from world import DyingStore, Edit, KilledError, World, draft, in_threads

from tocsin.domain.account import Account
from tocsin.domain.errors import NotFound
from tocsin.domain.execution import Execution
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import Status
from tocsin.services.sending import HOLD_MS, Standing
from tocsin.services.sweeping import Sweeping
from tocsin.store.tables import execution, parcel, push_task

HOUR_MS = 3_600_000
TOLD_TO_STOP = Standing(ours=True, sendable=False)
LOST = Standing(ours=False, sendable=False)


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant with a crowd of subscribers."""
    owner = world.account()
    crowd(world, owner, world.container(owner))
    return owner


@pytest.fixture
def found(world: World, owner: Account) -> Execution:
    """Return an execution that is cut: three parcels of three."""
    found = world.execute(owner)
    world.cut_all()
    return found


def cancel(world: World, owner: Account, found: Execution) -> None:
    world.commands.cancel(owner.scope, found.task_id, now_ms=world.clock.now_ms())


def sweep(world: World) -> int:
    return world.sweeping.sweep(now_ms=world.clock.now_ms())


def test_who_was_accepted_stays_and_who_is_pending_is_cancelled(
    world: World, owner: Account, courier: Courier, found: Execution
) -> None:
    """One parcel is sent, one is half sent and in a lease, one was touched by nobody."""
    whole, part = courier.lease(limit=2)
    courier.send(whole)
    courier.give_back(whole)
    courier.send(part, 1)
    counts = [counted(world, owner, found.task_id)]

    cancel(world, owner, found)
    counts.append(counted(world, owner, found.task_id))
    assert courier.lease() == []
    assert sweep(world) == 3
    counts.append(counted(world, owner, found.task_id))
    assert sweep(world) == 0, "what is in a live lease is left to its holder"
    assert courier.send(part, 1) == TOLD_TO_STOP
    assert sweep(world) == 0
    assert courier.give_back(part) == TOLD_TO_STOP
    counts.append(counted(world, owner, found.task_id))
    assert sweep(world) == 1
    counts.append(counted(world, owner, found.task_id))

    assert counts == [
        {"delivered": 4, "pending": 5},
        {"delivered": 4, "pending": 5},
        {"delivered": 4, "pending": 2, "cancelled": 3},
        {"delivered": 5, "pending": 1, "cancelled": 3},
        {"delivered": 5, "cancelled": 4},
    ]
    row = world.rows(execution)[0]
    assert (row.state, row.sweep, row.reason) == ("cancelled", None, "cancelled on request")
    assert row.end_ms == world.clock.now_ms()
    assert world.tasks.view(owner.scope, found.task_id).status is Status.FINISHED


def test_a_frozen_holder_is_waited_for_until_its_lease_ends_and_writes_nothing_after(
    world: World, owner: Account, courier: Courier, found: Execution
) -> None:
    frozen = courier.lease()
    courier.send(frozen[0], 1)
    cancel(world, owner, found)

    world.clock.forward(HOLD_MS - 1)
    assert sweep(world) == 0
    world.clock.forward(1)
    assert sweep(world) == 8
    before = world.rows(parcel)

    assert [courier.send(one) for one in frozen] == [LOST] * 3
    assert [courier.give_back(one) for one in frozen] == [LOST] * 3
    assert world.rows(parcel) == before
    assert counted(world, owner, found.task_id) == {"delivered": 1, "cancelled": 8}


def test_who_waits_for_another_attempt_is_in_nobodys_hands(
    world: World, owner: Account, courier: Courier, found: Execution
) -> None:
    for held in courier.lease():
        courier.give_back(held, for_ms=600_000)
    cancel(world, owner, found)

    assert sweep(world) == 9


def test_an_overtaken_sweeper_writes_nothing_either(
    world: World, courier: Courier, found: Execution
) -> None:
    """Between look and record another lease began: the fence of the sweep is of the past."""
    now_ms = world.clock.now_ms()
    with world.store.write() as unit:
        (swept, *_) = unit.parcels.take_unheld(found.id, now_ms=now_ms, limit=9)
    (held,) = (one for one in courier.lease() if one.id == swept.id)

    with world.store.write() as unit:
        assert not unit.parcels.record([(swept, now_ms, False)])

    assert courier.send(held).ours


def test_a_sweeper_that_is_killed_leaves_everything_to_the_next(
    world: World, owner: Account, found: Execution
) -> None:
    cancel(world, owner, found)

    with pytest.raises(KilledError):
        Sweeping(DyingStore(world.store, dies_at=[1])).sweep(now_ms=world.clock.now_ms())

    assert counted(world, owner, found.task_id) == {"pending": 9}
    assert sweep(world) == 9


def test_sweepers_at_once_settle_everybody_once(world: World, owner: Account) -> None:
    executions = [world.execute(owner) for _ in range(6)]
    world.cut_all()
    for one in executions:
        cancel(world, owner, one)

    def sweep_all() -> int:
        done = 0
        while world.rows(parcel, parcel.c.pending > 0):
            done += sweep(world)
        return done

    assert sum(in_threads(*[sweep_all] * 3)) == 54
    assert sweep(world) == 0
    assert {row.sweep for row in world.rows(execution)} == {None}
    for one in executions:
        assert counted(world, owner, one.task_id) == {"cancelled": 9}


def test_what_is_not_cut_yet_is_never_addressed(world: World, owner: Account) -> None:
    found = world.execute(owner)
    world.cut_one()

    cancel(world, owner, found)

    assert world.cut_all() == []
    assert sweep(world) == 3
    assert counted(world, owner, found.task_id) == {"cancelled": 3}


def test_a_paused_execution_can_be_cancelled_and_is_not_resumed(
    world: World, owner: Account, courier: Courier, found: Execution
) -> None:
    now_ms = world.clock.now_ms()
    world.commands.pause(owner.scope, found.task_id, now_ms=now_ms)

    cancel(world, owner, found)

    assert world.tasks.view(owner.scope, found.task_id).status is Status.INACTIVE
    world.commands.resume(owner.scope, found.task_id, now_ms=now_ms)
    assert world.state(found) == "cancelled"
    settle(world)
    assert courier.lease() == []
    assert counted(world, owner, found.task_id) == {"cancelled": 9}


def test_the_schedule_goes_on(world: World, owner: Account, courier: Courier) -> None:
    start_ms = world.clock.now_ms()
    found = world.execute(owner, start=start_ms, frequency_s=3600)
    world.cut_all()

    cancel(world, owner, found)
    settle(world)

    task = world.tasks.view(owner.scope, found.task_id)
    assert (task.status, task.next_slot_ms) == (Status.ACTIVE, start_ms + HOUR_MS)
    world.clock.forward(HOUR_MS)
    world.plan()
    world.cut_all()
    courier.send_all()
    assert counted(world, owner, found.task_id, at=0) == {"cancelled": 9}
    assert counted(world, owner, found.task_id) == {"delivered": 9}


def test_a_task_that_never_had_a_slot_is_not_finished_but_can_be_edited(
    world: World, owner: Account
) -> None:
    now_ms = world.clock.now_ms()
    task_id = world.order(owner, start=now_ms + 2 * HOUR_MS, end_ms=now_ms + HOUR_MS)

    world.commands.cancel(owner.scope, task_id, now_ms=now_ms)

    assert world.tasks.view(owner.scope, task_id).status is Status.ACTIVE
    edited = Edit(draft(start=now_ms + 2 * HOUR_MS))
    world.commands.edit(owner.scope, task_id, lambda _: edited, now_ms=now_ms)
    assert world.tasks.view(owner.scope, task_id).next_slot_ms == now_ms + 2 * HOUR_MS


def test_cancelling_nothing_changes_nothing(
    world: World, owner: Account, courier: Courier, found: Execution
) -> None:
    courier.send_all()
    settle(world)
    before = [world.rows(table) for table in (execution, parcel, push_task)]

    cancel(world, owner, found)
    settle(world)

    assert [world.rows(table) for table in (execution, parcel, push_task)] == before
    with pytest.raises(NotFound):
        world.commands.cancel(world.account().scope, found.task_id, now_ms=0)


def test_what_was_superseded_before_stays_so(
    world: World, owner: Account, found: Execution
) -> None:
    now_ms = world.clock.forward(1)
    world.commands.run(owner.scope, found.task_id, now_ms=now_ms)

    cancel(world, owner, found)
    settle(world)

    old, new = (one.execution for one in world.history(owner, found.task_id))
    assert (old.state, new.state) == ("done", "cancelled")
    assert old.reason == f"superseded by execution {new.id}"
    assert counted(world, owner, found.task_id, at=0) == {"suppressed": 9}


def test_an_execution_that_the_cutter_called_off_finishes_its_task(
    world: World, owner: Account
) -> None:
    found = world.execute(owner)
    with world.database.write() as connection:
        ordered = {**world.rows(execution)[0].ordered, "targeting": {"planets": {}}}
        connection.execute(update(execution).values(ordered=ordered))
    world.cut_all()
    assert world.state(found) == "cancelled"
    if not world.database.is_sqlite:  # which has one writer at a time
        with world.store.write() as unit:
            assert unit.tasks.lock(owner.scope, found.task_id)
            sweep(world)
        assert world.rows(execution)[0].sweep == "cancelled", "left for the next turn"

    sweep(world)

    assert world.tasks.view(owner.scope, found.task_id).status is Status.FINISHED


def test_delete_ends_what_is_under_way_and_hides_the_task(
    world: World, owner: Account, courier: Courier
) -> None:
    found = world.execute(owner, start=world.clock.now_ms(), frequency_s=3600)
    world.cut_all()
    (held,) = courier.lease(limit=1)
    courier.send(held, 2)

    world.commands.delete(owner.scope, found.task_id, now_ms=world.clock.now_ms())

    assert courier.give_back(held) == TOLD_TO_STOP
    settle(world)
    with world.store.read() as unit:
        counts = unit.executions.outcome_counts([found.id])[found.id]
    assert {outcome.name: n for outcome, n in counts.items() if n} == {
        "ACCEPTED": 2,
        "CANCELLED": 7,
    }
    world.clock.forward(2 * HOUR_MS)
    world.plan()
    assert [row.state for row in world.rows(execution)] == ["cancelled"]
    assert world.tasks.list(owner.scope, ListQuery()) == (0, [])
    for ask in (
        lambda: world.tasks.view(owner.scope, found.task_id),
        lambda: world.history(owner, found.task_id),
        lambda: world.commands.delete(owner.scope, found.task_id, now_ms=0),
        lambda: world.commands.cancel(owner.scope, found.task_id, now_ms=0),
        lambda: world.commands.resume(owner.scope, found.task_id, now_ms=0),
    ):
        with pytest.raises(NotFound):
            ask()
