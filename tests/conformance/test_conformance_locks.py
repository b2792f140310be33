"""Everybody at once: no two wait for each other, and in the end the counters add up."""

import random
from collections.abc import Callable

import pytest
from courier import Courier, counted, crowd, settle
from world import World, in_threads

from tocsin.domain.account import Account
from tocsin.domain.errors import Conflict, NotFound
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import Status
from tocsin.services.sending import HOLD_MS
from tocsin.store.tables import execution, parcel

TASKS = 2
ROUNDS = 90
COMMANDS = ("pause", "resume", "resume", "run", "run", "run", "cancel", "delete")
OVER = {"done", "cancelled", "missed"}


class Crew:
    """Workers that go on until those who give commands are through."""

    def __init__(self, world: World, owner: Account, task_ids: list[int]) -> None:
        self.world, self.owner, self.task_ids = world, owner, task_ids
        self.commanding: set[int] = set()
        self.courier = Courier(world)

    def command(self, seed: int) -> Callable[[], None]:
        """Return somebody who commands whatever comes to mind; who is refused takes a new task."""
        draw, world, scope = random.Random(seed), self.world, self.owner.scope
        self.commanding.add(seed)

        def give_commands() -> None:
            try:
                for _ in range(ROUNDS):
                    at, name = draw.randrange(TASKS), draw.choice(COMMANDS)
                    command = getattr(world.commands, name)
                    try:
                        command(scope, self.task_ids[at], now_ms=world.clock.now_ms())
                    except (Conflict, NotFound):  # finished, inactive or deleted
                        self.task_ids[at] = order(world, self.owner, repeats=draw.random() < 0.5)
            finally:
                self.commanding.remove(seed)

        return give_commands

    def until_over(self, *works: Callable[[int], object]) -> Callable[[], None]:
        """Return a worker that does its works in turn."""

        def work() -> None:
            while self.commanding:
                for one in works:
                    one(self.world.clock.now_ms())

        return work

    def send(self, _now_ms: int) -> None:
        for held in self.courier.lease(limit=3):
            if self.courier.send(held, 2).ours:
                self.courier.give_back(held)

    def pass_time(self, _now_ms: int) -> None:
        self.world.clock.forward(60_000)


def order(world: World, owner: Account, *, repeats: bool) -> int:
    """Order a task that is due now: only one that does not repeat is ever finished.

    With a cap, so that the cutter draws a sample first.
    """
    return world.order(owner, frequency_s=3600 if repeats else None, total_user=7)


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_commands_and_workers_wait_in_one_order(world: World, seed: int) -> None:
    """Task first, executions after it, parcels last. SQLite has one writer: nobody can cross."""
    owner = world.account()
    crowd(world, owner, world.container(owner))
    crew = Crew(world, owner, [order(world, owner, repeats=True) for _ in range(TASKS)])

    def plan(now_ms: int) -> object:
        return world.planning.plan(now_ms=now_ms)

    def cut(now_ms: int) -> object:
        return world.cutting.cut(now_ms=now_ms)

    def sweep(now_ms: int) -> object:
        return world.sweeping.sweep(now_ms=now_ms)

    def close(now_ms: int) -> object:
        return world.counting.close(now_ms=now_ms)

    in_threads(
        crew.command(seed),
        crew.command(seed + 100),
        crew.until_over(plan, crew.pass_time),
        crew.until_over(cut),
        crew.until_over(sweep, close),
        crew.until_over(close, sweep, cut, plan),
        crew.until_over(crew.send),
        crew.until_over(close),
    )

    assert len(world.rows(execution)) > 2 * TASKS, "it was no quiet afternoon"
    for task in world.tasks.list(owner.scope, ListQuery(limit=500))[1]:
        if task.status is not Status.FINISHED:
            world.commands.resume(owner.scope, task.id, now_ms=world.clock.now_ms())
    world.clock.forward(HOLD_MS)
    for _ in range(3):
        world.cut_all()
        settle(world)
        crew.courier.send_all()
    settle(world)
    assert {row.state for row in world.rows(execution)} <= OVER
    assert not world.rows(execution, execution.c.sweep.is_not(None))
    assert not world.rows(parcel, parcel.c.pending > 0)
    for task in world.tasks.list(owner.scope, ListQuery(limit=500))[1]:
        for at in range(len(world.history(owner, task.id))):
            assert "pending" not in counted(world, owner, task.id, at)
