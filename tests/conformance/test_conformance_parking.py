"""A parcel that fells whoever holds it is set aside, and everything else flows."""

from contextlib import closing
from pathlib import Path

import pytest
from courier import Courier, counted, crowd, settle
from world import World

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import MOST_RECOVERIES, Parcel
from tocsin.services.sending import HOLD_MS, Entry
from tocsin.settings import Settings
from tocsin.store.tables import parcel
from tocsin.wiring import Program

TTL_S = 3600


@pytest.fixture
def site(world: World) -> Container:
    return world.container(world.account())


@pytest.fixture
def owner(world: World, site: Container) -> Account:
    return world.accounts.find(str(site.root_id))


@pytest.fixture
def task_id(world: World, owner: Account, site: Container) -> int:
    """Return the id of a task that is three parcels of three people each."""
    crowd(world, owner, site)
    task_id = world.order(owner, ttl_s=TTL_S)
    world.plan()
    world.cut_all()
    return task_id


def lease(world: World) -> tuple[list[Parcel], list[Parcel]]:
    return world.sending.lease(now_ms=world.clock.now_ms(), limit=9)


def record(world: World, held: Parcel) -> None:
    """Record a parcel as its holder does, and keep it."""
    now_ms = world.clock.now_ms()
    assert world.sending.record([Entry(held, now_ms + HOLD_MS, keep=True)])[0].ours


def fall(world: World, courier: Courier, times: int) -> int:
    """Let senders fall one after the other over the first parcel, and send the others.

    Return the first parcel's id.
    """
    poison = 0
    for turn in range(times):
        (held, *others), parked = lease(world)
        assert parked == []
        assert turn == 0 or (held.id, others) == (poison, []), "what felled its holder goes alone"
        poison = held.id
        for other in others:
            courier.send(other)
            courier.give_back(other)
        world.clock.forward(HOLD_MS)
    return poison


def test_a_parcel_is_parked_when_the_holder_after_the_most_falls(
    world: World, owner: Account, courier: Courier, task_id: int
) -> None:
    poison = fall(world, courier, MOST_RECOVERIES + 1)

    leased, parked = lease(world)

    assert leased == []
    assert [one.id for one in parked] == [poison]
    assert counted(world, owner, task_id) == {"delivered": 6, "pending": 3}
    assert lease(world) == ([], []), "it is not due any more"
    with world.store.read() as unit:
        assert unit.parcels.parked() == [poison]


@pytest.mark.usefixtures("task_id")
def test_who_records_something_has_not_fallen_over_it(world: World, courier: Courier) -> None:
    fall(world, courier, MOST_RECOVERIES)
    held = lease(world)[0][0]
    assert held.recoveries == MOST_RECOVERIES
    record(world, held)
    world.clock.forward(HOLD_MS)

    (again,), parked = lease(world)

    assert (again.recoveries, parked) == (1, [])


@pytest.mark.usefixtures("task_id")
def test_only_one_of_those_that_lay_beside_each_other_is_blamed(world: World) -> None:
    """Senders fall that held three, then one at a time: each is taken over, none is parked."""
    first = [one.id for one in lease(world)[0]]
    for _ in range(MOST_RECOVERIES):
        world.clock.forward(HOLD_MS)
        (held,), parked = lease(world)
        assert parked == []
        record(world, held)  # this holder lives a little, and falls over another
    assert {row.recoveries for row in world.rows(parcel)} == {0}
    assert len(first) == MOST_RECOVERIES


@pytest.mark.usefixtures("task_id")
def test_who_has_others_in_hand_takes_over_none(world: World) -> None:
    held = lease(world)[0]
    world.clock.forward(HOLD_MS)
    now_ms = world.clock.now_ms()

    assert world.sending.lease(now_ms=now_ms, limit=9, beside=True) == ([], [])
    (alone,), _ = world.sending.lease(now_ms=now_ms, limit=9)
    assert alone.id == held[0].id


@pytest.mark.usefixtures("task_id")
def test_a_parcel_that_was_given_back_was_not_recovered(world: World, courier: Courier) -> None:
    for _ in range(MOST_RECOVERIES + 2):
        leased, parked = lease(world)
        assert len(leased) == 3
        assert parked == []
        for held in leased:
            courier.give_back(held)
    assert {row.recoveries for row in world.rows(parcel)} == {0}


def test_a_parked_parcel_is_settled_when_its_time_is_over(
    world: World, owner: Account, courier: Courier, task_id: int
) -> None:
    fall(world, courier, MOST_RECOVERIES + 1)
    lease(world)
    world.clock.forward(TTL_S * 1000)

    (held,), parked = lease(world)

    assert held.is_parked, "whoever leases it must not send"
    assert parked == []
    for index in list(held.pending()):
        held.settle(index, Outcome.FAILED)
    record(world, held)
    settle(world)
    assert counted(world, owner, task_id) == {"delivered": 6, "failed": 3}


def test_resuming_the_task_lets_it_be_tried_again(
    world: World, owner: Account, courier: Courier, task_id: int
) -> None:
    poison = fall(world, courier, MOST_RECOVERIES + 1)
    lease(world)

    world.commands.resume(owner.scope, task_id, now_ms=world.clock.now_ms())

    (held,), parked = lease(world)
    assert (held.id, held.recoveries, parked) == (poison, 0, [])
    courier.send(held)
    courier.give_back(held)
    assert counted(world, owner, task_id) == {"delivered": 9}


def test_what_is_said_of_somebody_in_a_parked_parcel(
    world: World, owner: Account, courier: Courier, task_id: int
) -> None:
    fall(world, courier, MOST_RECOVERIES + 1)
    lease(world)
    execution = world.history(owner, task_id)[0].execution
    with world.store.read() as unit:
        somebody = unit.subscribers.by_ordinal(owner.root_id, [0])[0]

    told = world.recipient_service.account(
        owner.scope, task_id, execution.id, somebody.id, now_ms=world.clock.now_ms()
    )

    assert told.outcome is Outcome.PENDING
    assert told.reason == ("set aside: several senders in a row ended while they held their parcel")


@pytest.mark.usefixtures("task_id")
def test_the_doctor_tells_of_it(
    world: World, courier: Courier, migrated_url: str, tmp_path: Path
) -> None:
    with closing(Program(Settings(data=tmp_path, database_url=migrated_url))) as program:

        def complaint() -> str | None:
            return dict(program.examine())["no parcel is set aside for felling its senders"]

        poison = fall(world, courier, MOST_RECOVERIES + 1)
        assert complaint() is None
        lease(world)

        assert complaint() == (
            f"not so: parcels [{poison}]; when the cause is found, resume their task"
        )
