"""Reach: exact numbers that add up, of what was acknowledged; and why somebody is left out."""

from typing import Any, Final

import pytest
from naming import criterion, custom, new_segment, started, targeting
from world import World, enrolment

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.services.reaching import Reach, why_not
from tocsin.services.vocabulary import Unknown, unknown_items

SHARD: Final = 1 << 20
BELGRADE: Final = "Europe/Belgrade"


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


@pytest.fixture
def site(world: World, owner: Account) -> Container:
    """Return a site of the tenant, with people in two shards."""
    site = world.container(owner, "https://www.example.com", "https://example.org")
    world.join(site, 1, country="RS", time_zone=BELGRADE, user_data={"plan": "gold"})
    world.join(site, 2, country="RS", time_zone=None, host="Example.org")
    world.set_next_ordinal(owner, SHARD)
    world.join(site, 3, country="RS", time_zone="Europe/London", browser=12)
    world.join(site, 4, country="CA", time_zone=BELGRADE, host="other.example")
    return site


def reach(world: World, owner: Account, value: dict[str, Any] | None = None) -> Reach:
    return world.count(owner.scope, targeting(value), now_ms=world.clock.now_ms())


def fold(world: World) -> None:
    while world.indexing.fold():
        pass


@pytest.mark.usefixtures("site")
def test_the_numbers_of_a_reach(world: World, owner: Account) -> None:
    value = criterion("countries", "RS") | custom("plan", "silver", op="exclude") | custom("x", "y")
    value["user_data"] = {
        "plan": {"op": "exclude", "items": ["gold"]},
        "a.b": {"op": "exclude", "items": ["x"]},
    }
    value |= {"subscribed_age": {"to": 0}} | criterion("browsers", "12", op="exclude")

    for _ in ("unfolded", "folded"):
        assert reach(world, owner) == Reach(
            total=4,
            applications={"www.example.com": 2, "example.org": 1, "other.example": 1},
            time_zones={BELGRADE: 2, "": 1, "Europe/London": 1},
            waterfall=(),
        )
        assert reach(world, owner, value) == Reach(
            total=1,
            applications={"example.org": 1},
            time_zones={"": 1},
            waterfall=(
                ("countries", 3),
                ("user_data.plan", 2),
                ("user_data.a.b", 2),
                ("subscribed_age", 2),
                ("browsers", 1),
            ),
        )
        fold(world)


def test_nobody_is_nothing(world: World, owner: Account) -> None:
    assert reach(world, owner, criterion("countries", "RS")) == Reach(
        0, {}, {}, (("countries", 0),)
    )


def test_what_was_acknowledged_is_in_the_next_answer(
    world: World, owner: Account, site: Container
) -> None:
    fold(world)
    taken = world.join(site, 1, time_zone="Asia/Tokyo", host="new.example")
    world.join(site, 5, time_zone="Asia/Tokyo", host="new.example")
    world.subscribers.leave(site, taken.id, taken.secret)

    found = reach(world, owner)

    assert found.total == 4
    assert found.time_zones == {"": 1, "Asia/Tokyo": 1, BELGRADE: 1, "Europe/London": 1}
    assert found.applications["new.example"] == 1


def test_a_child_counts_its_own(world: World, owner: Account, site: Container) -> None:
    child = world.account(owner)
    world.join(world.container(child), 9, time_zone=BELGRADE)
    world.join(site, 10)

    for _ in ("unfolded", "folded"):
        assert reach(world, child).total == 1
        assert reach(world, child).time_zones == {BELGRADE: 1}
        assert reach(world, owner).total == 6
        fold(world)


def test_the_first_criterion_that_leaves_somebody_out_is_named(
    world: World, owner: Account, site: Container
) -> None:
    gold = new_segment(world, owner, custom("plan", "gold"))
    value = criterion("countries", "RS") | criterion("segments", gold) | custom("plan", "gold")
    people = {n: world.subscriber(world.join(site, n), site) for n in (1, 2, 4)}
    execution = started(world, owner, value)
    childs = started(world, world.account(owner), value)

    with world.store.read() as unit:
        now_ms = world.clock.now_ms()
        names = {n: why_not(unit, execution, one, now_ms=now_ms) for n, one in people.items()}
        assert names == {1: None, 2: "segments", 4: "countries"}
        assert why_not(unit, childs, people[1], now_ms=now_ms) == "accounts"


def unknown(world: World, owner: Account, value: dict[str, Any]) -> Unknown:
    with world.store.read() as unit:
        return unknown_items(unit, owner.scope, targeting(value), field="t")


# Of each attribute, items that name something, and items that do not.
ITEMS: Final[dict[str, tuple[list[str], list[str]]]] = {
    "accounts": (["1"], ["77", str(2**64 - 1)]),
    "apps": (["1"], ["77", str(2**63)]),
    "groups": ([], ["1", "0"]),
    "application_groups": ([], ["1"]),
    "segments": ([], ["1"]),
    "browsers": (["12"], ["77"]),
    "os": (["4"], ["100"]),
    "regions": (["792680"], ["2"]),
    "applications": (
        ["WWW.example.com", "*.example.com", "*.com", "other.example", "*.example"],
        ["example.com", "*.www.example.com", "*.net", "wwww.example.com"],
    ),
}


def test_items_that_name_nothing_are_told(world: World, owner: Account, site: Container) -> None:
    world.join(site, 7, region="792680")

    for _ in ("unfolded", "folded"):
        for attribute, (known, strange) in ITEMS.items():
            items = [*known, *strange]
            fields = [f"t.{attribute}.items.{n}" for n in range(len(known), len(items))]
            refused = unknown(world, owner, criterion(attribute, *items, op="exclude"))
            warned = unknown(world, owner, criterion(attribute, *items))
            assert [fault.field for fault in refused.faults] == fields
            assert [fault.field for fault in warned.warnings] == fields
            assert not refused.warnings
            assert not warned.faults
            assert refused.faults[0].message.endswith(": it would exclude nobody")
            assert warned.warnings[0].message.endswith(": it matches nobody")
        fold(world)


def test_a_host_is_known_before_anybody_subscribed_there(world: World, owner: Account) -> None:
    world.container(owner, "https://a.fresh.example")
    items = ["A.fresh.example", "*.fresh.example", "*.example", "*.a.fresh.example"]

    refused = unknown(world, owner, criterion("applications", *items, op="exclude")).faults

    assert [one.field for one in refused] == ["t.applications.items.3"]


def test_open_criteria_name_whatever_they_like(world: World, owner: Account) -> None:
    value = (
        criterion("users", 7, op="exclude")
        | criterion("remote_users", "x", op="exclude")
        | criterion("countries", "RS", op="exclude")
        | criterion("languages", "sr", op="exclude")
        | custom("plan", "gold", op="exclude")
        | {"subscribed_age": {"from": 3}}
    )

    assert unknown(world, owner, value) == Unknown([], [])


def test_what_a_caller_does_not_see_names_nothing(
    world: World, owner: Account, site: Container
) -> None:
    child = world.account(owner)
    own = world.container(child, "https://own.example")
    world.register(enrolment(site, 20, region="2"), enrolment(own, 21, region="3"))
    active, off = (new_segment(world, child, {}, active=active) for active in (True, False))
    items = {
        "accounts": (owner.id, child.id),
        "apps": (site.id, own.id),
        "applications": ("www.example.com", "own.example"),
        "regions": (2, 3),
        "segments": (new_segment(world, owner, {}), active),
    }

    for _ in ("unfolded", "folded"):
        for attribute, (hidden, seen) in items.items():
            value = criterion(attribute, hidden, seen, op="exclude")
            refused = unknown(world, child, value).faults
            assert [one.field for one in refused] == [f"t.{attribute}.items.0"]
            assert not unknown(world, owner, value).faults
        fold(world)
    assert unknown(world, owner, criterion("segments", off, op="exclude")).faults


@pytest.mark.usefixtures("site")
def test_a_hostile_list_gets_a_short_answer(world: World, owner: Account) -> None:
    value = criterion("apps", *range(100, 200), op="exclude")

    assert len(unknown(world, owner, value).faults) == 21
