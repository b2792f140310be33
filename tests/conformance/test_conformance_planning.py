"""A due slot becomes one execution, whoever plans, however often and however late."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from world import DyingStore, KilledError, World, in_threads

from tocsin.domain.errors import Unavailable
from tocsin.domain.push_task import Status
from tocsin.services.planning import Planned, Planning, fire
from tocsin.store.engine import Database
from tocsin.store.tables import execution
from tocsin.store.unit import Store

MINUTE_MS = 60_000


def test_a_due_task_is_planned_once(world: World) -> None:
    owner = world.account()
    task_id = world.order(owner, start=world.clock.now_ms() + 1000)

    assert not world.planning.plan(now_ms=world.clock.forward(999))
    assert world.planning.plan(now_ms=world.clock.forward(1)) == Planned(1, 0)
    assert not world.planning.plan(now_ms=world.clock.now_ms())
    assert not world.planning.plan(now_ms=world.clock.forward(MINUTE_MS))

    (only,) = [one.execution for one in world.history(owner, task_id)]
    assert (only.state, only.due_ms) == ("cutting", only.start_ms)
    task = world.tasks.view(owner.scope, task_id)
    assert (task.next_slot_ms, task.last_slot_ms) == (None, only.due_ms)
    assert task.status is Status.ACTIVE, "it is finished when its execution is"


@pytest.mark.parametrize(
    ("ttl_s", "late_ms", "sent"),
    [
        pytest.param(3600, 3_599_999, True, id="younger than its ttl"),
        pytest.param(3600, 3_600_000, False, id="as old as its ttl"),
        pytest.param(0, MINUTE_MS, True, id="ttl 0, within the grace"),
        pytest.param(0, MINUTE_MS + 1, False, id="ttl 0, after the grace"),
        pytest.param(10, MINUTE_MS, True, id="a ttl under the grace"),
    ],
)
def test_a_slot_that_nobody_planned_in_time_is_caught_up_or_missed(
    world: World, ttl_s: int, late_ms: int, sent: bool
) -> None:
    owner = world.account()
    task_id = world.order(owner, ttl_s=ttl_s)

    planned = world.planning.plan(now_ms=world.clock.forward(late_ms))

    assert planned == (Planned(1, 0) if sent else Planned(0, 1))
    (only,) = world.history(owner, task_id)
    task = world.tasks.view(owner.scope, task_id)
    assert task.next_slot_ms is None
    if sent:
        assert (only.execution.state, only.execution.reason) == ("cutting", None)
    else:
        assert only.execution.state == "missed"
        assert only.execution.start_ms is None
        assert only.execution.end_ms == world.clock.now_ms()
        assert f"ttl of {ttl_s} s" in str(only.execution.reason)
        assert set(only.counters.values()) == {0}
        assert task.status is Status.FINISHED
        assert world.cut_all() == []


def test_planners_at_once_make_one_execution_of_each_slot(world: World) -> None:
    owner = world.account()
    for _ in range(20):
        world.order(owner)
    now_ms = world.clock.now_ms()

    planned = in_threads(*[lambda: world.planning.plan(now_ms=now_ms)] * 4)

    assert sum(one.started for one in planned) == 20
    rows = world.rows(execution)
    assert len(rows) == len({row.task_id for row in rows}) == 20


def test_a_planner_that_is_killed_leaves_the_slot_due(world: World) -> None:
    owner = world.account()
    task_id = world.order(owner)
    now_ms = world.clock.now_ms()

    with pytest.raises(KilledError):
        Planning(DyingStore(world.store, dies_at=[1])).plan(now_ms=now_ms)

    assert world.rows(execution) == []
    assert world.tasks.view(owner.scope, task_id).next_slot_ms == now_ms
    assert world.planning.plan(now_ms=now_ms) == Planned(1, 0)


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_planner_that_freezes_in_the_middle_loses_its_turn_to_another(
    world: World, migrated_url: str
) -> None:
    """The database ends the transaction of one that is not heard of, and refuses what it writes.

    On SQLite every process is on the machine of the file: who freezes there is waited for.
    """
    with world.database.read() as connection:
        usual = connection.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert usual == "1min"
    owner = world.account()
    task_ids = [world.order(owner) for _ in range(3)]
    now_ms = world.clock.now_ms()
    impatient = Database(migrated_url + "?options=-c%20idle_in_transaction_session_timeout%3D300")
    frozen, others_done = threading.Event(), threading.Event()

    def freeze() -> None:
        with Store(impatient).write() as unit:
            fire(unit, unit.tasks.due(now_ms=now_ms, limit=9), now_ms=now_ms)
            frozen.set()
            others_done.wait(60)

    def take_over() -> Planned:
        frozen.wait(60)
        total = Planned()
        while total.started < len(task_ids):
            total += world.planning.plan(now_ms=now_ms)
        others_done.set()
        return total

    with ThreadPoolExecutor(2) as pool:
        late, other = pool.submit(freeze), pool.submit(take_over)
        with pytest.raises(Unavailable):
            late.result()
    impatient.close()

    assert other.result() == Planned(3, 0)
    assert [len(world.history(owner, task_id)) for task_id in task_ids] == [1, 1, 1]


def test_an_execution_is_of_the_order_as_it_was(world: World) -> None:
    owner = world.account()
    targeting = {"countries": {"op": "include", "items": ["RS"]}}

    found = world.execute(owner, targeting)

    assert found.order.targeting == targeting
    assert found.order.message["title"] == {"en": "Hello"}
    assert (found.order.ttl_s, found.order.urgency, found.order.custom_data) == (
        3600,
        "normal",
        None,
    )
    assert (found.account_id, found.root_id) == (owner.id, owner.root_id)


def test_the_longest_due_slots_are_planned_first(world: World) -> None:
    owner, now_ms = world.account(), world.clock.now_ms()
    ids = [world.order(owner, start=now_ms + late) for late in range(120, 0, -1)]

    first = world.planning.plan(now_ms=now_ms + 1000)
    assert first.started == 100
    assert {row.task_id for row in world.rows(execution)} == set(ids[20:])
    assert world.planning.plan(now_ms=now_ms + 1000).started == 20
