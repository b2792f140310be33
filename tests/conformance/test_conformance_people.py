"""Subscribers under the hand of their account: merged, ended, erased; and the index knows."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from world import World, enrolment, in_threads

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.errors import Invalid, NotFound
from tocsin.domain.subscription import Subscriber
from tocsin.services.people import PeopleService
from tocsin.services.subscribers import Enrolled
from tocsin.store.subscribers import Subscribers
from tocsin.store.tables import subscriber, subscriber_attribute, subscription

NOW_MS = 1_770_000_000_000


@pytest.fixture
def owner(world: World) -> Account:
    return world.account()


@pytest.fixture
def site(world: World, owner: Account) -> Container:
    return world.container(owner)


@pytest.fixture
def people(world: World) -> PeopleService:
    return PeopleService(world.store)


def data_of(world: World, one: Enrolled, site: Container) -> Any:
    return world.subscriber(one, site).attributes.user_data


def test_the_erased_leave_nothing_but_a_note_for_the_index(
    world: World, owner: Account, site: Container, people: PeopleService
) -> None:
    gone, stays = world.join(site, 1, user_data={"a": 1}), world.join(site, 2, user_data={"a": 1})
    world.indexing.fold()
    assert world.reach(owner) == {gone.id, stays.id}
    ordinal = world.subscriber(gone, site).ordinal

    people.erase(owner.scope, gone.id)

    for table in (subscriber, subscription, subscriber_attribute):
        assert [row.ordinal for row in world.rows(table)] == [ordinal + 1]
    assert world.changed() == [ordinal]
    assert world.reach(owner) == {stays.id}, "the index has not heard of it yet"
    world.indexing.fold()
    assert world.indexing.is_true()
    assert world.reach(owner) == {stays.id}
    with pytest.raises(NotFound):
        people.erase(owner.scope, gone.id)


def test_whoever_was_unsubscribed_is_erased_as_well(
    world: World, owner: Account, site: Container, people: PeopleService
) -> None:
    gone = world.join(site, 1)
    world.indexing.fold()

    people.unsubscribe(owner.scope, [gone.id], now_ms=NOW_MS)
    people.erase(owner.scope, gone.id)

    world.indexing.fold()
    assert world.indexing.is_true()
    assert not world.rows(subscriber)


def test_each_change_that_the_index_shows_is_noted(
    world: World, owner: Account, site: Container, people: PeopleService
) -> None:
    one = world.join(site, 1, country="CA", user_data={"a": 1})
    canada = {"countries": {"op": "include", "items": ["CA"]}}
    told = {"user_data": {"plan": {"op": "include", "items": ["gold"]}}}
    world.indexing.fold()

    people.set_custom_data(owner.scope, [one.id], {"plan": "gold"}, now_ms=NOW_MS)
    assert (world.reach(owner, told), world.reach(owner, canada)) == ({one.id}, {one.id})
    people.change(owner.scope, one.id, {"country": None, "user_data": {"plan": None}})
    assert (world.reach(owner, told), world.reach(owner, canada)) == (set(), set())
    assert world.reach(owner) == {one.id}
    people.unsubscribe(owner.scope, [one.id], now_ms=NOW_MS)
    assert world.reach(owner) == set()

    world.indexing.fold()
    assert world.indexing.is_true()
    assert data_of(world, one, site) == {"a": 1}


def test_custom_data_that_comes_at_once_is_all_kept(
    world: World, owner: Account, site: Container, people: PeopleService
) -> None:
    """Each reads, merges and writes: without a turn to take, one would write over another."""
    one = world.join(site, 1)
    count = 8

    def tell(number: int) -> None:
        people.set_custom_data(owner.scope, [one.id], {f"key {number}": number}, now_ms=NOW_MS)

    def again() -> None:
        world.register(enrolment(site, 1, language="fr"))

    in_threads(*(lambda number=number: tell(number) for number in range(count)), again)

    assert data_of(world, one, site) == {f"key {number}": number for number in range(count)}
    assert world.subscriber(one, site).attributes.language == "fr"


def test_a_browser_and_its_account_tell_at_once(
    world: World, owner: Account, site: Container, people: PeopleService
) -> None:
    one = world.join(site, 1)

    for number in range(5):
        in_threads(
            lambda number=number: people.set_custom_data(
                owner.scope, [one.id], {f"account {number}": 1}, now_ms=NOW_MS
            ),
            lambda number=number: world.subscribers.change(
                site, one.id, one.secret, {"user_data": {f"browser {number}": 1}}
            ),
        )

    assert len(data_of(world, one, site)) == 10


def test_whom_a_push_service_gives_up_meanwhile_is_not_brought_back(
    world: World, owner: Account, site: Container
) -> None:
    """A change writes the whole row: whoever is read to be changed is locked until then."""
    one = world.subscriber(world.join(site, 1), site)

    def retire() -> bool:
        with world.store.write() as unit:
            return unit.subscribers.retire(one.root_id, one.ordinal, generation=0)

    with ThreadPoolExecutor() as pool:
        with world.store.write() as unit:
            (read,) = unit.subscribers.seen(owner.scope, [one.id], to_change=True)
            retired = pool.submit(retire)
            with pytest.raises(TimeoutError):
                retired.result(timeout=0.2)
            unit.subscribers.replace([(read, replace(read, last_seen_ms=0))])
        assert retired.result()

    with world.store.read() as unit:
        (found,) = unit.subscribers.seen(owner.scope, [one.id])
    assert not found.active


def test_what_a_browser_changes_while_it_is_registered_anew_stays(
    world: World, site: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the row would say one thing of custom data, and its table another, for good."""
    one = world.join(site, 1, user_data={"a": 1})
    read = Subscribers.by_endpoint
    changed: list[Future[None]] = []

    def change() -> None:
        world.subscribers.change(site, one.id, one.secret, {"user_data": {"plan": "gold"}})

    with ThreadPoolExecutor() as pool:

        def read_slowly(self: Subscribers, *what: Any) -> dict[str, Subscriber]:
            found = read(self, *what)
            changed.append(pool.submit(change))
            wait(changed, timeout=0.2)
            return found

        monkeypatch.setattr(Subscribers, "by_endpoint", read_slowly)
        world.clock.forward(1000)
        world.join(site, 1)
        monkeypatch.undo()
        changed[0].result()

    assert data_of(world, one, site) == {"a": 1, "plan": "gold"}
    told = {(row.key, row.value) for row in world.rows(subscriber_attribute)}
    assert told == {("a", "1"), ("plan", "gold")}
    world.join(site, 1, user_data={"plan": "gold"})


def test_one_too_many_keys_for_one_is_too_many_for_all(
    world: World, owner: Account, site: Container, people: PeopleService
) -> None:
    few = world.join(site, 1, user_data={"a": 1})
    full = world.join(site, 2, user_data={f"{number}": 1 for number in range(64)})

    with pytest.raises(Invalid):
        people.set_custom_data(owner.scope, [few.id, full.id], {"b": 1}, now_ms=NOW_MS)

    assert data_of(world, few, site) == {"a": 1}


def test_more_people_than_one_query_takes(
    world: World, owner: Account, site: Container, people: PeopleService
) -> None:
    everybody = world.register(*(enrolment(site, number) for number in range(1000)))

    people.unsubscribe(owner.scope, [one.id for one in everybody], now_ms=NOW_MS)

    with world.database.read() as connection:
        assert set(connection.scalars(select(subscriber.c.active))) == {False}


def test_nobody_is_changed_by_those_who_do_not_see_them(
    world: World, owner: Account, people: PeopleService
) -> None:
    child, stranger = world.account(owner), world.account()
    site = world.container(owner)
    one = world.join(site, 1)

    for scope in (child.scope, stranger.scope):
        people.unsubscribe(scope, [one.id], now_ms=NOW_MS)
        people.set_custom_data(scope, [one.id], {"a": 1}, now_ms=NOW_MS)
        for act in (
            lambda scope=scope: people.view(scope, one.id),
            lambda scope=scope: people.change(scope, one.id, {"language": "fr"}),
            lambda scope=scope: people.erase(scope, one.id),
        ):
            with pytest.raises(NotFound):
                act()
    assert world.subscriber(one, site).active
    assert data_of(world, one, site) == {}
