"""The cap and the waves: how many are addressed, who, and when; whatever is killed."""

from collections import Counter
from typing import Any, Final

import pytest
from naming import criterion, started
from pyroaring import BitMap
from world import DyingStore, KilledError, World, enrolment

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.execution import Execution
from tocsin.domain.outcome import Outcome
from tocsin.domain.schedule import QuietTime, Schedule
from tocsin.services.cutting import Cutting
from tocsin.store.tables import execution, parcel

SHARD: Final = 1 << 20
HOUR_MS: Final = 3_600_000
BELGRADE: Final = "Europe/Belgrade"  # +01:00 in winter
TOKYO: Final = "Asia/Tokyo"  # +09:00


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


@pytest.fixture
def site(world: World, owner: Account) -> Container:
    """Return a site of the tenant."""
    return world.container(owner)


def recipients(world: World, of: Execution) -> list[int]:
    """Return the ordinals of all parcels of an execution, of each as often as it is there."""
    rows = world.rows(parcel, parcel.c.execution_id == of.id)
    return sorted(one for row in rows for one in BitMap.deserialize(row.recipients))


def populate(world: World, owner: Account, site: Container) -> None:
    """Register 60 people: 10 in the first shard, 50 in the third, half of them folded."""
    world.register(*(enrolment(site, n) for n in range(10)))
    world.set_next_ordinal(owner, 2 * SHARD)
    world.register(*(enrolment(site, n) for n in range(10, 40)))
    world.indexing.fold()
    world.register(*(enrolment(site, n) for n in range(40, 60)))


@pytest.mark.parametrize(
    ("cap", "size"), [(None, 60), (0, 60), (1, 1), (12, 12), (59, 59), (60, 60), (1000, 60)]
)
def test_the_cap_is_met_exactly(
    world: World, owner: Account, site: Container, cap: int | None, size: int
) -> None:
    populate(world, owner, site)

    found = started(world, owner, total_user=cap)
    pieces = world.cut_all()

    assert sum(piece.recipients for piece in pieces) == len(recipients(world, found)) == size
    assert [piece.shard for piece in pieces] == [0, 1, 2]
    assert world.state(found) == "sending"
    quotas = world.rows(execution, execution.c.id == found.id)[0].quotas
    assert quotas is None if not cap else sum(quotas) == size


def test_samples_differ_by_execution_and_are_of_the_targeted(
    world: World, owner: Account, site: Container
) -> None:
    world.register(*(enrolment(site, n, country="RS" if n % 2 else "CA") for n in range(200)))
    serbia = criterion("countries", "RS")
    executions = [started(world, owner, serbia, total_user=20) for _ in range(3)]

    world.cut_all()

    samples = [tuple(recipients(world, one)) for one in executions]
    assert len(set(samples)) == 3
    assert all(len(one) == 20 and all(at % 2 for at in one) for one in samples)


@pytest.mark.parametrize("dies_at", [[1], [2], [3], [1, 2, 4]])
def test_a_sample_is_the_same_whatever_is_killed(
    world: World, owner: Account, site: Container, dies_at: list[int]
) -> None:
    populate(world, owner, site)
    calm = started(world, owner, total_user=25)
    world.cut_all()
    expected = recipients(world, calm)
    with world.database.write() as connection:  # the same execution, as it was before
        connection.execute(parcel.delete())
        connection.execute(execution.update().values(next_ordinal=0, quotas=None, state="cutting"))
    cutting = Cutting(DyingStore(world.store, dies_at))

    kills = 0
    while world.state(calm) == "cutting":
        try:
            cutting.cut(now_ms=world.clock.now_ms(), at_once=1)
        except KilledError:
            kills += 1

    assert kills == len(dies_at)
    assert recipients(world, calm) == expected
    assert len(expected) == 25


def test_the_cap_holds_though_people_come_and_go_meanwhile(
    world: World, owner: Account, site: Container
) -> None:
    populate(world, owner, site)
    found = started(world, owner, total_user=30)
    world.cut_one()
    quotas = world.rows(execution)[0].quotas

    world.register(*(enrolment(site, n) for n in range(60, 120)))
    world.set_next_ordinal(owner, 5 * SHARD)
    world.join(site, 200)
    world.cut_all()

    assert len(recipients(world, found)) == 30
    assert world.rows(execution)[0].quotas == quotas
    assert max(recipients(world, found)) < 3 * SHARD, "a newcomer had no part in the draw"


def test_a_quota_that_cannot_be_filled_is_left_open(
    world: World, owner: Account, site: Container
) -> None:
    populate(world, owner, site)
    found = started(world, owner, total_user=59)
    world.cut_one()
    for number in range(10, 60):
        taken = world.join(site, number)
        world.subscribers.leave(site, taken.id, taken.secret)

    world.cut_all()

    assert len(recipients(world, found)) in (9, 10)
    assert world.state(found) == "sending"


def test_nobody_is_left_out_more_often_than_others(
    world: World, owner: Account, site: Container
) -> None:
    world.register(*(enrolment(site, n) for n in range(12)))
    executions = [started(world, owner, total_user=6) for _ in range(60)]

    world.cut_all()

    turns = Counter(at for one in executions for at in recipients(world, one))
    assert sum(turns.values()) == 360
    assert all(12 <= turns[at] <= 48 for at in range(12)), turns  # 30, and 4.6 deviations


def wave_counts(world: World, of: Execution) -> dict[int, int]:
    """Return how many are pending by the hour at which they are due, counted from the slot."""
    counts: dict[int, int] = {}
    for row in world.rows(parcel, parcel.c.execution_id == of.id, parcel.c.pending > 0):
        assert row.expires_ms - row.due_ms == HOUR_MS
        assert row.pending == row.size
        at = (row.due_ms - of.due_ms) // HOUR_MS
        counts[at] = counts.get(at, 0) + row.size
    return counts


def people_of_zones(world: World, site: Container) -> None:
    """Register people of several zones; the zone of one changes after the index was folded."""
    zones: list[Any] = [BELGRADE, BELGRADE, "Europe/Paris", TOKYO, "UTC", None, "Europe/Oslo"]
    world.register(*(enrolment(site, n, time_zone=zone) for n, zone in enumerate(zones)))
    world.indexing.fold()
    world.register(enrolment(site, 1, time_zone=TOKYO), enrolment(site, 7, time_zone=None))


def by_wall_clock(world: World, **more: Any) -> Schedule:
    """Return the schedule of a wall-clock time far enough ahead that no zone is past it."""
    return Schedule(start=world.clock.now_ms() + 24 * HOUR_MS, user_time_zone=True, **more)


def test_each_time_zone_is_sent_at_its_own_hour(
    world: World, owner: Account, site: Container
) -> None:
    people_of_zones(world, site)
    schedule = by_wall_clock(world)
    assert isinstance(schedule.start, int)

    found = started(world, owner, schedule=schedule, due_ms=schedule.start)
    pieces = world.cut_all()

    assert [piece.recipients for piece in pieces] == [8]
    # Tokyo nine hours before Greenwich; Belgrade, Paris and Oslo together one hour before.
    assert wave_counts(world, found) == {-9: 2, -1: 3, 0: 3}
    rows = world.rows(parcel)
    assert len(rows) == 3
    assert [row.due_ms for row in rows] == sorted(row.due_ms for row in rows)
    assert recipients(world, found) == list(range(8))


def test_quiet_time_moves_a_wave_to_its_end(world: World, owner: Account, site: Container) -> None:
    """The clock stands at 11:00 GMT: 20:00 in Tokyo."""
    people_of_zones(world, site)
    schedule = Schedule(start=world.clock.now_ms(), quiet_time=QuietTime(19, 7))

    found = started(world, owner, schedule=schedule)
    world.cut_all()

    assert wave_counts(world, found) == {0: 6, 11: 2}


def test_the_suppressed_are_accounted_for_and_never_due(
    world: World, owner: Account, site: Container
) -> None:
    people_of_zones(world, site)
    schedule = Schedule(start=world.clock.now_ms(), frequency_s=3600, quiet_time=QuietTime(19, 7))

    found = started(world, owner, schedule=schedule, next_slot_ms=world.clock.now_ms() + HOUR_MS)
    pieces = world.cut_all()

    assert [piece.recipients for piece in pieces] == [8], "the suppressed are recipients too"
    assert wave_counts(world, found) == {0: 6}
    with world.store.read() as unit:
        counts = unit.executions.outcome_counts([found.id])[found.id]
        assert not unit.parcels.disagreeing()
    assert {outcome: n for outcome, n in counts.items() if n} == {
        Outcome.PENDING: 6,
        Outcome.SUPERSEDED: 2,
    }
    closed = world.rows(parcel, parcel.c.pending == 0)
    assert [set(row.outcomes) for row in closed] == [{Outcome.SUPERSEDED}]


def test_an_execution_whose_recipients_are_all_suppressed_is_done(
    world: World, owner: Account, site: Container
) -> None:
    world.join(site, 1, time_zone=TOKYO)
    schedule = Schedule(start=world.clock.now_ms(), quiet_time=QuietTime(19, 7), end_ms=0)
    found = started(world, owner, schedule=schedule)

    world.cut_all()
    world.counting.close(now_ms=world.clock.now_ms())

    assert world.state(found) == "done"
    assert recipients(world, found) == [0]


def test_the_cap_is_drawn_before_the_waves(world: World, owner: Account, site: Container) -> None:
    people_of_zones(world, site)
    schedule = by_wall_clock(world)

    found = started(world, owner, schedule=schedule, total_user=5)
    world.cut_all()

    assert len(recipients(world, found)) == 5
    assert sum(wave_counts(world, found).values()) == 5


def test_waves_of_several_shards_are_one_wave_each(
    world: World, owner: Account, site: Container
) -> None:
    for shard in range(2):
        world.set_next_ordinal(owner, shard * SHARD)
        world.register(
            *(enrolment(site, shard * 10 + n, time_zone=[BELGRADE, TOKYO][n % 2]) for n in range(4))
        )
    schedule = by_wall_clock(world)
    assert isinstance(schedule.start, int)

    found = started(world, owner, schedule=schedule, due_ms=schedule.start)
    world.cut_all()

    assert wave_counts(world, found) == {-9: 4, -1: 4}


def test_a_paused_execution_waits(world: World, owner: Account, site: Container) -> None:
    world.join(site, 1)
    found = started(world, owner)
    with world.store.write() as unit:
        unit.executions.pause(found.task_id)

    assert world.cut_all() == []
    with world.store.write() as unit:
        unit.executions.resume(found.task_id)
    assert [piece.recipients for piece in world.cut_all()] == [1]
