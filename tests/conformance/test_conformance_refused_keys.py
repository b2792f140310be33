"""A VAPID key that a push service refuses: its container is paused there, and nobody is lost."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from courier import counted, settle
from sqlalchemy import text
from wire import Listening, Wire, addressed, cut, go_on, sender
from world import World, enrolment

from rig import until
from tocsin.domain.account import Account
from tocsin.domain.attempt import Attempt, Unanswered
from tocsin.domain.container import Container
from tocsin.domain.errors import NotFound
from tocsin.domain.outcome import Outcome
from tocsin.settings import Settings
from tocsin.store.tables import execution, parcel, refused_key, subscriber
from tocsin.telemetry.events import Event
from tocsin.webpush.answer import Answer
from tocsin.wiring import Program
from tocsin.workers.refusals import LEAST
from tocsin.workers.sender import HEED_EVERY_MS, Sender

FCM = "https://fcm.googleapis.com"
SHOP, NEWS = range(100), range(100, 120)
TTL_S = 3600
MOST_SENT = 200
MINUTE_MS = 60_000
STEP_MS = 5000
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


class Refusing(Wire):
    """A wire at whose end the key of some browsers is refused. tried: whose push came, in turn."""

    def __init__(self, refused: Iterable[int], status: int = 403) -> None:
        super().__init__({})
        self.refused = set(refused)
        self.status = status
        self.tried: list[int] = []

    def answer(self, number: int) -> Answer:
        self.tried.append(number)
        return Answer(self.status if number in self.refused else 201)


@pytest.fixture
def owner(world: World) -> Account:
    return world.account()


@pytest.fixture
def shop(world: World, owner: Account) -> Container:
    """Return a container with the people SHOP."""
    site = world.container(owner)
    world.register(*(enrolment(site, number) for number in SHOP))
    return site


@pytest.fixture
def news(world: World, owner: Account, shop: Container) -> Container:
    """Return another container of the same tenant, with the people NEWS."""
    assert shop.root_id == owner.root_id
    site = world.container(owner, "https://news.example")
    world.register(*(enrolment(site, number) for number in NEWS))
    return site


def stands(world: World, execution_id: int, numbers: Iterable[int]) -> set[Outcome]:
    """Return how people stand: they have joined in the order of their numbers."""
    return {addressed(world, execution_id, number).outcome for number in numbers}


def task_of(world: World, execution_id: int) -> int:
    (row,) = world.rows(execution, execution.c.id == execution_id)
    return int(row.task_id)


def go_on_for(world: World, one: Sender, milliseconds: int) -> None:
    """Let a sender work for a while in small steps."""
    for _ in range(0, milliseconds, STEP_MS):
        world.clock.forward(STEP_MS)
        go_on(one)


def assert_all_accepted(world: World, owner: Account, execution_id: int, count: int) -> None:
    settle(world)
    assert counted(world, owner, task_of(world, execution_id)) == {"delivered": count}


@pytest.mark.usefixtures("news")
def test_it_pauses_its_container_and_no_other_and_nobody_is_lost(
    world: World, owner: Account, shop: Container
) -> None:
    wire, telemetry = Refusing(SHOP), Listening()
    one = sender(world, wire, telemetry=telemetry)
    found = cut(world, owner, ttl_s=TTL_S)

    go_on(one)
    go_on_for(world, one, 10 * MINUTE_MS)

    of_shop = [number for number in wire.tried if number in SHOP]
    assert LEAST <= len(of_shop) <= MOST_SENT
    assert telemetry.heard == [
        (Event.KEY_REFUSED, {"container": shop.id, "origin": FCM, "status": 403})
    ]
    assert stands(world, found, NEWS) == {Outcome.ACCEPTED}
    assert stands(world, found, SHOP) == {Outcome.PENDING}
    assert {row.active for row in world.rows(subscriber)} == {True}
    never_sent = set(SHOP) - set(of_shop)
    assert {addressed(world, found, number).attempt.attempts for number in never_sent} == {0}

    wire.refused.clear()
    assert [key.origin for key in world.containers.resume(str(shop.id))[1]] == [FCM]
    go_on_for(world, one, STEP_MS)

    assert_all_accepted(world, owner, found, len(SHOP) + len(NEWS))
    assert world.rows(refused_key) == []


def test_a_release_before_the_cause_is_gone_costs_nobody_anything(
    world: World, owner: Account, shop: Container
) -> None:
    wire, telemetry = Refusing(SHOP), Listening()
    one = sender(world, wire, telemetry=telemetry)
    found = cut(world, owner, ttl_s=TTL_S)

    for _ in range(2):
        go_on_for(world, one, MINUTE_MS)
        world.containers.resume(shop.key)
    go_on_for(world, one, MINUTE_MS)

    assert len(telemetry.heard) == 3
    assert stands(world, found, SHOP) == {Outcome.PENDING}
    wire.refused.clear()
    world.containers.resume(shop.key)
    go_on_for(world, one, MINUTE_MS)
    assert_all_accepted(world, owner, found, len(SHOP))


@pytest.mark.usefixtures("shop")
def test_who_waited_until_the_ttl_was_over_is_settled_with_a_reason_of_its_own(
    world: World, owner: Account
) -> None:
    wire = Refusing(SHOP)
    one = sender(world, wire)
    found = cut(world, owner, ttl_s=TTL_S)
    go_on_for(world, one, MINUTE_MS)
    tried = set(wire.tried)
    told = waiting(world, owner, found)
    assert told == (
        Outcome.PENDING,
        "waiting: their container was paused at their push service, which refused its VAPID key",
    )

    world.clock.forward(TTL_S * 1000)
    go_on(one)

    assert set(wire.tried) == tried, "nobody was sent to in between"
    ends = {number: addressed(world, found, number) for number in SHOP}
    assert {end.attempt.answer for end in ends.values()} == {Unanswered.KEY_REFUSED}
    assert {number for number, end in ends.items() if end.outcome is Outcome.FAILED} == tried
    assert {ends[number].outcome for number in set(SHOP) - tried} == {Outcome.EXPIRED}


def waiting(world: World, owner: Account, execution_id: int) -> tuple[Outcome | None, str]:
    """Return what a client is told of the last person."""
    with world.store.read() as unit:
        somebody = unit.subscribers.by_ordinal(owner.root_id, [SHOP[-1]])[SHOP[-1]]
    told = world.recipient_service.account(
        owner.scope,
        task_of(world, execution_id),
        execution_id,
        somebody.id,
        now_ms=world.clock.now_ms(),
    )
    return told.outcome, told.reason


def test_every_sender_hears_of_it_and_of_the_release(
    world: World, owner: Account, shop: Container
) -> None:
    first, second = Refusing(SHOP), Refusing(SHOP)
    others = sender(world, second)
    go_on(others)
    one = sender(world, first)
    found = cut(world, owner, ttl_s=TTL_S)
    go_on(one)
    cut(world, owner, ttl_s=TTL_S)
    world.clock.forward(HEED_EVERY_MS)

    go_on(others)
    assert (second.sent, stands(world, found + 1, SHOP)) == (0, {Outcome.PENDING})

    second.refused.clear()
    world.containers.resume(shop.key)
    assert (world.sending.next_due_ms() or 0) <= world.clock.now_ms()
    go_on(others)
    go_on_for(world, others, STEP_MS)
    for execution_id in (found, found + 1):
        assert_all_accepted(world, owner, execution_id, len(SHOP))


def test_what_was_in_hand_at_the_release_is_sent_as_well(
    world: World, owner: Account, shop: Container, news: Container
) -> None:
    """The parcel is given back after the release, by a sender that has not heard of it yet."""
    wire = Refusing(SHOP)
    wire.silent = frozenset({NEWS[0]})
    one = sender(world, wire)
    found = cut(world, owner, ttl_s=TTL_S)
    for _ in range(8):
        one.turn()
    assert (wire.in_flight, news.id) == (1, shop.id + 1)
    tried = len(set(wire.tried) & set(SHOP))

    wire.refused.clear()
    world.containers.resume(shop.key)
    wire.silent = frozenset()
    go_on(one)

    (row,) = world.rows(parcel)
    assert row.pending == tried, "only who was refused is tried again a little later"
    go_on_for(world, one, STEP_MS)
    assert_all_accepted(world, owner, found, len(SHOP) + len(NEWS))


@pytest.mark.usefixtures("shop")
def test_a_key_that_is_refused_after_other_trouble_is_noticed_all_the_same(
    world: World, owner: Account
) -> None:
    """Everybody has had an attempt by then, and nobody's refusal is their second."""
    wire = Refusing(SHOP, status=302)  # no gate closes for it
    one = sender(world, wire)
    found = cut(world, owner, ttl_s=TTL_S)
    go_on(one)
    assert set(wire.tried) == set(SHOP)
    wire.tried.clear()
    wire.status = 403

    go_on_for(world, one, 10 * MINUTE_MS)

    assert LEAST <= len(wire.tried) <= MOST_SENT
    assert len(world.rows(refused_key)) == 1
    assert stands(world, found, SHOP) == {Outcome.PENDING}


@pytest.mark.usefixtures("shop")
def test_a_few_who_are_refused_are_rejected_after_one_more_attempt(
    world: World, owner: Account
) -> None:
    few = set(SHOP[::6])
    wire = Refusing(few, status=401)
    one = sender(world, wire)
    found = cut(world, owner, ttl_s=TTL_S)

    go_on(one)
    go_on_for(world, one, STEP_MS)

    assert stands(world, found, few) == {Outcome.REJECTED}
    assert stands(world, found, set(SHOP) - few) == {Outcome.ACCEPTED}
    learnt_ms = addressed(world, found, 0).attempt.at_ms
    assert addressed(world, found, 0).attempt == Attempt(2, 401, learnt_ms)
    assert world.rows(refused_key) == []


def test_subscriptions_of_a_new_key_are_sent_to_while_the_old_one_is_refused(
    world: World, owner: Account, shop: Container
) -> None:
    world.containers.rotate_key(owner.scope, shop.id, now_ms=world.clock.now_ms())
    renewed = world.containers.find(owner.scope, str(shop.id))
    world.register(*(enrolment(renewed, number) for number in NEWS))
    one = sender(world, Refusing(SHOP))

    found = cut(world, owner, ttl_s=TTL_S)
    go_on_for(world, one, MINUTE_MS)

    assert stands(world, found, NEWS) == {Outcome.ACCEPTED}
    assert stands(world, found, SHOP) == {Outcome.PENDING}


def refuse(world: World, site: Container) -> None:
    """Let a container's key be refused, as a sender would tell."""
    lane = (FCM, site.vapid_key_id)
    world.sending.refuse({lane: 403}, now_ms=world.clock.now_ms())


def test_a_release_wakes_nothing_that_waits_for_its_own_time(
    world: World, owner: Account, shop: Container
) -> None:
    cut(world, owner, ttl_s=TTL_S)
    refuse(world, shop)
    later_ms = world.clock.now_ms() + MINUTE_MS
    with world.store.write() as unit:
        (held,), _ = unit.parcels.lease(
            now_ms=world.clock.now_ms(), hold_ms=MINUTE_MS, limit=9, room=9
        )
    world.containers.resume(shop.key)
    assert world.rows(parcel)[0].due_ms == later_ms, "the lease of a holder"

    with world.store.write() as unit:
        unit.parcels.record([(held, later_ms, False)])
        connection: Any = unit.parcels._connection
        connection.execute(parcel.update().values(fence=0))
    refuse(world, shop)
    world.containers.resume(shop.key)
    assert world.rows(parcel)[0].due_ms == later_ms, "a wave to come"


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_release_waits_for_who_gives_a_parcel_back_meanwhile(
    world: World, owner: Account, shop: Container
) -> None:
    cut(world, owner, ttl_s=TTL_S)
    refuse(world, shop)
    now_ms = world.clock.now_ms()
    (held,), _ = world.sending.lease(now_ms=now_ms, limit=9)

    def is_waited_for() -> bool | None:
        with world.database.read() as connection:
            return connection.scalar(WAITING) == 1 or None

    with ThreadPoolExecutor(1) as pool:
        with world.store.write() as unit:
            unit.parcels.record([(held, now_ms + MINUTE_MS, False)])
            assert unit.refused_keys.lanes(), "it is to wait"
            release = pool.submit(world.containers.resume, shop.key)
            until(is_waited_for, within=30)
        release.result()

    assert world.rows(parcel)[0].due_ms == now_ms


def test_on_trial_a_few_are_tried_until_it_is_known_to_be_the_key(
    world: World, owner: Account
) -> None:
    few = range(LEAST // 2)
    site = world.container(owner)
    world.register(*(enrolment(site, number) for number in few))
    refuse(world, site)
    wire = Refusing(few)
    one = sender(world, wire)
    found = cut(world, owner, ttl_s=TTL_S)
    go_on(one)
    assert wire.sent == 0

    world.containers.resume(site.key)
    go_on_for(world, one, MINUTE_MS)

    assert (wire.sent, stands(world, found, few)) == (LEAST, {Outcome.PENDING})
    assert len(world.rows(refused_key)) == 1


def test_it_is_told_once_and_one_refusal_goes_with_its_container(
    world: World, owner: Account, shop: Container
) -> None:
    lane, now_ms = (FCM, shop.vapid_key_id), world.clock.now_ms()

    told = [world.sending.refuse({lane: status}, now_ms=now_ms) for status in (403, 401)]

    assert [[one.status for one in some] for some in told] == [[403], []]
    assert world.sending.heed([]).refused == {lane}
    assert world.sending.refuse({(FCM, 999): 403}, now_ms=now_ms) == [], "a pair that is gone"
    empty = world.container(owner, "https://empty.example")
    refuse(world, empty)
    world.containers.remove(owner.scope, empty.id)
    assert world.sending.heed([]).refused == {lane}
    with pytest.raises(NotFound, match="nobody"):
        world.containers.resume("nobody")


def test_the_doctor_tells_of_it(
    world: World, shop: Container, migrated_url: str, tmp_path: Path
) -> None:
    with closing(Program(Settings(data=tmp_path, database_url=migrated_url))) as program:

        def complaint() -> str | None:
            return dict(program.examine())["no push service refuses the VAPID key of a container"]

        assert complaint() is None
        refuse(world, shop)

        assert complaint() == (
            f"not so: container {shop.id} is paused at {FCM}, which answers 403, since "
            "2026-02-05 11:00:00 GMT. Its recipients wait. When the cause is found, run tocsin "
            f"container resume {shop.id}"
        )
