"""Edits, copies, and commands that come twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from courier import Courier, crowd, settle
from world import MESSAGE, Edit, World, draft

from tocsin.domain.account import Account, Scope
from tocsin.domain.errors import Conflict, Invalid, NotFound
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.domain.schedule import QuietTime, Schedule
from tocsin.domain.targeting import read_targeting
from tocsin.store.tables import execution, idempotency, push_task

HOUR_MS = 3_600_000
FAR_MS = 2 * 10**12


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


def edit(world: World, owner: Account, task_id: int, **changes: Any) -> None:
    """Change fields of a task."""
    world.commands.edit(
        owner.scope,
        task_id,
        lambda task: Edit(replace(task, **changes)),
        now_ms=world.clock.now_ms(),
    )


def targeting(**criteria: Any) -> Any:
    read, faults = read_targeting(criteria)
    assert not faults
    return read


def ordered(task: PushTask) -> dict[str, Any]:
    """Return what a client orders of a task."""
    return {name: getattr(task, name) for name in Draft.__dataclass_fields__}


def test_an_execution_keeps_the_order_that_it_began_with(world: World, owner: Account) -> None:
    crowd(world, owner, world.container(owner))
    found, courier = (
        world.execute(owner, start=world.clock.now_ms(), frequency_s=3600),
        Courier(world),
    )
    world.cut_one()
    with world.store.read() as unit:
        before = unit.executions.by_id(found.id)
    nobody = targeting(countries={"op": "include", "items": ["RS"]})
    message = replace(MESSAGE, title={"en": "Another"})

    edit(world, owner, found.task_id, message=message, targeting=nobody, ttl_s=60, total_user=1)

    with world.store.read() as unit:
        after = unit.executions.by_id(found.id)
    assert after == before
    world.cut_all()
    courier.send_all()
    assert len(courier.reached(found.id)) == 9
    world.clock.forward(HOUR_MS)
    world.plan()
    order = world.history(owner, found.task_id)[-1].execution.order
    assert (order.ttl_s, order.total_user, order.message["title"]) == (60, 1, {"en": "Another"})
    assert order.targeting == {"countries": {"op": "include", "items": ["RS"]}}


def test_every_field_can_be_changed(world: World, owner: Account) -> None:
    task_id, now_ms = world.order(owner), world.clock.forward(1000)
    wanted = {
        **ordered(world.tasks.view(owner.scope, task_id)),
        "name": "new",
        "status": Status.INACTIVE,
        "schedule": Schedule(
            start=FAR_MS, end_ms=FAR_MS, cron="0 1 * * 1", quiet_time=QuietTime(1, 2)
        ),
        "targeting": targeting(countries={"op": "exclude", "items": ["RS"]}),
        "ttl_s": 7,
        "urgency": "high",
        "total_user": 9,
        "custom_data": "{}",
    }

    edit(world, owner, task_id, **wanted)

    task = world.tasks.view(owner.scope, task_id)
    assert ordered(task) == wanted
    assert task.update_ms == now_ms > task.create_ms


@pytest.mark.parametrize(
    ("before", "after"), [("cutting", "paused"), ("paused", "cutting")], ids=["pause", "resume"]
)
def test_an_edit_of_the_status_is_the_same_move_as_the_command(
    world: World, owner: Account, before: str, after: str
) -> None:
    found = world.execute(owner)
    if before == "paused":
        world.commands.pause(owner.scope, found.task_id, now_ms=world.clock.now_ms())
    assert world.state(found) == before

    status = Status.ACTIVE if before == "paused" else Status.INACTIVE
    edit(world, owner, found.task_id, status=status)

    assert world.state(found) == after


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "new"}, id="another field"),
        pytest.param({"schedule": Schedule(start=FAR_MS, frequency_s=3600)}, id="the same again"),
    ],
)
def test_an_edit_beside_the_schedule_leaves_the_next_slot(
    world: World, owner: Account, changes: dict[str, Any]
) -> None:
    task_id = world.order(owner, start=FAR_MS, frequency_s=3600)
    before = world.tasks.view(owner.scope, task_id)
    world.clock.forward(HOUR_MS)

    edit(world, owner, task_id, **changes)

    after = world.tasks.view(owner.scope, task_id)
    assert (after.next_slot_ms, after.next_due_ms, after.active_ms) == (
        before.next_slot_ms,
        before.next_due_ms,
        before.active_ms,
    )


def test_an_unknown_item_in_an_exclude_is_refused_and_nothing_is_changed(
    world: World, owner: Account
) -> None:
    found = world.execute(owner)
    before = [world.rows(table) for table in (push_task, execution)]
    world.clock.forward(1)
    unknown = targeting(apps={"op": "exclude", "items": ["77"]})

    with pytest.raises(Invalid, match=r"targeting\.apps\.items\.0"):
        edit(world, owner, found.task_id, name="new", status=Status.INACTIVE, targeting=unknown)

    assert [world.rows(table) for table in (push_task, execution)] == before
    edit(world, owner, found.task_id, targeting=targeting(apps={"op": "include", "items": ["77"]}))


def test_what_a_childs_task_excludes_must_be_known_to_the_child(
    world: World, owner: Account
) -> None:
    """What the root sees does not help: the audience is cut with the eyes of the task's account."""
    child = world.account(owner)
    roots, childs = world.container(owner), world.container(child)
    task_id = world.order(child, start=FAR_MS)

    with pytest.raises(Invalid, match="would exclude nobody"):
        edit(
            world,
            owner,
            task_id,
            targeting=targeting(apps={"op": "exclude", "items": [str(roots.id)]}),
        )
    edit(
        world,
        owner,
        task_id,
        targeting=targeting(apps={"op": "exclude", "items": [str(childs.id)]}),
    )


def test_a_single_start_that_went_by_while_the_task_slept_is_refused(
    world: World, owner: Account
) -> None:
    start_ms = world.clock.now_ms() + 1000
    task_id = world.order(owner, status=Status.INACTIVE, start=start_ms)

    world.clock.forward(61_001)
    with pytest.raises(Invalid, match="start_time can not be in the past"):
        world.commands.resume(owner.scope, task_id, now_ms=world.clock.now_ms())

    assert world.tasks.view(owner.scope, task_id).status is Status.INACTIVE


def test_a_finished_task_is_closed_to_all_but_copies(world: World, owner: Account) -> None:
    task_id, now_ms = world.order(owner), world.clock.now_ms()
    world.plan()
    world.cut_all()
    settle(world)
    assert world.tasks.view(owner.scope, task_id).status is Status.FINISHED
    before = world.rows(push_task)

    for command in (world.commands.pause, world.commands.resume, world.commands.run):
        with pytest.raises(Conflict, match="is finished"):
            command(owner.scope, task_id, now_ms=now_ms)
    with pytest.raises(Conflict, match="copy it"):
        edit(world, owner, task_id, name="new")

    assert world.rows(push_task) == before
    world.commands.cancel(owner.scope, task_id, now_ms=now_ms)
    assert world.rows(push_task) == before
    assert world.commands.copy(owner.scope, task_id, now_ms=now_ms).result
    world.commands.delete(owner.scope, task_id, now_ms=now_ms)


def test_a_copy_is_what_was_ordered_inactive_and_without_a_past(
    world: World, owner: Account
) -> None:
    child = world.account(owner)
    schedule = {"frequency_s": 3600, "quiet_time": QuietTime(22, 6), "end_ms": FAR_MS}
    task_id = world.order(child, total_user=5, ttl_s=60, **schedule)
    world.plan()
    now_ms = world.clock.forward(1000)

    copied = int(world.commands.copy(owner.scope, task_id, now_ms=now_ms).result)

    task, copy = (world.tasks.view(child.scope, one) for one in (task_id, copied))
    assert ordered(copy) == ordered(task) | {"status": Status.INACTIVE}
    assert (copy.account_id, copy.create_ms) == (child.id, now_ms)
    assert (copy.next_slot_ms, copy.last_slot_ms, copy.anchor_ms, copy.active_ms) == (None,) * 4
    assert world.history(child, copied) == []
    assert world.tasks.view(child.scope, task_id) == task


def test_nobody_commands_tasks_that_they_do_not_see(world: World, owner: Account) -> None:
    child, now_ms = world.account(owner), world.clock.now_ms()
    of_root, of_child = world.order(owner), world.order(child)
    before = world.rows(push_task)

    for scope, task_id in (
        (child.scope, of_root),
        (world.account().scope, of_child),
        (world.account(owner).scope, of_child),
    ):
        for command in COMMANDS.values():
            with pytest.raises(NotFound):
                command(world, scope, task_id, now_ms, None)
        with pytest.raises(NotFound):
            world.commands.edit(scope, task_id, Edit, now_ms=now_ms)
        with pytest.raises(NotFound):
            world.commands.delete(scope, task_id, now_ms=now_ms)

    assert world.rows(push_task) == before
    assert world.rows(execution) == []


Command = Callable[[World, Scope, int, int, Claim | None], Receipt]


def plain(name: str) -> Command:
    """Return a command that needs to be told nothing more."""

    def command(world: World, scope: Scope, id_: int, now_ms: int, claim: Claim | None) -> Receipt:
        told: Receipt = getattr(world.commands, name)(scope, id_, now_ms=now_ms, claim=claim)
        return told

    return command


def send_test(world: World, scope: Scope, id_: int, now_ms: int, claim: Claim | None) -> Receipt:
    users = [str(somebody(world))]
    return world.commands.test(scope, id_, users, now_ms=now_ms, claim=claim)


COMMANDS: dict[str, Command] = {
    name: plain(name) for name in ("pause", "resume", "cancel", "run", "copy")
} | {"test": send_test}


def somebody(world: World) -> int:
    """Return the id of the first subscriber of the first account."""
    with world.store.read() as unit:
        found = unit.subscribers.by_ordinal(1, [0])
    return found[0].id if found else 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_comes_twice_under_one_key_is_done_once(
    world: World, owner: Account, name: str
) -> None:
    world.join(world.container(owner), 0)
    world.execute(owner, start=world.clock.now_ms(), frequency_s=3600)
    task_id, claim = world.rows(push_task)[0].id, Claim(owner.id, "key", name.encode())
    if name == "resume":
        world.commands.pause(owner.scope, task_id, now_ms=world.clock.now_ms())
    tables = (push_task, execution, idempotency)
    untouched = [world.rows(table) for table in tables]

    first = COMMANDS[name](world, owner.scope, task_id, world.clock.forward(1), claim)
    done = [world.rows(table) for table in tables]
    again = COMMANDS[name](world, owner.scope, task_id, world.clock.forward(1), claim)

    assert (first.replayed, again.replayed) == (False, True)
    assert first.result == again.result
    assert done != untouched
    assert [world.rows(table) for table in tables] == done
    other = Claim(owner.id, "key", b"another request")
    with pytest.raises(Conflict, match="'key' was sent with another request"):
        COMMANDS[name](world, owner.scope, task_id, world.clock.now_ms(), other)
    assert [world.rows(table) for table in tables] == done


def test_a_command_that_was_refused_leaves_its_key_free(world: World, owner: Account) -> None:
    task_id = world.create(owner, draft(status=Status.INACTIVE))
    claim, now_ms = Claim(owner.id, "key", b"run"), world.clock.now_ms()

    with pytest.raises(Conflict, match="is inactive"):
        world.commands.run(owner.scope, task_id, now_ms=now_ms, claim=claim)
    world.commands.resume(owner.scope, task_id, now_ms=now_ms)

    assert not world.commands.run(owner.scope, task_id, now_ms=now_ms, claim=claim).replayed
