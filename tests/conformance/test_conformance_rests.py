"""How long loops rest: until something falls due, and without a write while nothing does."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from courier import Courier, crowd, settle
from sqlalchemy import event
from world import World, enrolment

from doubles import FakeClock
from tocsin.domain.account import Account
from tocsin.domain.push_task import Status
from tocsin.domain.schedule import QuietTime
from tocsin.services.counting import Counting
from tocsin.services.cutting import Cutting
from tocsin.services.drawing import Drawing
from tocsin.services.idempotency import Replays
from tocsin.services.indexing import Indexing
from tocsin.services.planning import Planning
from tocsin.services.retiming import Retiming
from tocsin.services.sending import HOLD_MS
from tocsin.services.sweeping import Sweeping
from tocsin.store.unit import Store, Unit
from tocsin.telemetry.events import Telemetry
from tocsin.workers import desk
from tocsin.workers.bells import Bells
from tocsin.workers.desk import Desk

MINUTE_MS: Final = 60_000
LOOPS: Final = {"planner", "cutter", "indexer", "tallier", "sweeper", "closer", "keeper"}


class CountingStore:
    """A store that counts its write transactions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.writes = 0

    @contextmanager
    def write(self) -> Iterator[Unit]:
        self.writes += 1
        with self._store.write() as unit:
            yield unit

    @contextmanager
    def read(self) -> Iterator[Unit]:
        with self._store.read() as unit:
            yield unit


class Siesta:
    """A clock that stops the loops once all of them rest. rests: of each, in seconds.

    No rest is over by itself, but a ring ends it.
    """

    def __init__(self, clock: FakeClock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop
        self._lock = threading.Lock()
        self._resting: dict[str, threading.Event] = {}
        self.rests: dict[str, float] = {}

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def monotonic_ms(self) -> int:
        return self._clock.monotonic_ms()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        name = threading.current_thread().name
        with self._lock:
            self.rests[name], self._resting[name] = seconds, stop
            bells = self._resting.values()
            if self._resting.keys() == LOOPS and not any(bell.is_set() for bell in bells):
                for bell in (self._stop, *bells):
                    bell.set()
        assert stop.wait(30)
        with self._lock:
            del self._resting[name]
        return True


def rest(world: World) -> tuple[dict[str, float], int]:
    """Let the desk work until every loop rests; return how long each would, and the writes."""
    stop, store = threading.Event(), CountingStore(world.store)
    clock = Siesta(world.clock, stop)
    Desk(
        planning=Planning(store),
        cutting=Cutting(store),
        indexing=Indexing(store),
        counting=Counting(store),
        drawing=Drawing(store, world.keyring),
        sweeping=Sweeping(store),
        retiming=Retiming(store),
        replays=Replays(store),
        bells=Bells(),
        clock=clock,
        telemetry=Telemetry(log_format="json", stream=io.StringIO()),
    ).run(stop)
    return clock.rests, store.writes


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant with a crowd of subscribers, whom the index knows."""
    owner = world.account()
    crowd(world, owner, world.container(owner))
    world.indexing.fold()
    return owner


def test_where_nothing_is_to_be_done_nothing_is_written(world: World, owner: Account) -> None:
    world.order(owner, start=world.clock.now_ms() + 400)
    world.order(owner, status=Status.INACTIVE)

    rests, writes = rest(world)

    assert writes == 0
    assert rests["planner"] == 0.4, "to the instant of the next slot"
    assert dict.fromkeys(LOOPS - {"planner"}, 1.0) == {
        name: seconds for name, seconds in rests.items() if name != "planner"
    }, "with a glance at the clock"


def test_the_desk_does_what_is_due_before_it_rests(world: World, owner: Account) -> None:
    found = world.order(owner)

    rests, writes = rest(world)

    assert writes > 0
    assert [one.execution.state for one in world.history(owner, found)] == ["sending"]
    assert rests["planner"] == rests["cutter"] == 1.0
    rests, writes = rest(world)
    assert rests["closer"] == desk.CLOSE_S, "somebody is pending, and not for ever"
    assert writes == 0


def test_what_is_paused_keeps_nobody_awake(world: World, owner: Account, courier: Courier) -> None:
    found = world.execute(owner)
    world.cut_all()
    courier.send(courier.lease(limit=1)[0], 1)
    world.commands.pause(owner.scope, found.task_id, now_ms=world.clock.now_ms())
    world.clock.forward(2 * HOLD_MS)

    assert world.sending.next_due_ms() is None
    rests, writes = rest(world)
    assert (set(rests.values()), writes) == ({1.0}, 0)

    world.commands.resume(owner.scope, found.task_id, now_ms=world.clock.now_ms())
    due_ms = world.sending.next_due_ms()
    assert due_ms is not None
    assert due_ms <= world.clock.now_ms()


def test_a_sweep_that_waits_for_a_sender_is_tried_at_a_walking_pace(
    world: World, owner: Account, courier: Courier
) -> None:
    found = world.execute(owner)
    world.cut_all()
    held = courier.lease()
    world.commands.cancel(owner.scope, found.task_id, now_ms=world.clock.now_ms())

    rests, _ = rest(world)

    assert rests["sweeper"] == desk.SWEEP_S
    for one in held:
        courier.give_back(one)
    assert rest(world)[0]["sweeper"] == 1.0


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_what_another_planner_or_cutter_has_in_hand_is_left_alone_for_a_moment(
    world: World, owner: Account
) -> None:
    """On SQLite whoever comes second waits for the first."""
    world.execute(owner)
    world.order(owner)
    with world.store.write() as unit:
        assert unit.tasks.due(now_ms=world.clock.now_ms(), limit=9)
        assert unit.executions.take_uncut([1])

        rests, _ = rest(world)

    assert (rests["planner"], rests["cutter"]) == (desk.HELD_UP_S, desk.HELD_UP_S)


def test_the_next_task_is_due_when_its_slot_is(world: World, owner: Account) -> None:
    assert world.planning.next_due_ms() is None
    now_ms = world.clock.now_ms()
    for minutes in (9, 3, 6):
        world.order(owner, start=now_ms + minutes * MINUTE_MS)

    assert world.planning.next_due_ms() == now_ms + 3 * MINUTE_MS
    world.clock.forward(4 * MINUTE_MS)
    assert world.planning.next_due_ms() == now_ms + 3 * MINUTE_MS, "it is due still"
    world.plan()
    assert world.planning.next_due_ms() == now_ms + 6 * MINUTE_MS


def test_the_next_parcel_is_due_when_anybody_may_lease_it(
    world: World, owner: Account, courier: Courier
) -> None:
    assert world.sending.next_due_ms() is None
    found = world.execute(owner)
    world.cut_all()
    assert world.sending.next_due_ms() == found.due_ms

    held = courier.lease()
    now_ms = world.clock.now_ms()
    assert world.sending.next_due_ms() == now_ms + HOLD_MS, "when the lease ends"
    courier.give_back(held.pop(), for_ms=700)
    assert world.sending.next_due_ms() == now_ms + 700, "when somebody is tried again"
    courier.give_back(held.pop())
    assert world.sending.next_due_ms() == now_ms

    courier.send_all()
    assert world.sending.next_due_ms() == now_ms + 700


def test_who_waits_for_a_sweep_keeps_no_sender_awake(world: World, owner: Account) -> None:
    old = world.execute(owner)
    world.cut_all()
    world.clock.forward(1001)
    world.commands.run(owner.scope, old.task_id, now_ms=world.clock.now_ms())
    world.cut_all()

    assert world.sending.next_due_ms() is None
    settle(world)
    assert world.sending.next_due_ms() == world.clock.now_ms()


def test_an_idle_sender_rests_until_a_parcel_falls_due(world: World, owner: Account) -> None:
    from test_conformance_sender import Wire, sender  # noqa: PLC0415

    courier = Courier(world)
    world.execute(owner)
    world.cut_all()
    for one in courier.lease():
        courier.give_back(one, for_ms=700)
    store = CountingStore(world.store)
    idle = sender(world, Wire({}))
    sending: Any = world.sending
    sending._store = store

    found = idle.look()

    assert found is not None
    assert found.until_ms == world.clock.now_ms() + 700
    assert store.writes == 0
    world.clock.forward(700)
    assert idle.look() is None
    assert store.writes > 0


def test_the_sweeper_rests_until_the_next_slot_reaches_somebody_pending(world: World) -> None:
    owner = world.account()
    world.register(enrolment(world.container(owner), 1, time_zone="UTC"))
    quiet = QuietTime(3, 4)
    world.execute(owner, start=world.clock.now_ms(), frequency_s=3600, quiet_time=quiet)
    world.cut_all()
    now_ms, hour_ms = world.clock.now_ms(), 60 * MINUTE_MS

    assert world.sweeping.next_due_ms(now_ms=now_ms) == now_ms + hour_ms
    world.clock.forward(hour_ms)
    assert world.sweeping.next_due_ms(now_ms=now_ms + hour_ms) is None, "no later execution yet"
    world.plan()
    assert world.sweeping.next_due_ms(now_ms=now_ms + hour_ms) == now_ms + hour_ms
    assert world.sweeping.sweep(now_ms=now_ms + hour_ms) == 1
    assert world.sweeping.next_due_ms(now_ms=now_ms + hour_ms) is None


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_looks_are_served_by_indexes_on_sqlite(world: World, owner: Account) -> None:
    """What is over is most of a database: a look that reads it takes ever longer.

    PostgreSQL chooses by what is in the tables, and here there is nothing.
    """
    world.execute(owner)
    world.cut_all()
    looks: list[tuple[str, Any]] = []

    @event.listens_for(world.database.engine, "before_cursor_execute")
    def note(*call: Any) -> None:
        looks.append(call[2:4])

    rest(world)
    world.sending.next_due_ms()

    with world.database.read() as connection:
        plans = [
            step.detail
            for statement, values in list(looks)
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            if statement.startswith("SELECT")
        ]
    scans = {plan for plan in plans if plan.startswith("SCAN")}
    assert scans == {
        "SCAN event",
        "SCAN audience_change USING COVERING INDEX ix_audience_change_root_id",
        "SCAN audience_shard USING INDEX ix_audience_shard_damaged",
        "SCAN execution USING INDEX ix_execution_sweep",
        "SCAN parcel USING INDEX ix_parcel_open",
    }, "what is read from end to end holds nothing but what is to be done"
