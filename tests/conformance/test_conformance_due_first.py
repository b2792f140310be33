"""A slot that came before a command is dealt with before it, whoever was faster."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from world import DyingStore, Edit, KilledError, World

from tocsin.domain.account import Account
from tocsin.domain.errors import Conflict, Fault, Invalid
from tocsin.domain.push_task import PushTask, Status
from tocsin.domain.schedule import Schedule
from tocsin.services.commands import CommandService
from tocsin.store.tables import push_task

HOUR_MS = 3_600_000

Command = Callable[[World, Account, int], None]


def pause(world: World, owner: Account, task_id: int) -> None:
    world.commands.pause(owner.scope, task_id, now_ms=world.clock.now_ms())


def cancel(world: World, owner: Account, task_id: int) -> None:
    world.commands.cancel(owner.scope, task_id, now_ms=world.clock.now_ms())


def delete(world: World, owner: Account, task_id: int) -> None:
    world.commands.delete(owner.scope, task_id, now_ms=world.clock.now_ms())


def rename(world: World, owner: Account, task_id: int) -> None:
    edit(world, owner, task_id, lambda task: replace(task, name="New"))


def move(world: World, owner: Account, task_id: int) -> None:
    weekly = Schedule(start=world.clock.now_ms() + HOUR_MS, frequency_s=7 * 86_400)
    edit(world, owner, task_id, lambda task: replace(task, schedule=weekly))


def edit(
    world: World, owner: Account, task_id: int, change: Callable[[PushTask], PushTask]
) -> None:
    world.commands.edit(
        owner.scope, task_id, lambda task: Edit(change(task)), now_ms=world.clock.now_ms()
    )


# Each command, and the state in which it leaves the execution of a slot that was due before it.
COMMANDS: Final[list[tuple[Command, str]]] = [
    (pause, "paused"),
    (cancel, "cancelled"),
    (delete, "cancelled"),
    (rename, "cutting"),
    (move, "cutting"),
]


@pytest.mark.parametrize(("command", "state"), COMMANDS)
@pytest.mark.parametrize("planned", [False, True], ids=["before the planner", "after it"])
def test_it_makes_no_difference_whether_the_planner_was_faster(
    world: World, command: Command, state: str, planned: bool
) -> None:
    owner, start_ms = world.account(), world.clock.now_ms()
    task_id = world.order(owner, start=start_ms, frequency_s=3600, ttl_s=1800)
    world.clock.forward(2 * HOUR_MS + 60_000)
    if planned:
        world.plan()

    command(world, owner, task_id)
    world.plan()

    with world.store.read() as unit:
        found = unit.executions.of_task(task_id, offset=0, limit=9)[::-1]
    assert [one.due_ms - start_ms for one in found] == [0, HOUR_MS, 2 * HOUR_MS]
    assert [one.state for one in found] == ["missed", "missed", state]
    assert {one.order.name for one in found} == {"task"}, "by the order as it stood at the slot"
    (row,) = world.rows(push_task)
    assert (row.last_slot_ms, row.last_execution_ms) == (start_ms + 2 * HOUR_MS,) * 2


def test_a_single_slot_that_was_missed_finishes_its_task_before_an_edit(world: World) -> None:
    owner = world.account()
    task_id = world.order(owner, start=world.clock.now_ms(), ttl_s=0)
    world.clock.forward(HOUR_MS)

    with pytest.raises(Conflict, match="is finished"):
        rename(world, owner, task_id)

    world.plan()
    assert [one.execution.state for one in world.history(owner, task_id)] == ["missed"]
    assert world.tasks.view(owner.scope, task_id).status is Status.FINISHED


def test_a_command_that_is_refused_or_killed_leaves_the_slot_to_the_planner(world: World) -> None:
    owner = world.account()
    task_id = world.order(owner, start=world.clock.now_ms(), frequency_s=3600)

    def refuse(_: PushTask) -> PushTask:
        raise Invalid((Fault("name", "is refused"),))

    with pytest.raises(Invalid):
        edit(world, owner, task_id, refuse)
    with pytest.raises(KilledError):
        CommandService(DyingStore(world.store, [1])).pause(
            owner.scope, task_id, now_ms=world.clock.now_ms()
        )

    assert world.history(owner, task_id) == []
    world.plan()
    assert [one.execution.state for one in world.history(owner, task_id)] == ["cutting"]
