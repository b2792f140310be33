"""A test goes to the named users and nobody else, and leaves the task's own life alone."""

from typing import Any

import pytest
from courier import Courier, counted, settle
from world import World

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.errors import Invalid, NotFound
from tocsin.domain.execution import Kind
from tocsin.domain.push_task import Status
from tocsin.store.tables import execution

HOUR_MS = 3_600_000
SERBIA = {"countries": {"op": "include", "items": ["RS"]}}


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


@pytest.fixture
def site(world: World, owner: Account) -> Container:
    """Return a site of the tenant."""
    return world.container(owner)


@pytest.fixture
def people(world: World, site: Container) -> list[int]:
    """Return the ids of five subscribers, all from Canada."""
    return [world.join(site, number, country="CA").id for number in range(5)]


def send_test(world: World, owner: Account, task_id: int, *users: int) -> None:
    """Order a test, and cut it."""
    named = [str(one) for one in users]
    world.commands.test(owner.scope, task_id, named, now_ms=world.clock.now_ms())
    world.cut_all()


@pytest.mark.parametrize(
    "ordered",
    [
        pytest.param({"status": Status.INACTIVE}, id="inactive"),
        pytest.param({"status": Status.INACTIVE, "start": None}, id="without a start"),
        pytest.param({"targeting": SERBIA, "start": 2 * 10**12}, id="meant for others"),
        pytest.param({"total_user": 1, "start": 2 * 10**12}, id="capped"),
        pytest.param({"user_time_zone": True, "start": 2 * 10**12}, id="at another hour"),
    ],
)
def test_it_goes_to_the_named_users_whatever_was_ordered(
    world: World, owner: Account, people: list[int], ordered: dict[str, Any]
) -> None:
    task_id, courier = world.order(owner, **ordered), Courier(world)
    before = world.tasks.view(owner.scope, task_id)

    send_test(world, owner, task_id, people[1], people[3])
    courier.send_all()
    settle(world)

    (found,) = world.history(owner, task_id)
    assert (found.execution.kind, found.execution.state) == (Kind.TEST, "done")
    assert courier.reached(found.execution.id) == [1, 3]
    assert counted(world, owner, task_id) == {"delivered": 2}
    assert world.tasks.view(owner.scope, task_id) == before


def test_a_finished_task_can_be_tested(world: World, owner: Account, people: list[int]) -> None:
    task_id, courier = world.execute(owner).task_id, Courier(world)
    world.commands.cancel(owner.scope, task_id, now_ms=world.clock.now_ms())
    settle(world)
    world.clock.forward(1)

    send_test(world, owner, task_id, people[0])
    courier.send_all()

    assert counted(world, owner, task_id) == {"delivered": 1}
    assert world.tasks.view(owner.scope, task_id).status is Status.FINISHED


def test_who_is_nobody_to_the_tasks_account_is_refused(
    world: World, owner: Account, site: Container, people: list[int]
) -> None:
    child, gone = world.account(owner), world.join(site, 7)
    world.subscribers.leave(site, gone.id, gone.secret)
    stranger = world.join(world.container(world.account()), 8).id
    own = world.join(world.container(child), 9).id
    of_root, of_child = world.order(owner, start=2 * 10**12), world.order(child, start=2 * 10**12)

    def refused(task_id: int, *users: int) -> dict[str, str]:
        with pytest.raises(Invalid) as refusal:
            send_test(world, owner, task_id, *users)
        return {fault.field: fault.message for fault in refusal.value.faults}

    nobody = "is no subscriber of the task's account"
    assert refused(of_root, people[0], 2**64 - 1, stranger, gone.id) == {
        "users.1": nobody,
        "users.2": nobody,
        "users.3": "has unsubscribed: there is nowhere to send a test to",
    }
    assert refused(of_child, own, people[0]) == {"users.1": nobody}
    assert world.rows(execution) == []
    with pytest.raises(NotFound):
        send_test(world, child, of_root, own)
    send_test(world, owner, of_child, own)
    assert [found.counters["total_user"] for found in world.history(owner, of_child)] == [1]


def test_neither_ends_the_other(world: World, owner: Account, people: list[int]) -> None:
    """A test is not superseded by the next slot or a run, and supersedes neither."""
    courier = Courier(world)
    task_id = world.order(owner, start=world.clock.now_ms(), frequency_s=3600)
    world.plan()
    send_test(world, owner, task_id, people[0])
    world.clock.forward(HOUR_MS)
    world.plan()
    send_test(world, owner, task_id, people[1])
    world.clock.forward(1)
    world.cut_all()
    settle(world)

    courier.send_all()

    sent = [
        (one.execution.kind, len(courier.reached(one.execution.id)))
        for one in world.history(owner, task_id)
    ]
    assert sent == [(Kind.SCHEDULED, 0), (Kind.TEST, 1), (Kind.SCHEDULED, 5), (Kind.TEST, 1)]
    world.commands.run(owner.scope, task_id, now_ms=world.clock.now_ms())
    assert {row.sweep for row in world.rows(execution, execution.c.kind == "test")} == {None}


def test_a_test_is_not_paused_with_the_task(
    world: World, owner: Account, people: list[int]
) -> None:
    """Whoever edits a task that is not active yet sets its status anew with every edit."""
    task_id, courier = world.order(owner, status=Status.INACTIVE), Courier(world)
    send_test(world, owner, task_id, people[0])

    world.commands.edit(owner.scope, task_id, lambda task: task, now_ms=world.clock.now_ms())
    world.commands.pause(owner.scope, task_id, now_ms=world.clock.now_ms())
    courier.send_all()

    assert counted(world, owner, task_id) == {"delivered": 1}


def test_a_test_is_cancelled_with_everything_else(
    world: World, owner: Account, people: list[int]
) -> None:
    task_id = world.order(owner, status=Status.INACTIVE)
    send_test(world, owner, task_id, *people)

    world.commands.cancel(owner.scope, task_id, now_ms=world.clock.now_ms())
    settle(world)

    assert counted(world, owner, task_id) == {"cancelled": 5}
