"""The account of each recipient: what is kept of their attempts, and found again by person."""

import struct

import pytest
from sqlalchemy import update
from world import World, enrolment

from tocsin.domain.account import Account
from tocsin.domain.attempt import NO_ATTEMPT, Attempt
from tocsin.domain.container import Container
from tocsin.domain.execution import Execution
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Addressed, Parcel, Retry
from tocsin.services.sending import Entry
from tocsin.store.tables import parcel

OLD_RETRY = struct.Struct("<HBQ")  # index, attempts, not before


@pytest.fixture
def site(world: World) -> Container:
    """Return the site of a tenant with three subscribers, 0 to 2."""
    site = world.container(world.account())
    world.register(*(enrolment(site, number) for number in range(3)))
    return site


@pytest.fixture
def owner(world: World, site: Container) -> Account:
    """Return the tenant of the site."""
    return world.accounts.find(str(site.root_id))


def send(world: World, owner: Account) -> Execution:
    """Return an execution, cut."""
    found = world.execute(owner)
    world.cut_all()
    return found


def lease(world: World) -> Parcel:
    (leased,), _ = world.sending.lease(now_ms=world.clock.now_ms(), limit=9)
    return leased


def record(world: World, held: Parcel) -> None:
    (standing,) = world.sending.record([Entry(held, world.clock.now_ms(), keep=False)])
    assert standing.ours


def found(world: World, of: Execution, ordinal: int) -> Addressed | None:
    with world.store.read() as unit:
        return unit.parcels.of_ordinal(of.id, ordinal)


def test_attempts_are_written_with_the_outcomes_and_leased_again(
    world: World, owner: Account
) -> None:
    send(world, owner)
    held = lease(world)
    now_ms = world.clock.now_ms()
    tried = Attempt(2, 503, now_ms)
    held.note(0, Attempt(1, 201, now_ms))
    held.settle(0, Outcome.ACCEPTED)
    held.note(2, tried)
    held.retries[2] = Retry(now_ms)

    record(world, held)
    again = lease(world)

    assert [again.attempt_of(index) for index in range(3)] == [
        Attempt(1, 201, now_ms),
        NO_ATTEMPT,
        tried,
    ]
    assert again.retries == {2: Retry(now_ms)}


def test_a_parcel_that_nobody_tried_keeps_nothing(world: World, owner: Account) -> None:
    send(world, owner)

    record(world, lease(world))

    assert world.rows(parcel)[0].attempts is None
    assert lease(world).attempts is None


def test_a_parcel_of_an_older_program_keeps_its_counts(world: World, owner: Account) -> None:
    of = send(world, owner)
    now_ms = world.clock.now_ms()
    with world.database.write() as connection:
        connection.execute(
            update(parcel).values(retries=OLD_RETRY.pack(1, 3, now_ms), attempts=None)
        )

    held = lease(world)

    assert held.attempt_of(1) == Attempt(3, 0, None)
    assert held.retries == {1: Retry(now_ms)}
    record(world, held)
    assert lease(world).attempt_of(1) == Attempt(3, 0, None)
    one = found(world, of, 1)
    assert one is not None
    assert one.attempt.attempts == 3


def test_one_person_is_found_with_what_became_of_them(world: World, owner: Account) -> None:
    of = send(world, owner)
    held = lease(world)
    now_ms = world.clock.now_ms()
    held.note(0, Attempt(1, 410, now_ms))
    held.settle(0, Outcome.GONE)
    held.note(1, Attempt(1, 500, now_ms))
    held.retries[1] = Retry(now_ms + 5000)
    record(world, held)

    expires_ms = held.expires_ms
    assert [found(world, of, ordinal) for ordinal in range(4)] == [
        Addressed(Outcome.GONE, Attempt(1, 410, now_ms), None, expires_ms),
        Addressed(Outcome.PENDING, Attempt(1, 500, now_ms), now_ms + 5000, expires_ms),
        Addressed(Outcome.PENDING, NO_ATTEMPT, now_ms, expires_ms),
        None,
    ]


def test_a_person_is_found_in_the_execution_asked_for(
    world: World, owner: Account, site: Container
) -> None:
    first = send(world, owner)
    world.register(*(enrolment(site, number) for number in range(3, 1205)))
    second = send(world, owner)
    while some := world.sending.lease(now_ms=world.clock.now_ms(), limit=1)[0]:
        held = some[0]
        for index, ordinal in enumerate(held.ordinals):
            held.note(index, Attempt(1, 200 + ordinal % 100, world.clock.now_ms()))
            held.settle(index, Outcome.ACCEPTED)
        record(world, held)

    for ordinal in (0, 999, 1000, 1204):
        one = found(world, second, ordinal)
        assert one is not None
        assert (one.outcome, one.attempt.answer) == (Outcome.ACCEPTED, 200 + ordinal % 100)
    assert found(world, second, 1205) is None
    assert found(world, first, 3) is None
    assert found(world, first, 2) is not None
