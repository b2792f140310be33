"""The index says what the rows say, after any history, and cuts as a look at every row would."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from naming import started, targeting
from sqlalchemy import delete, update
from world import DyingStore, KilledError, World, endpoint_of, enrolment, in_threads

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.criteria import means
from tocsin.domain.subscriber import standing
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import read_targeting
from tocsin.services.indexing import Indexing
from tocsin.services.reaching import reach
from tocsin.services.resolving import resolve
from tocsin.store.tables import audience_bitmap, audience_change, subscriber
from tocsin.store.unit import Unit

LANGUAGES: Final = ["en", "pt", "pt-BR", "sr"]
COUNTRIES: Final = ["CA", "RS", "BR"]
NUMBERS: Final = ["0", "1", "2", "12"]
HOSTS: Final = ["example.com", "www.example.com", "a.www.example.com"]

ATTRIBUTES: Final = st.fixed_dictionaries(
    {},
    optional={
        "language": st.sampled_from([None, *LANGUAGES]),
        "country": st.sampled_from([None, *COUNTRIES]),
        "browser": st.sampled_from([None, 1, 2, 12]),
        "os": st.sampled_from([None, 1, 12]),
        "host": st.sampled_from([None, *HOSTS]),
        "region": st.sampled_from([None, "1", "2"]),
        "remote_user_id": st.sampled_from([None, "1", "2"]),
        "user_data": st.fixed_dictionaries(
            {}, optional={"k": st.sampled_from([None, 1, "2", ["1", True], []])}
        ),
    },
)
BROWSER: Final = st.integers(0, 5)
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("register"), BROWSER, ATTRIBUTES),
        st.tuples(st.just("move"), BROWSER, BROWSER),
        st.tuples(st.just("change"), BROWSER, st.sampled_from([None, *LANGUAGES])),
        st.tuples(st.just("leave"), BROWSER),
        st.tuples(st.just("gone"), BROWSER),
        st.tuples(st.just("fold")),
    ),
    min_size=4,
    max_size=16,
)


def some(items: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(items), min_size=1, max_size=3, unique=True)


def criteria(items: st.SearchStrategy[list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"op": st.sampled_from(["include", "exclude"]), "items": items})


TARGETINGS: Final = st.fixed_dictionaries(
    {},
    optional={
        "languages": criteria(some(LANGUAGES)),
        "countries": criteria(some(COUNTRIES)),
        "browsers": criteria(some(NUMBERS[1:])),
        "os": criteria(some(["1", "12"])),
        "applications": criteria(some([*HOSTS, "*.example.com", "*.com"])),
        "regions": criteria(some(["1", "2"])),
        "remote_users": criteria(some(["1", "2", "3"])),
        "subscribed_age": st.sampled_from([{"from": 0}, {"to": 0}, {"from": 1}]),
        "user_data": st.fixed_dictionaries({"k": criteria(some(["1", "2", "true"]))}),
        "users": criteria(some(NUMBERS)),  # stand for the browsers of these numbers
    },
)


class Town:
    """A tenant with a site of its own and one of a child, whose people come and go."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.root = world.account()
        self.child = world.account(self.root)
        origins = [f"https://{host}" for host in HOSTS]
        self.sites = [world.container(self.root, *origins), world.container(self.child, *origins)]

    def site(self, number: int) -> Container:
        return self.sites[number % 2]

    def find(self, number: int) -> Subscriber | None:
        """Return who is at the address of browser *number*."""
        with self.world.store.read() as unit:
            everybody = unit.subscribers.after(self.root.scope, -1, limit=100)
        at = endpoint_of(number)
        return next((one for one in everybody if one.subscription.endpoint == at), None)

    def take(self, step: tuple[Any, ...]) -> None:
        """Let one step happen; a step about somebody who is not there is nothing."""
        what, *details = step
        act: Callable[..., None] = getattr(self, what)
        act(*details)

    def register(self, number: int, given: dict[str, Any]) -> None:
        self.world.join(self.site(number), number, **given)

    def move(self, number: int, to: int) -> None:
        self.world.register(enrolment(self.site(number), to, previous=number))

    def change(self, number: int, language: str | None) -> None:
        if one := self.find(number):
            self.world.subscribers.change(*self.proof(one), {"language": language})

    def proof(self, one: Subscriber) -> tuple[Container, int, str]:
        """Return what a browser shows to change its own subscription."""
        site = next(site for site in self.sites if site.id == one.attributes.container_id)
        return site, one.id, self.world.keyring.subscriber_secret(one.id)

    def leave(self, number: int) -> None:
        if one := self.find(number):
            self.world.subscribers.leave(*self.proof(one))

    def gone(self, number: int) -> None:
        if one := self.find(number):
            with self.world.store.write() as unit:
                gone = [(one.ordinal, one.subscription.generation)]
                self.world.sending._retire(unit, self.root.id, gone)

    def fold(self) -> None:
        self.world.indexing.fold()

    def meant(self, owner: Account, targeting: dict[str, Any]) -> set[int]:
        """Return whom a targeting means, by a look at every row."""
        read, _ = read_targeting(targeting)
        with self.world.store.read() as unit:
            everybody = unit.subscribers.after(owner.scope, -1, limit=1000)
            meant = resolve(unit, owner.scope, read, now_ms=self.world.clock.now_ms())
        return {
            one.id
            for one in everybody
            if one.active and means(meant, standing(one.attributes, one.id))
        }

    def reached(self, owner: Account, targeting: dict[str, Any]) -> set[int]:
        """Return whom an execution goes to, whatever its targeting excludes in vain."""
        execution = started(self.world, owner, targeting)
        self.world.cut_all()
        return self.world.recipients(execution)

    def spelt(self, targeting: dict[str, Any]) -> dict[str, Any]:
        """Return *targeting* with the ids of people in place of their browsers' numbers."""
        if "users" not in targeting:
            return targeting
        people = {number: self.find(int(number)) for number in targeting["users"]["items"]}
        items = [str(one.id) if one else number for number, one in people.items()]
        return targeting | {"users": {**targeting["users"], "items": items}}


@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, targetings=st.lists(TARGETINGS, min_size=1, max_size=2))
def test_the_index_is_true_and_cuts_as_a_look_at_every_row_does(
    world: World, steps: list[tuple[Any, ...]], targetings: list[dict[str, Any]]
) -> None:
    town = Town(world)
    for step in steps:
        town.take(step)

    assert world.indexing.is_true()
    for wanted in map(town.spelt, targetings):
        for owner in (town.root, town.child):
            assert town.reached(owner, wanted) == town.meant(owner, wanted)
    while world.indexing.fold():
        pass
    assert world.indexing.is_true()
    for wanted in map(town.spelt, targetings):
        assert town.reached(town.root, wanted) == town.meant(town.root, wanted)


@pytest.fixture
def settled(world: World) -> Container:
    """Return a site whose three subscribers are in the index."""
    site = world.container(world.account())
    for number, language in enumerate(["en", "en", "sr"]):
        world.join(site, number, language=language)
    world.indexing.fold()
    return site


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("harm", ["row", "bitmap", "missing"])
def test_an_index_that_is_not_true_is_seen_and_rebuilt(world: World, harm: str) -> None:
    assert world.indexing.is_true()
    with world.database.write() as connection:
        if harm == "row":
            connection.execute(
                update(subscriber).where(subscriber.c.ordinal == 1).values(active=False)
            )
        else:
            bits = audience_bitmap.c.attribute == "languages"
            if harm == "bitmap":
                connection.execute(
                    update(audience_bitmap)
                    .where(bits, audience_bitmap.c.value == "en")
                    .values(value="xx")
                )
            else:
                connection.execute(delete(audience_bitmap).where(bits))

    assert not world.indexing.is_true()
    world.indexing.rebuild()
    assert world.indexing.is_true()


def test_a_change_that_is_not_folded_is_no_untruth(world: World, settled: Container) -> None:
    world.join(settled, 0, language="sr")
    assert len(world.rows(audience_change)) == 1

    assert world.indexing.is_true()


def test_what_does_not_change_a_fact_is_not_noted(world: World, settled: Container) -> None:
    world.join(settled, 0, language="en", city="2", remote_user_id="x")
    world.register(enrolment(settled, 10, previous=0))

    assert world.rows(audience_change) == []
    assert world.indexing.fold() == 0


def test_an_indexer_that_is_killed_loses_nothing(world: World, settled: Container) -> None:
    world.join(settled, 0, language="sr")

    with pytest.raises(KilledError):
        Indexing(DyingStore(world.store, [1])).fold()

    assert len(world.rows(audience_change)) == 1
    assert world.indexing.fold() == 1
    assert world.indexing.is_true()


def test_indexers_and_registrations_at_once_leave_a_true_index(world: World) -> None:
    sites = [world.container(world.account()) for _ in range(2)]

    def register(site: Container) -> None:
        for turn in range(12):
            world.register(
                *(enrolment(site, n, language=LANGUAGES[(n + turn) % 4]) for n in range(6))
            )

    def fold() -> None:
        for _ in range(12):
            world.indexing.fold()

    in_threads(*(lambda site=site: register(site) for site in sites), fold, fold)

    assert world.indexing.is_true()
    while world.indexing.fold():
        pass
    assert world.rows(audience_change) == []
    assert world.indexing.is_true()


def test_an_answer_is_of_its_own_instant_though_another_knows_a_later_one(
    world: World,
) -> None:
    """Both lay what is not folded over the same shard, which the process keeps for all."""
    owner = world.account()
    site = world.container(owner)
    world.join(site, 0, language="en")
    world.indexing.fold()
    serbian = targeting({"languages": {"op": "include", "items": ["sr"]}})

    def count(unit: Unit) -> int:
        return reach(unit, owner.scope, serbian, now_ms=world.clock.now_ms()).total

    world.join(site, 0, language="sr")
    with world.store.read() as early:
        assert count(early) == 1
        world.join(site, 0, language="en")
        with world.store.read() as late:
            assert count(late) == 0
        assert count(early) == 1
        with world.store.read() as late:
            assert count(late) == 0
