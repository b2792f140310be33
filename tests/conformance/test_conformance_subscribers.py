"""Registrations: who is new, who is known, what of them is replaced, and whose they are."""

from dataclasses import replace
from typing import Any

import pytest
from world import P256DH, World, endpoint_of, enrolment, in_threads

from tocsin.domain.container import Container
from tocsin.domain.errors import Invalid, NotFound, Unauthorized
from tocsin.domain.subscriber import Attributes
from tocsin.domain.subscription import Subscription
from tocsin.store.tables import account, audience_change, subscriber


@pytest.fixture
def site(world: World) -> Container:
    """Return the site of a tenant."""
    return world.container(world.account())


def test_a_newcomer_is_stored_whole(world: World, site: Container) -> None:
    given: dict[str, Any] = {
        "language": "pt-BR",
        "time_zone": "Europe/Belgrade",
        "remote_user_id": "žika-7",
        "user_data": {"plan": "gold", "tags": ["a", 1, True]},
        "region": "792680",
        "browser": 12,
    }

    taken = world.register(enrolment(site, 1, derived={"os": 4, "browser": 1}, **given))[0]

    assert taken.created
    now_ms = world.clock.now_ms()
    found = world.subscriber(taken, site)
    assert found.attributes == Attributes(
        account_id=site.account_id,
        container_id=site.id,
        host="www.example.com",
        country="RS",  # of the time zone
        city=None,
        os=4,
        subscribed_ms=now_ms,
        **given,
    )
    assert found.subscription == Subscription(
        endpoint=endpoint_of(1),
        p256dh=P256DH,
        auth=(1).to_bytes(16, "big"),
        vapid_key_id=site.vapid_key_id,
    )
    assert (found.active, found.ordinal, found.last_seen_ms) == (True, 0, now_ms)


def test_the_same_endpoint_is_the_same_subscriber(world: World, site: Container) -> None:
    first = world.join(site, 1, language="en", country="CA", user_data={"a": 1})
    began_ms = world.clock.now_ms()
    world.clock.forward(5000)

    again = world.join(site, 1, language="fr", country=None)

    assert (again.id, again.secret, again.created) == (first.id, first.secret, False)
    found = world.subscriber(again, site)
    assert found.attributes.language == "fr"
    assert found.attributes.country is None, "null says that it is unknown"
    assert found.attributes.user_data == {"a": 1}, "absent says nothing"
    assert found.attributes.subscribed_ms == began_ms
    assert found.last_seen_ms == began_ms + 5000
    assert found.subscription.generation == 0
    assert len(world.rows(subscriber)) == 1


def test_what_is_derived_fills_gaps_alone(world: World, site: Container) -> None:
    taken = world.join(site, 1, language="en")

    world.register(enrolment(site, 1, derived={"language": "de", "browser": 12, "os": None}))

    found = world.subscriber(taken, site).attributes
    assert (found.language, found.browser, found.os) == ("en", 12, None)


def test_keys_that_differ_make_a_new_generation(world: World, site: Container) -> None:
    taken = world.join(site, 1)

    world.register(enrolment(site, 1, auth=b"another auth key"))

    found = world.subscriber(taken, site).subscription
    assert (found.auth, found.generation) == (b"another auth key", 1)


def test_a_move_keeps_the_person(world: World, site: Container) -> None:
    with world.store.write() as unit:
        old_key = site.vapid_key_id
        new_key = unit.containers.add_vapid_key(
            site.id, public_key="newer", sealed_private=b"", now_ms=0
        )
    first = world.join(site, 1, language="en")
    site = world.containers.by_key(site.key)

    moved = world.register(enrolment(site, 2, previous=1))[0]

    assert (moved.id, moved.created) == (first.id, False)
    found = world.subscriber(moved, site)
    assert found.attributes.language == "en"
    assert found.subscription.endpoint == endpoint_of(2)
    assert found.subscription.generation == 1
    assert (old_key, found.subscription.vapid_key_id) == (old_key, new_key)
    assert world.join(site, 1).id != first.id, "the old address is free"


def test_who_was_imported_moves_with_all_that_is_known(world: World, site: Container) -> None:
    known = {"user_data": {"plan": "gold"}, "remote_user_id": "anna", "subscribed_ms": 1000}
    imported = world.register(enrolment(site, 1, active=False, **known))[0]
    with world.store.write() as unit:
        new_key = unit.containers.add_vapid_key(
            site.id, public_key="newer", sealed_private=b"", now_ms=0
        )
    site = world.containers.by_key(site.key)

    moved = world.register(enrolment(site, 2, previous=1, time_zone="Asia/Tokyo"))[0]

    assert (moved.id, moved.created) == (imported.id, False)
    found = world.subscriber(moved, site)
    assert found.active
    assert {name: getattr(found.attributes, name) for name in known} == known
    assert found.subscription == Subscription(
        endpoint=endpoint_of(2),
        p256dh=P256DH,
        auth=(2).to_bytes(16, "big"),
        vapid_key_id=new_key,
        generation=1,
    )


def test_nobody_moves_out_of_another_container(world: World) -> None:
    owner = world.account()
    here, there = world.container(owner), world.container(owner)
    first = world.join(here, 1)

    other = world.register(enrolment(there, 2, previous=1))[0]

    assert other.created
    assert world.subscriber(first, here).subscription.endpoint == endpoint_of(1)


def test_a_known_address_outdoes_the_previous_one(world: World, site: Container) -> None:
    first, second = world.join(site, 1), world.join(site, 2)

    again = world.register(enrolment(site, 2, previous=1))[0]

    assert again.id == second.id
    assert world.subscriber(first, site).subscription.endpoint == endpoint_of(1)


def test_twins_in_one_group_are_one_subscriber(world: World, site: Container) -> None:
    first, second, third = world.register(
        enrolment(site, 1, language="en", country="CA"),
        enrolment(site, 1, language="fr"),
        enrolment(site, 2),
    )

    assert (first.created, second.created, third.created) == (True, False, True)
    assert first.id == second.id != third.id
    found = world.subscriber(first, site).attributes
    assert (found.language, found.country) == ("fr", "CA")
    assert sorted(row.ordinal for row in world.rows(subscriber)) == [0, 1]
    assert world.rows(account)[0].next_ordinal == 2


@pytest.mark.parametrize(
    ("group", "ends_at"),
    [
        pytest.param([(2, 1), (3, 2)], [3], id="on and on"),
        pytest.param([(2, 1), (3, 1)], [3], id="from the same place twice"),
        pytest.param([(2, 1), (1, None)], [1], id="back again"),
        pytest.param([(2, 1), (1, None), (2, None)], [2], id="to and fro"),
        pytest.param([(2, 1), (1, 9)], [1, 9], id="followed by another"),
    ],
)
def test_moves_in_one_group_follow_each_other(
    world: World, site: Container, group: list[tuple[int, int | None]], ends_at: list[int]
) -> None:
    first = world.join(site, 1, language="en")
    if 9 in ends_at:
        world.join(site, 9)

    moved = world.register(*(enrolment(site, to, previous=came) for to, came in group))

    assert {one.id for one in moved} == {first.id}
    rows = [world.subscriber(first, site)]
    assert rows[0].attributes.language == "en"
    assert rows[0].subscription.generation == len(group)
    with world.store.read() as unit:
        everybody = unit.subscribers.by_ordinal(site.root_id, range(10)).values()
    endpoints = sorted(one.subscription.endpoint for one in everybody)
    assert endpoints == [endpoint_of(number) for number in ends_at]


def test_a_bad_registration_does_not_hold_up_its_group(world: World, site: Container) -> None:
    strange = enrolment(site, 1, endpoint="https://push.evil.example/x")
    broken = enrolment(site, 2, auth=b"short")
    off_curve = enrolment(site, 3)
    off_curve = replace(
        off_curve, registration=replace(off_curve.registration, p256dh=b"\x04" + bytes(64))
    )

    results = world.subscribers.register([strange, enrolment(site, 4), broken, off_curve])

    assert [isinstance(result, Invalid) for result in results] == [True, False, True, True]
    assert [result.faults[0].field for result in results if isinstance(result, Invalid)] == [
        "subscription.endpoint",
        "subscription.keys",
        "subscription.keys",
    ]
    assert len(world.rows(subscriber)) == 1
    assert world.subscribers.register([]) == []


def test_whoever_left_and_comes_back_is_active_again(world: World, site: Container) -> None:
    taken = world.join(site, 1)
    world.subscribers.leave(site, taken.id, taken.secret)
    assert not world.subscriber(taken, site).active

    again = world.join(site, 1)

    assert (again.id, again.created) == (taken.id, False)
    assert world.subscriber(taken, site).active


def test_an_import_may_bring_those_who_left(world: World, site: Container) -> None:
    taken = world.register(enrolment(site, 1, active=False))[0]

    assert taken.created
    assert not world.subscriber(taken, site).active
    assert world.rows(audience_change) == [], "the index has nothing to learn of them"


def test_tenants_share_nobody(world: World, site: Container) -> None:
    other = world.container(world.account())

    here, there = world.register(enrolment(site, 1), enrolment(other, 1))

    assert here.created
    assert there.created
    assert here.id != there.id
    moved = world.register(enrolment(other, 2, previous=1))[0]
    assert moved.id == there.id
    assert world.subscriber(here, site).subscription.endpoint == endpoint_of(1)
    with pytest.raises(NotFound):
        world.subscribers.leave(other, here.id, here.secret)


def test_ids_of_64_bits_are_kept(world: World, site: Container) -> None:
    """As numbers with a sign, half of them are below zero: the instant is half of 42 bits."""
    world.clock.forward(2**41 - 20 - world.clock.now_ms())
    ids = set()
    for number in range(40):
        ids.add(world.join(site, number).id)
        world.clock.forward(1)

    assert max(ids) > 2**63 > min(ids)
    assert {row.id for row in world.rows(subscriber)} == ids
    with world.store.read() as unit:
        exported = unit.subscribers.after(
            world.accounts.find(str(site.root_id)).scope, -1, limit=50
        )
    assert {one.id for one in exported} == ids


def test_a_person_changes_what_is_theirs(world: World, site: Container) -> None:
    taken = world.join(site, 1, language="en", country="CA", user_data={"a": 1, "b": 2})

    world.subscribers.change(
        site,
        taken.id,
        taken.secret,
        {"language": None, "user_data": {"a": None, "c": ["x"]}, "remote_user_id": "7"},
    )

    found = world.subscriber(taken, site).attributes
    assert (found.language, found.country, found.remote_user_id) == (None, "CA", "7")
    assert found.user_data == {"b": 2, "c": ["x"]}


@pytest.mark.parametrize("what", ["change", "leave"])
def test_only_the_right_secret_opens(world: World, site: Container, what: str) -> None:
    alice, bob = world.join(site, 1), world.join(site, 2)
    elsewhere = world.container(world.accounts.find(str(site.root_id)))

    def act(at: Container, subscriber_id: int, secret: str) -> None:
        if what == "change":
            world.subscribers.change(at, subscriber_id, secret, {"language": "xx"})
        else:
            world.subscribers.leave(at, subscriber_id, secret)

    for wrong in ("", bob.secret, alice.secret[:-1], alice.secret + "=", "ž"):
        with pytest.raises(Unauthorized):
            act(site, alice.id, wrong)
    with pytest.raises(NotFound):
        act(elsewhere, alice.id, alice.secret)
    with pytest.raises(NotFound):
        act(site, 5, world.keyring.subscriber_secret(5))
    assert world.subscriber(alice, site).active
    assert world.subscriber(alice, site).attributes.language is None

    act(site, alice.id, alice.secret)
    found = world.subscriber(alice, site)
    assert (found.active, found.attributes.language) != (True, None)


def test_groups_at_once_give_everybody_an_ordinal(world: World, site: Container) -> None:
    """Half of each group is known to the other: nobody is stored twice, no ordinal is lost."""
    groups = [range(30), range(15, 45), range(30, 60), range(45)]

    taken = in_threads(
        *(
            lambda numbers=numbers: world.register(*(enrolment(site, n) for n in numbers))
            for numbers in groups
        )
    )

    rows = world.rows(subscriber)
    assert sorted(row.ordinal for row in rows) == list(range(60))
    assert sum(one.created for group in taken for one in group) == 60
    by_number: dict[int, set[int]] = {}
    for numbers, group in zip(groups, taken, strict=True):
        for number, one in zip(numbers, group, strict=True):
            by_number.setdefault(number, set()).add(one.id)
    assert all(len(ids) == 1 for ids in by_number.values())
    assert world.rows(account)[0].next_ordinal == 60


def test_an_export_is_what_the_scope_sees(world: World) -> None:
    root = world.account()
    child = world.account(root)
    mine, childs = world.container(root), world.container(child)
    a, b = world.join(mine, 1), world.join(childs, 2)
    world.join(world.container(world.account()), 3)

    assert [one.id for one in world.subscribers.export(root.scope)] == [a.id, b.id]
    assert [one.id for one in world.subscribers.export(child.scope)] == [b.id]
