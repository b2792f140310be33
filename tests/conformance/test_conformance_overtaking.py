"""Executions in waves: a person's next slot overtakes what they were not yet sent of the last."""

from dataclasses import replace
from typing import Any

import pytest
from courier import Courier, counted, settle
from test_conformance_sender import Wire, go_on, sender
from world import Edit, World, enrolment

from doubles import FakeClock
from tocsin.domain.account import Account
from tocsin.domain.execution import Kind
from tocsin.domain.push_task import Status
from tocsin.domain.schedule import QuietTime, Schedule
from tocsin.store.tables import execution, parcel

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant with a person each in Tokyo, Paris and Greenwich, who are numbered so."""
    owner = world.account()
    site = world.container(owner)
    zones = ["Asia/Tokyo", "Europe/Paris", "UTC"]
    world.register(*(enrolment(site, n, time_zone=zone) for n, zone in enumerate(zones)))
    return owner


def daily(world: World, owner: Account, **more: Any) -> int:
    """Order a push at everybody's own 11 o'clock from tomorrow on, which nobody is past."""
    ordered = {"ttl_s": 3 * 86_400, "frequency_s": 86_400, "user_time_zone": True} | more
    return world.order(owner, start=world.clock.now_ms() + DAY_MS, **ordered)


def go_to(world: World, hours: int) -> None:
    """Go to *hours* after the clock's beginning; plan and cut what is due there."""
    world.clock.forward(hours * HOUR_MS - world.clock.monotonic_ms())
    world.plan()
    world.cut_all()


def test_a_late_retry_is_not_sent_after_the_next_slot_of_the_same_person(
    world: World, owner: Account, courier: Courier
) -> None:
    """On the first day the push service is in trouble, and asks for two days of patience."""
    task_id = daily(world, owner)
    for hours in (10, 24):  # planned; the last of the three is past the first slot
        go_to(world, hours)
    for one in courier.lease():
        courier.give_back(one, for_ms=2 * DAY_MS)

    for hours, late in ((39, 1), (47, 2), (48, 3)):
        go_to(world, hours)
        assert courier.lease() == [], "not before the old message is settled"
        settle(world)
        courier.send_all()
        pending = {"pending": 3 - late} if late < 3 else {}
        assert counted(world, owner, task_id, at=0) == {"suppressed": late} | pending
        assert counted(world, owner, task_id, at=1) == {"delivered": late} | pending


def test_a_retry_before_the_next_slot_is_sent(
    world: World, owner: Account, courier: Courier
) -> None:
    task_id = daily(world, owner)
    go_to(world, 10)
    go_to(world, 24)
    (tokyo, *_) = held = courier.lease()
    assert tokyo.overtaken_ms == world.clock.now_ms() + 15 * HOUR_MS
    for one in held:
        courier.give_back(one, for_ms=15 * HOUR_MS - 1)
    go_to(world, 38)
    world.clock.forward(HOUR_MS - 1)
    settle(world)

    courier.send_all()

    assert counted(world, owner, task_id, at=0) == {"delivered": 3}


class LateClock(FakeClock):
    """A clock on which the hour strikes after the first look."""

    def __init__(self, strikes_ms: int) -> None:
        super().__init__(strikes_ms - 1)

    def now_ms(self) -> int:
        found = super().now_ms()
        self.forward(1)
        return found


def test_a_sender_lets_go_of_who_is_overtaken_while_it_holds_them(
    world: World, owner: Account
) -> None:
    """The parcel is leased in the last millisecond."""
    task_id, wire = daily(world, owner), Wire({})
    go_to(world, 10)
    go_to(world, 38)
    world.clock.forward(HOUR_MS)
    clock: Any = LateClock(world.clock.now_ms())
    late = sender(world, wire)
    late._clock = clock

    go_on(late)
    assert 0 not in wire.bodies
    assert counted(world, owner, task_id, at=0) == {"pending": 1, "delivered": 2}
    world.clock.forward(1000)
    settle(world)
    go_on(sender(world, wire))

    assert counted(world, owner, task_id, at=0) == {"suppressed": 1, "delivered": 2}
    assert counted(world, owner, task_id, at=1) == {"pending": 2, "delivered": 1}


def test_the_newer_waits_for_a_sender_that_holds_the_older(
    world: World, owner: Account, courier: Courier
) -> None:
    daily(world, owner)
    go_to(world, 10)
    go_to(world, 38)
    held = courier.lease()
    world.clock.forward(HOUR_MS)  # the leases are renewed until then by a sender that is alive
    for one in held:
        courier.send(one, 0)

    settle(world)
    assert courier.lease() == []
    for one in held:
        courier.give_back(one)
    settle(world)

    newest = max(row.id for row in world.rows(execution))
    held = [one for one in courier.lease() if 0 in one.ordinals]
    assert [one.execution_id for one in held] == [newest]


def test_without_an_execution_of_the_next_slot_nobody_is_overtaken(
    world: World, owner: Account, courier: Courier
) -> None:
    """The schedule was made another, and the next slot is in a week."""
    task_id = daily(world, owner)
    go_to(world, 10)
    task = world.tasks.view(owner.scope, task_id)
    weekly = replace(task, schedule=replace(task.schedule, start=world.clock.now_ms() + 7 * DAY_MS))
    world.commands.edit(owner.scope, task_id, lambda _: Edit(weekly), now_ms=world.clock.now_ms())

    go_to(world, 60)
    settle(world)
    courier.send_all()

    assert counted(world, owner, task_id) == {"delivered": 3}


def test_an_execution_of_another_schedule_ends_the_waves_of_the_old_one(
    world: World, owner: Account, courier: Courier
) -> None:
    task_id = daily(world, owner)
    go_to(world, 10)
    go_to(world, 15)
    courier.send_all()
    now_ms = world.clock.now_ms()
    task = world.tasks.view(owner.scope, task_id)
    other = replace(task, schedule=Schedule(start=now_ms + HOUR_MS, frequency_s=86_400))
    world.commands.edit(owner.scope, task_id, lambda _: Edit(other), now_ms=now_ms)

    go_to(world, 16)
    settle(world)
    courier.send_all()

    assert counted(world, owner, task_id, at=0) == {"delivered": 1, "suppressed": 2}
    assert counted(world, owner, task_id, at=1) == {"delivered": 3}


def test_an_end_that_is_moved_ends_no_waves(world: World, owner: Account, courier: Courier) -> None:
    """Every six hours: the second slot begins while most are still to come to the first."""
    end_ms = world.clock.now_ms() + 9 * DAY_MS
    task_id = daily(world, owner, frequency_s=6 * 3600, end_ms=end_ms)
    go_to(world, 10)
    task = world.tasks.view(owner.scope, task_id)
    later = replace(task, schedule=replace(task.schedule, end_ms=end_ms + DAY_MS))
    world.commands.edit(owner.scope, task_id, lambda _: Edit(later), now_ms=world.clock.now_ms())

    for hours in (15, 16, 24):
        go_to(world, hours)
        settle(world)
        courier.send_all()

    assert counted(world, owner, task_id, at=0) == {"delivered": 3}


def test_a_run_is_ended_by_the_waves_that_come_after_it(world: World, owner: Account) -> None:
    task_id = daily(world, owner)
    world.commands.run(owner.scope, task_id, now_ms=world.clock.now_ms())
    world.cut_all()

    go_to(world, 10)
    settle(world)

    kinds = [one.execution.kind for one in world.history(owner, task_id)]
    assert kinds == [Kind.MANUAL, Kind.SCHEDULED]
    assert counted(world, owner, task_id, at=0) == {"suppressed": 3}
    assert counted(world, owner, task_id, at=1) == {"pending": 3}


def test_a_pause_and_a_resume_end_no_waves(world: World, owner: Account, courier: Courier) -> None:
    """The second day is planned while UTC is still to come on the first."""
    task_id = daily(world, owner)
    go_to(world, 10)
    world.commands.pause(owner.scope, task_id, now_ms=world.clock.now_ms())
    go_to(world, 16)
    world.commands.resume(owner.scope, task_id, now_ms=world.clock.now_ms())
    go_to(world, 34)
    settle(world)
    courier.send_all()

    assert counted(world, owner, task_id, at=0) == {"delivered": 3}
    assert counted(world, owner, task_id, at=1) == {"pending": 3}


def test_quiet_time_alone_is_overtaken_at_the_next_slot_for_everybody(
    world: World, owner: Account, courier: Courier
) -> None:
    """11:00 GMT is 20:00 in Tokyo, which is left out of every slot but that of 23:00 GMT."""
    quiet = QuietTime(20, 7)
    task_id = world.order(
        owner, start=world.clock.now_ms(), frequency_s=4 * 3600, quiet_time=quiet, ttl_s=86_400
    )
    go_to(world, 0)
    for one in courier.lease():
        courier.give_back(one, for_ms=4 * HOUR_MS)
    go_to(world, 4)

    assert courier.lease() == []
    settle(world)
    courier.send_all()

    assert counted(world, owner, task_id, at=0) == {"suppressed": 3}
    assert counted(world, owner, task_id, at=1) == {"delivered": 2, "suppressed": 1}
    overtaken = {row.overtaken_ms for row in world.rows(parcel)}
    assert overtaken == {world.clock.now_ms(), world.clock.now_ms() + 4 * HOUR_MS}


def test_what_an_ended_task_left_is_not_overtaken(
    world: World, owner: Account, courier: Courier
) -> None:
    """The last wave of the last slot has nothing after it."""
    end_ms = world.clock.now_ms() + 40 * HOUR_MS
    task_id = daily(world, owner, end_ms=end_ms)
    go_to(world, 10)
    go_to(world, 40)
    settle(world)
    courier.send_all()
    settle(world)

    states = [counted(world, owner, task_id, at=at) for at in (0, 1)]
    assert states == [{"delivered": 2, "suppressed": 1}, {"delivered": 1, "suppressed": 2}]
    assert world.tasks.view(owner.scope, task_id).status is Status.FINISHED
