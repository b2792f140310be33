"""Leases, fences and outcomes: who may write what became of whom, and what it adds up to."""

from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from world import MESSAGE, DyingStore, KilledError, World, draft, enrolment, in_threads

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Parcel, Retry
from tocsin.domain.push_task import Status
from tocsin.services.sending import HOLD_MS, ROOM, Entry, Sending, Standing
from tocsin.store.tables import execution, parcel


@pytest.fixture
def site(world: World) -> Container:
    """Return the site of a tenant with three subscribers, 0 to 2."""
    site = world.container(world.account())
    world.register(*(enrolment(site, number, language="en") for number in range(3)))
    return site


@pytest.fixture
def owner(world: World, site: Container) -> Account:
    """Return the tenant of the site."""
    return world.accounts.find(str(site.root_id))


def send(world: World, owner: Account) -> None:
    """Make a parcel of everybody."""
    world.execute(owner)
    world.cut_all()


def send_saying(world: World, owner: Account, macro: str) -> None:
    """Make a parcel of everybody, of a message that reads an attribute of its recipient."""
    world.create(owner, replace(draft(), message=replace(MESSAGE, title={"en": macro})))
    world.plan()
    world.cut_all()


def lease(world: World, limit: int = 9) -> list[Parcel]:
    leased, parked = world.sending.lease(now_ms=world.clock.now_ms(), limit=limit)
    assert parked == []
    return leased


def record(
    world: World, held: Parcel, *, due_ms: int, gone: tuple[tuple[int, int], ...] = ()
) -> Standing:
    return world.sending.record([Entry(held, due_ms, keep=True, gone=gone)])[0]


OURS = Standing(ours=True, sendable=True)
LOST = Standing(ours=False, sendable=False)


def test_a_leased_parcel_is_nobody_elses_until_its_lease_ends(world: World, owner: Account) -> None:
    send(world, owner)

    held = lease(world)[0]

    assert list(held.ordinals) == [0, 1, 2]
    assert list(held.pending()) == [0, 1, 2]
    assert held.fence == 1
    world.clock.forward(HOLD_MS - 1)
    assert lease(world) == []
    world.clock.forward(1)
    again = lease(world)[0]
    assert (again.id, again.fence) == (held.id, 2)


def test_an_overtaken_holder_writes_nothing(world: World, owner: Account, site: Container) -> None:
    send(world, owner)
    slow = lease(world)[0]
    world.clock.forward(HOLD_MS)
    quick = lease(world)[0]
    for index in range(3):
        slow.settle(index, Outcome.GONE)
    before = world.rows(parcel)

    assert record(world, slow, due_ms=0, gone=((0, 0), (1, 0))) == LOST

    assert world.rows(parcel) == before
    assert world.subscriber(world.join(site, 0), site).active
    quick.settle(1, Outcome.ACCEPTED)
    assert record(world, quick, due_ms=world.clock.now_ms()) == OURS
    assert record(world, slow, due_ms=0) == LOST
    assert bytes(world.rows(parcel)[0].outcomes) == b"\0\1\0"


def test_a_record_renews_the_lease_or_gives_it_back(world: World, owner: Account) -> None:
    send(world, owner)
    held = lease(world)[0]
    now_ms = world.clock.forward(HOLD_MS - 1)

    assert record(world, held, due_ms=now_ms + HOLD_MS) == OURS
    world.clock.forward(HOLD_MS - 1)
    assert lease(world) == []
    assert record(world, held, due_ms=world.clock.now_ms()) == OURS
    assert [one.fence for one in lease(world)] == [2]


def test_a_record_is_written_whole(world: World, owner: Account) -> None:
    send(world, owner)
    held = lease(world)[0]
    retry = Retry(not_before_ms=world.clock.now_ms() + 2**40)
    held.settle(0, Outcome.ACCEPTED)
    held.retries[2] = retry

    record(world, held, due_ms=world.clock.now_ms())

    row = world.rows(parcel)[0]
    assert (row.pending, row.accepted, row.size) == (2, 1, 3)
    again = lease(world)[0]
    assert list(again.pending()) == [1, 2]
    assert again.retries == {2: retry}
    assert list(again.ordinals) == list(held.ordinals)


def test_what_is_settled_is_leased_no_more(world: World, owner: Account) -> None:
    send(world, owner)
    held = lease(world)[0]
    for index in range(3):
        held.settle(index, Outcome.EXPIRED)

    record(world, held, due_ms=0)

    world.clock.forward(10 * HOLD_MS)
    assert lease(world) == []
    with pytest.raises(ValueError, match="has an outcome already"):
        held.settle(0, Outcome.ACCEPTED)


@pytest.mark.parametrize(
    ("state", "sendable"),
    [
        ("cutting", True),
        ("sending", True),
        ("paused", False),
        ("done", False),
        ("cancelled", False),
        ("missed", False),
    ],
)
def test_parcels_are_leased_while_their_execution_may_be_sent(
    world: World, owner: Account, state: str, sendable: bool
) -> None:
    send(world, owner)
    held = lease(world)[0]
    with world.database.write() as connection:
        connection.execute(update(execution).values(state=state))

    assert record(world, held, due_ms=0) == Standing(ours=True, sendable=sendable)
    assert bool(lease(world)) == sendable


def test_leases_at_once_never_share_a_parcel(world: World, owner: Account) -> None:
    for _ in range(24):
        send(world, owner)
    now_ms = world.clock.now_ms()

    def lease_all() -> list[int]:
        mine: list[int] = []
        while some := world.sending.lease(now_ms=now_ms, limit=2)[0]:
            assert len(some) <= 2
            mine += [one.id for one in some]
        return mine

    taken = [one for some in in_threads(*[lease_all] * 4) for one in some]

    # One whose turn it is may find the last ones locked by another, and leave them to it.
    assert sorted(taken) == sorted(row.id for row in world.rows(parcel))
    assert {row.fence for row in world.rows(parcel)} == {1}


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_lease_does_not_wait_for_another(world: World, owner: Account) -> None:
    # SQLite has one writer: the second lease takes its turn.
    send(world, owner)
    send(world, owner)
    now_ms = world.clock.now_ms()

    with world.store.write() as one, world.store.write() as other:
        other._connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        first, _ = one.parcels.lease(now_ms=now_ms, hold_ms=HOLD_MS, limit=1, room=ROOM)
        rest, _ = other.parcels.lease(now_ms=now_ms, hold_ms=HOLD_MS, limit=9, room=ROOM)

    assert len(first) == len(rest) == 1
    assert first[0].id != rest[0].id


def test_the_longest_due_parcel_goes_first_and_no_more_than_asked(
    world: World, owner: Account
) -> None:
    send(world, owner)
    world.clock.forward(1000)
    for _ in range(5):
        send(world, owner)
    oldest = min(row.id for row in world.rows(parcel))

    assert [one.id for one in lease(world, limit=1)] == [oldest]
    assert len(lease(world, limit=2)) == 2
    assert len(lease(world, limit=9)) == 3


def test_no_more_than_asked_whatever_the_planner_believes(world: World, owner: Account) -> None:
    """Statistics of a small table make PostgreSQL look for the due parcels once per row."""
    send(world, owner)
    with world.database.write() as connection:
        connection.execute(text("ANALYZE"))
    for _ in range(4):
        send(world, owner)

    assert [len(lease(world, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_lease_takes_what_there_is_room_for(world: World, owner: Account) -> None:
    for _ in range(5):
        send(world, owner)  # three recipients each
    now_ms = world.clock.now_ms()

    def lease_into(room: int) -> list[int]:
        leased, _ = world.sending.lease(now_ms=now_ms, limit=9, room=room)
        return [one.id for one in leased]

    oldest_first = sorted(row.id for row in world.rows(parcel))
    assert lease_into(8) == oldest_first[:2]
    assert lease_into(1) == oldest_first[2:3], "one that is larger than the room goes alone"
    assert lease_into(6) == oldest_first[3:]
    assert lease_into(6) == []


def test_a_lease_measures_who_is_pending(world: World, owner: Account) -> None:
    send(world, owner)
    send(world, owner)
    for held in lease(world):
        held.settle(0, Outcome.ACCEPTED)
        held.settle(1, Outcome.ACCEPTED)
        world.sending.record([Entry(held, world.clock.now_ms(), keep=False)])

    leased, _ = world.sending.lease(now_ms=world.clock.now_ms(), limit=9, room=2)
    assert len(leased) == 2


def test_a_lease_that_is_not_committed_is_none(world: World, owner: Account) -> None:
    send(world, owner)

    with pytest.raises(KilledError), DyingStore(world.store, [1]).write() as unit:
        unit.parcels.lease(now_ms=world.clock.now_ms(), hold_ms=HOLD_MS, limit=9, room=ROOM)

    assert [one.fence for one in lease(world)] == [1]


def test_the_manifest_has_who_is_still_there(world: World, owner: Account, site: Container) -> None:
    send(world, owner)
    left, moved = world.join(site, 0), world.join(site, 1)
    world.subscribers.leave(site, left.id, left.secret)
    world.register(enrolment(site, 11, previous=1, language="sr"))
    held = lease(world)[0]
    held.settle(2, Outcome.ACCEPTED)

    (manifest,) = world.sending.manifests([held])

    assert manifest.recipients.keys() == {1}
    found, row = manifest.recipients[1], world.subscriber(moved, site)
    assert found.endpoint.endswith("/11")
    assert (found.language, found.generation, found.ordinal) == ("sr", 1, 1)
    assert (found.p256dh, found.auth) == (row.subscription.p256dh, row.subscription.auth)
    assert manifest.order.message["title"] == {"en": "Hello"}
    sealed = world.sending.vapid_keys([found.vapid_key_id])[0]
    assert world.keyring.unseal(sealed.sealed_private, place=f"vapid/{site.id}")


def test_manifests_of_many_parcels_are_those_of_each(world: World, owner: Account) -> None:
    """Orders that read other attributes, and the same ordinals of another tenant."""
    elsewhere = world.container(other := world.account())
    world.register(enrolment(elsewhere, 0, country="RS"), enrolment(elsewhere, 1))
    send(world, owner)
    send_saying(world, owner, "${OCMH_PROFILE_COUNTRY_CODE}")
    send_saying(world, other, "${OCMH_PROFILE_COUNTRY_CODE}")
    send_saying(world, other, "${OCMH_PROFILE_CITY_ID}")
    held = lease(world)
    held[1].settle(0, Outcome.ACCEPTED)

    together = world.sending.manifests(held)

    assert together == [world.sending.manifests([one])[0] for one in held]
    known = [{at: one.known for at, one in found.recipients.items()} for found in together]
    assert known == [
        {0: None, 1: None, 2: None},
        {1: {"country": None}, 2: {"country": None}},
        {0: {"country": "RS"}, 1: {"country": None}},
        {0: {"city": None}, 1: {"city": None}},
    ]


def test_one_lost_lease_holds_up_no_other(world: World, owner: Account) -> None:
    """One entry is of a lease that ended, one has somebody gone, one is of a paused task."""
    tasks = [world.order(owner) for _ in range(3)]
    world.plan()
    world.cut_all()
    lost, gone, paused = held = lease(world)
    world.clock.forward(HOLD_MS)
    (taken,) = lease(world, limit=1)
    gone.settle(2, Outcome.GONE)
    paused.settle(1, Outcome.ACCEPTED)
    lost.settle(1, Outcome.GONE)
    world.commands.pause(owner.scope, tasks[2], now_ms=world.clock.now_ms())
    due_ms = world.clock.now_ms() + HOLD_MS

    standings = world.sending.record(
        [
            Entry(lost, due_ms, keep=True, gone=((1, 0),)),
            Entry(gone, due_ms, keep=True, gone=((2, 0),)),
            Entry(paused, 7, keep=False),
        ]
    )

    assert taken.id == lost.id
    assert standings == [LOST, OURS, Standing(ours=True, sendable=False)]
    rows = {row.id: row for row in world.rows(parcel)}
    assert [bytes(rows[one.id].outcomes) for one in held] == [b"\0\0\0", b"\0\0\2", b"\0\1\0"]
    assert (rows[gone.id].lease_ms, rows[gone.id].due_ms) == (due_ms, due_ms)
    assert (rows[paused.id].lease_ms, rows[paused.id].due_ms) == (None, 7)
    with world.store.read() as unit:
        people = unit.subscribers.by_ordinal(owner.id, range(3))
    assert [people[at].active for at in range(3)] == [True, True, False]


def test_somebody_gone_from_two_parcels_is_retired_once(world: World, owner: Account) -> None:
    send(world, owner)
    send(world, owner)
    held = lease(world)
    for one in held:
        one.settle(1, Outcome.GONE)

    world.sending.record([Entry(one, 0, keep=False, gone=((1, 0),)) for one in held])

    assert world.changed().count(1) == 2, "of when they joined, and of now"


def test_gone_retires_the_one_that_was_sent_to(
    world: World, owner: Account, site: Container
) -> None:
    """Between push and answer 1 renewed their keys, and 2 left and came back unchanged."""
    send(world, owner)
    world.indexing.fold()
    everybody = [world.join(site, number) for number in range(3)]
    held = lease(world)[0]
    world.register(enrolment(site, 1, auth=urlsafe_b64encode(b"renewed keys")))
    for index in range(2):
        held.settle(index, Outcome.GONE)

    assert record(world, held, due_ms=0, gone=((0, 0), (1, 0))) == OURS

    active = [world.subscriber(one, site).active for one in everybody]
    assert active == [False, True, True]
    assert world.changed() == [0]
    assert world.reach(owner) == {everybody[1].id, everybody[2].id}
    world.indexing.fold()
    assert world.indexing.is_true()
    assert world.reach(owner) == {everybody[1].id, everybody[2].id}


def test_a_record_that_is_not_committed_retires_nobody(
    world: World, owner: Account, site: Container
) -> None:
    send(world, owner)
    held = lease(world)[0]
    held.settle(0, Outcome.GONE)
    before = world.rows(parcel)

    with pytest.raises(KilledError):
        Sending(DyingStore(world.store, [1])).record([Entry(held, 0, keep=False, gone=((0, 0),))])

    assert world.rows(parcel) == before
    assert world.subscriber(world.join(site, 0), site).active


def test_counters_add_up_at_every_instant(world: World, owner: Account, site: Container) -> None:
    world.register(*(enrolment(site, number) for number in range(3, 2011)))
    task_id = world.order(owner)
    world.planning.plan(now_ms=world.clock.now_ms())
    world.cut_all()
    outcomes = list(Outcome)

    def counters() -> dict[str, int]:
        return dict(world.history(owner, task_id)[0].counters)

    def check(found: dict[str, int]) -> None:
        events = ("wokenup", "impression", "total_click", "click", "close")
        parts = {
            name: count
            for name, count in found.items()
            if name not in ("total_user", *events) and not name.startswith("action_")
        }
        assert sum(parts.values()) == found["total_user"] == 2011

    check(counters())
    while held := lease(world, limit=1):
        for index in list(held[0].pending()):
            if index % 8:
                held[0].settle(index, outcomes[index % 8])
        record(world, held[0], due_ms=world.clock.now_ms() + 10**9)
        check(counters())

    last = counters()
    size = {remainder: sum(1 for n in range(1000) if n % 8 == remainder) for remainder in range(8)}
    tail = {remainder: sum(1 for n in range(11) if n % 8 == remainder) for remainder in range(8)}
    each = {outcomes[number]: 2 * size[number] + tail[number] for number in range(8)}
    assert last["pending"] == each[Outcome.PENDING]
    assert last["delivered"] == each[Outcome.ACCEPTED]
    assert last["failed"] == each[Outcome.REJECTED] + each[Outcome.FAILED]
    assert last["push_unsubscriptions"] == each[Outcome.GONE]
    assert last["expired"] == each[Outcome.EXPIRED]
    assert last["suppressed"] == each[Outcome.SUPERSEDED]
    assert last["cancelled"] == each[Outcome.CANCELLED]
    with world.store.read() as unit:
        assert unit.parcels.disagreeing() == []


def test_the_database_refuses_counts_that_do_not_add_up(world: World, owner: Account) -> None:
    send(world, owner)

    with pytest.raises(IntegrityError, match="adds_up"), world.database.write() as connection:
        connection.execute(update(parcel).values(pending=2))
    with world.database.write() as connection:
        connection.execute(update(parcel).values(pending=2, accepted=1))

    with world.store.read() as unit:
        assert unit.parcels.disagreeing() == [row.id for row in world.rows(parcel)]


def test_an_execution_is_done_when_nobody_is_pending(world: World, owner: Account) -> None:
    first, second = world.order(owner), world.order(owner)
    world.planning.plan(now_ms=world.clock.now_ms())
    world.cut_all()
    held = {one.execution_id: one for one in lease(world)}
    (done, _), (open_, _) = sorted(held.items())
    for index in range(3):
        held[done].settle(index, Outcome.ACCEPTED)
        if index:
            held[open_].settle(index, Outcome.FAILED)
    for one in held.values():
        record(world, one, due_ms=0)
    now_ms = world.clock.forward(500)

    assert world.counting.close(now_ms=now_ms) == 1
    assert world.counting.close(now_ms=now_ms) == 0

    of_first = world.history(owner, first)[0].execution
    of_second = world.history(owner, second)[0].execution
    assert (of_first.state, of_first.end_ms) == ("done", now_ms)
    assert (of_second.state, of_second.end_ms) == ("sending", None)
    assert world.tasks.view(owner.scope, first).status is Status.FINISHED
    assert world.tasks.view(owner.scope, second).status is Status.ACTIVE


def test_an_execution_that_is_still_cut_is_not_done(
    world: World, owner: Account, site: Container
) -> None:
    world.set_next_ordinal(owner, 1 << 20)
    world.join(site, 9)
    found = world.execute(owner)
    world.cut_one()
    for held in lease(world):
        for index in list(held.pending()):
            held.settle(index, Outcome.ACCEPTED)
        record(world, held, due_ms=0)

    assert world.counting.close(now_ms=world.clock.now_ms()) == 0
    assert world.state(found) == "cutting"
