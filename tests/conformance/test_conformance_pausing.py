"""Pause keeps the place of an execution, resume goes on from there: nobody twice, nobody missed."""

from contextlib import suppress
from typing import Any

import pytest
from courier import Courier, counted, crowd, settle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import DyingStore, Edit, KilledError, World, draft

from tocsin.domain.account import Account
from tocsin.domain.errors import Invalid
from tocsin.domain.group import GroupDraft, Kind
from tocsin.domain.parcel import Parcel
from tocsin.domain.push_task import Status
from tocsin.services.commands import CommandService
from tocsin.services.cutting import Cutting
from tocsin.services.groups import GroupService
from tocsin.services.sending import HOLD_MS, Standing
from tocsin.store.tables import execution, parcel

TOLD_TO_STOP = Standing(ours=True, sendable=False)
EVERYBODY = [shard * (1 << 20) + number for shard in range(3) for number in range(3)]


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant with a crowd of subscribers."""
    owner = world.account()
    crowd(world, owner, world.container(owner))
    return owner


def pause(world: World, owner: Account, task_id: int) -> None:
    world.commands.pause(owner.scope, task_id, now_ms=world.clock.now_ms())


def resume(world: World, owner: Account, task_id: int) -> None:
    world.commands.resume(owner.scope, task_id, now_ms=world.clock.now_ms())


def test_an_execution_that_is_being_cut_keeps_its_place(
    world: World, owner: Account, courier: Courier
) -> None:
    found = world.execute(owner)
    world.cut_one()

    pause(world, owner, found.task_id)

    assert world.state(found) == "paused"
    assert world.cut_all() == []
    assert courier.lease() == []
    assert world.tasks.view(owner.scope, found.task_id).status is Status.INACTIVE
    resume(world, owner, found.task_id)
    assert world.state(found) == "cutting"
    assert [piece.shard for piece in world.cut_all()] == [1, 2]
    courier.send_all()
    settle(world)
    assert courier.reached(found.id) == EVERYBODY
    assert world.state(found) == "done"
    assert world.tasks.view(owner.scope, found.task_id).status is Status.FINISHED


def test_an_execution_that_is_being_sent_keeps_its_place(
    world: World, owner: Account, courier: Courier
) -> None:
    found = world.execute(owner)
    world.cut_all()
    whole, part, _ = courier.lease()
    courier.send(whole)
    courier.send(part, 1)

    pause(world, owner, found.task_id)

    assert courier.send(part, 1) == TOLD_TO_STOP, "with the next record, and that is written"
    assert counted(world, owner, found.task_id) == {"delivered": 5, "pending": 4}
    assert courier.give_back(part) == TOLD_TO_STOP
    world.clock.forward(HOLD_MS)
    assert courier.lease() == []
    settle(world)
    assert world.state(found) == "paused", "nothing is swept of what is only paused"
    assert counted(world, owner, found.task_id) == {"delivered": 5, "pending": 4}
    resume(world, owner, found.task_id)
    assert world.state(found) == "sending"
    courier.send_all()
    assert courier.reached(found.id) == EVERYBODY


def test_a_parcel_that_was_given_back_at_a_pause_is_leased_at_once_after_it(
    world: World, owner: Account, courier: Courier
) -> None:
    found = world.execute(owner)
    world.cut_all()
    held = courier.lease()
    courier.send(held[0], 2)
    pause(world, owner, found.task_id)
    for one in held:
        courier.give_back(one)

    resume(world, owner, found.task_id)

    assert [len(list(one.pending())) for one in courier.lease()] == [1, 3, 3]


def test_what_a_frozen_sender_holds_waits_for_its_lease_to_end(
    world: World, owner: Account, courier: Courier
) -> None:
    found = world.execute(owner)
    world.cut_all()
    frozen = courier.lease(limit=1)[0]
    courier.send(frozen, 1)
    pause(world, owner, found.task_id)
    resume(world, owner, found.task_id)

    courier.send_all()
    assert counted(world, owner, found.task_id) == {"delivered": 7, "pending": 2}
    world.clock.forward(HOLD_MS)
    courier.send_all()

    assert courier.reached(found.id) == EVERYBODY
    frozen_writes = courier.give_back(frozen)
    assert not frozen_writes.ours


@pytest.mark.parametrize("state", ["cutting", "sending"])
def test_a_command_that_is_killed_before_its_commit_did_nothing(
    world: World, owner: Account, state: str
) -> None:
    found = world.execute(owner)
    if state == "sending":
        world.cut_all()
    now_ms = world.clock.now_ms()

    for command, before in (("pause", state), ("resume", "paused")):
        dying = CommandService(DyingStore(world.store, dies_at=[1]))
        with pytest.raises(KilledError):
            getattr(dying, command)(owner.scope, found.task_id, now_ms=now_ms)
        assert world.state(found) == before
        getattr(world.commands, command)(owner.scope, found.task_id, now_ms=now_ms)

    assert world.state(found) == state


def test_what_is_so_already_is_no_error_and_changes_nothing(world: World, owner: Account) -> None:
    found = world.execute(owner)

    resume(world, owner, found.task_id)
    assert world.state(found) == "cutting"
    pause(world, owner, found.task_id)
    before = world.rows(execution)
    pause(world, owner, found.task_id)
    assert world.rows(execution) == before
    resume(world, owner, found.task_id)
    assert world.state(found) == "cutting", "the second pause forgot nothing"


def test_an_execution_that_was_ended_goes_on_to_its_end_while_the_task_is_paused(
    world: World, owner: Account
) -> None:
    found = world.execute(owner, start=world.clock.now_ms(), frequency_s=3600)
    world.cut_all()
    world.clock.forward(3_600_000)
    world.plan()

    pause(world, owner, found.task_id)
    settle(world)

    old, new = world.history(owner, found.task_id)
    assert (old.execution.state, new.execution.state) == ("done", "paused")
    assert old.execution.reason == f"superseded by execution {new.execution.id}"
    assert counted(world, owner, found.task_id, at=0) == {"suppressed": 9}


def test_a_task_that_never_said_when_it_starts_is_not_resumed(world: World, owner: Account) -> None:
    task_id = world.order(owner, status=Status.INACTIVE, start=None)

    with pytest.raises(Invalid, match="without start_time can not be active"):
        resume(world, owner, task_id)

    assert world.tasks.view(owner.scope, task_id).status is Status.INACTIVE


def test_what_an_exclude_named_may_be_gone_when_the_task_is_resumed(world: World) -> None:
    owner = world.account()
    site = world.container(owner, "https://news.example.com")
    excluded = {"apps": {"op": "exclude", "items": [str(site.id)]}}
    task_id = world.order(owner, excluded)
    pause(world, owner, task_id)
    world.containers.remove(owner.scope, site.id)

    with pytest.raises(Invalid, match=r"targeting\.apps\.items\.0: .* would exclude nobody"):
        resume(world, owner, task_id)

    assert world.tasks.view(owner.scope, task_id).status is Status.INACTIVE


def test_an_execution_whose_exclude_is_gone_reaches_nobody_further(
    world: World, owner: Account
) -> None:
    """The task names another group by then; the execution goes on with its own order."""
    groups = GroupService(world.store, Kind.CONTAINERS)
    spared = GroupDraft(name="spared", items=(str(world.container(owner).id),))
    old, new = (groups.create(owner.scope, spared, now_ms=0).result for _ in range(2))

    def excluding(group: str) -> dict[str, Any]:
        return {"groups": {"op": "exclude", "items": [group]}}

    found = world.execute(owner, excluding(old))
    world.cut_one()
    pause(world, owner, found.task_id)
    groups.remove(owner.scope, int(old))
    edited = Edit(draft(excluding(new)))
    world.commands.edit(owner.scope, found.task_id, lambda _: edited, now_ms=world.clock.now_ms())
    assert world.state(found) == "cutting"

    world.cut_all()

    assert len(world.recipients(found)) == len(EVERYBODY) // 3, "those of the first piece"
    assert world.state(found) == "cancelled"
    (row,) = world.rows(execution)
    assert row.reason == f"its targeting excludes {old} of groups, which is not there"


MOVES = ("pause", "resume", "cut", "killed cut", "lease", "send", "give back", "die", "settle")


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moves=st.lists(st.sampled_from(MOVES), max_size=30))
def test_whatever_happens_in_between_everybody_is_sent_to_once(
    world: World, moves: list[str]
) -> None:
    owner = world.account()
    crowd(world, owner, world.container(owner))
    story = Story(world, owner)

    for move in moves:
        story.go_on(move)
        assert not set(counted(world, owner, story.found.task_id)) - {"pending", "delivered"}
    for move in ("die", "resume"):
        story.go_on(move)
    world.cut_all()
    story.courier.send_all()
    settle(world)

    assert story.courier.reached(story.found.id) == EVERYBODY
    assert world.state(story.found) == "done"
    assert not world.rows(parcel, parcel.c.pending > 0)


class Story:
    """One execution, and what happens to it."""

    def __init__(self, world: World, owner: Account) -> None:
        self._world, self._owner = world, owner
        self.found, self.courier = world.execute(owner), Courier(world)
        self._held: list[Parcel] = []

    def go_on(self, move: str) -> None:
        """Make one move.

        A sender that dies has recorded what it sent: duplicates are another test's.
        """
        now_ms, task_id = self._world.clock.now_ms(), self.found.task_id
        if move in {"pause", "resume"}:
            task = self._world.tasks.view(self._owner.scope, task_id)
            if task.status is not Status.FINISHED:
                command = getattr(self._world.commands, move)
                command(self._owner.scope, task_id, now_ms=now_ms)
        elif move == "cut":
            self._world.cut_one()
        elif move == "killed cut":
            with suppress(KilledError):
                Cutting(DyingStore(self._world.store, [1])).cut(now_ms=now_ms, at_once=1)
        elif move == "lease":
            self._held += self.courier.lease(limit=1)
        elif move == "send" and self._held:
            self.courier.send(self._held[-1], 1)
        elif move == "give back" and self._held:
            self.courier.give_back(self._held.pop())
        elif move == "die":
            self._held.clear()
            self._world.clock.forward(HOLD_MS)
        elif move == "settle":
            settle(self._world)
