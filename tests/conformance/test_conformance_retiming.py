"""New rules of time zones move the waves to come, and nothing that has begun."""

from zoneinfo import ZoneInfo

import pytest
from courier import Courier, counted
from test_conformance_rests import rest
from world import DyingStore, KilledError, World, enrolment, in_threads

from tocsin.domain import schedule
from tocsin.domain.account import Account
from tocsin.domain.execution import Execution
from tocsin.domain.schedule import RULES, QuietTime
from tocsin.services.retiming import Retimed, Retiming
from tocsin.store.tables import execution, parcel

HOUR_MS = 3_600_000
NEWER = "9999a"


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant with two people in Paris, and one each in Tokyo and Greenwich."""
    owner = world.account()
    site = world.container(owner)
    zones = ["Europe/Paris", "Asia/Tokyo", "UTC", "Europe/Paris"]
    world.register(*(enrolment(site, n, time_zone=zone) for n, zone in enumerate(zones)))
    return owner


@pytest.fixture
def found(world: World, owner: Account) -> Execution:
    """Return an execution at everybody's own time, ten hours after the clock's beginning: cut."""
    start_ms = world.clock.now_ms() + 10 * HOUR_MS
    made = world.execute(owner, start=start_ms, user_time_zone=True)
    world.cut_all()
    return made


def due(world: World) -> dict[int, int]:
    """Return how many are pending by the hours from now at which their wave is due."""
    counts: dict[int, int] = {}
    for row in world.rows(parcel, parcel.c.pending > 0):
        hours = (row.due_ms - world.clock.now_ms()) // HOUR_MS
        counts[hours] = counts.get(hours, 0) + row.pending
        assert row.expires_ms - row.due_ms == HOUR_MS
    return counts


def move_paris(monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    """Let the clocks of Paris go as those of *to* do from now on."""
    rules = {"Europe/Paris": to}
    monkeypatch.setattr(schedule, "_loaded", lambda name: ZoneInfo(rules.get(name, name)))


def test_waves_to_come_are_reckoned_by_the_new_rules_once(
    world: World, owner: Account, found: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert due(world) == {1: 1, 9: 2, 10: 1}
    move_paris(monkeypatch, to="Europe/Athens")
    retiming = Retiming(world.store, rules=NEWER)

    assert retiming.retime(now_ms=world.clock.now_ms()) == Retimed(found.id, RULES, 2)
    assert retiming.retime(now_ms=world.clock.now_ms()) is None

    assert due(world) == {1: 1, 8: 2, 10: 1}
    assert counted(world, owner, found.task_id) == {"pending": 4}
    world.clock.forward(10 * HOUR_MS)
    Courier(world).send_all()
    assert counted(world, owner, found.task_id) == {"delivered": 4}


@pytest.mark.parametrize("rules", [RULES, "0000a"], ids=["same", "older"])
def test_the_same_rules_and_older_ones_move_nothing(
    world: World, found: Execution, monkeypatch: pytest.MonkeyPatch, rules: str
) -> None:
    """While a server is brought up to date, a process with the old rules may still run."""
    before = world.rows(parcel)
    move_paris(monkeypatch, to="Europe/Athens")

    assert Retiming(world.store, rules=rules).retime(now_ms=world.clock.now_ms()) is None

    assert world.rows(parcel) == before
    assert world.state(found) == "sending"


def test_who_was_sent_or_is_being_sent_to_is_left(
    world: World, owner: Account, found: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the new rules Paris and Tokyo would have had to wait for another day."""
    courier = Courier(world)
    world.clock.forward(HOUR_MS)
    courier.send_all()
    world.clock.forward(8 * HOUR_MS)
    (paris,) = courier.lease()
    move_paris(monkeypatch, to="America/New_York")

    retimed = Retiming(world.store, rules=NEWER).retime(now_ms=world.clock.now_ms())

    assert retimed == Retimed(found.id, RULES, 0)
    courier.send(paris)
    assert courier.give_back(paris).ours
    world.clock.forward(HOUR_MS)
    courier.send_all()
    assert counted(world, owner, found.task_id) == {"delivered": 4}
    assert sorted(courier.sent.values()) == [1, 1, 1, 1]


def test_a_wave_that_would_have_been_by_now_is_sent_at_once(
    world: World, owner: Account, found: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.forward(8 * HOUR_MS + HOUR_MS // 2)
    move_paris(monkeypatch, to="Europe/Athens")

    Retiming(world.store, rules=NEWER).retime(now_ms=world.clock.now_ms())

    courier = Courier(world)
    courier.send_all()
    assert counted(world, owner, found.task_id) == {"delivered": 3, "pending": 1}


def test_a_kill_leaves_the_old_waves(
    world: World, found: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.rows(parcel)
    move_paris(monkeypatch, to="Europe/Athens")

    with pytest.raises(KilledError):
        Retiming(DyingStore(world.store, [1]), rules=NEWER).retime(now_ms=world.clock.now_ms())

    assert world.rows(parcel) == before
    assert world.rows(execution, execution.c.id == found.id)[0].rules == RULES


def test_of_several_at_once_one_reckons_and_nobody_is_twice_in_the_waves(
    world: World, found: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_paris(monkeypatch, to="Europe/Athens")
    now_ms = world.clock.now_ms()

    results = in_threads(*[lambda: Retiming(world.store, rules=NEWER).retime(now_ms=now_ms)] * 3)

    assert [one for one in results if one] == [Retimed(found.id, RULES, 2)]
    assert due(world) == {1: 1, 8: 2, 10: 1}
    assert len(world.recipients(found)) == 4


def test_an_execution_without_waves_knows_no_rules(world: World, owner: Account) -> None:
    plain = world.execute(owner)
    world.cut_all()

    assert world.rows(execution, execution.c.id == plain.id)[0].rules is None
    assert Retiming(world.store, rules=NEWER).retime(now_ms=world.clock.now_ms()) is None


def test_who_is_overtaken_by_the_new_rules_is_accounted_for(
    world: World, owner: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paris was to be sent when its quiet time ends; now the next slot comes first."""
    made = world.execute(
        owner, start=world.clock.now_ms(), frequency_s=3 * 3600, quiet_time=QuietTime(8, 14)
    )
    world.cut_all()
    assert due(world) == {0: 1, 2: 2}
    move_paris(monkeypatch, to="Atlantic/Azores")

    Retiming(world.store, rules=NEWER).retime(now_ms=world.clock.now_ms())

    assert due(world) == {0: 1}
    assert counted(world, owner, made.task_id) == {"pending": 1, "suppressed": 3}


def test_the_keeper_sees_to_it(world: World, found: Execution) -> None:
    """The desk of a program with newer rules than those of the waves."""
    with world.database.write() as connection:
        connection.execute(execution.update().values(rules="0000a"))

    rest(world)

    assert world.rows(execution, execution.c.id == found.id)[0].rules == RULES
