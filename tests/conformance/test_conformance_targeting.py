"""Every criterion, through the real store: whom it means, cut and counted, folded or not."""

from typing import Any, Final

import pytest
from naming import criterion, custom, group, hosts, meant, new_segment, started, targeting
from sqlalchemy import update
from world import World, enrolment

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.criteria import DAY_MS
from tocsin.domain.errors import Conflict
from tocsin.services.resolving import segment_cycle
from tocsin.store.tables import audience_change, segment, subscriber, subscriber_attribute
from tocsin.store.tables import execution as executions

# Who there is, by name, and which of the two sites they belong to.
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "ana": {
        "country": "RS",
        "region": "792680",
        "remote_user_id": "r-1",
        "user_data": {"plan": "gold", "seats": 3, "tags": ["a", "b"]},
        "host": "www.example.com",
    },
    "bob": {
        "country": "CA",
        "remote_user_id": "R-1",
        "user_data": {"plan": "free", "seats": "3", "vip": True},
        "host": "example.com",
    },
    "cid": {"country": "BR", "user_data": {"plan": None, "tags": []}, "host": "a.b.example.com"},
    "dee": {"country": "PT", "remote_user_id": "žika", "user_data": {"tags": ["b", 1.5]}},
    "eve": {},
}
EVERYBODY: Final = set(PEOPLE)
OF_CHILD: Final = {"dee", "eve"}


class Town:
    """A tenant with a site, and a child of it with another."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.root = world.account()
        self.child = world.account(self.root)
        self.site = world.container(self.root, "https://www.example.com", "https://example.org")
        self.other = world.container(self.child, "https://shop.example.org")
        taken = world.register(
            *(
                enrolment(self.home(name), number, **given)
                for number, (name, given) in enumerate(PEOPLE.items())
            )
        )
        self.ids = dict(zip(PEOPLE, (one.id for one in taken), strict=True))
        self.names = {id_: name for name, id_ in self.ids.items()}

    def home(self, name: str) -> Container:
        return self.other if name in OF_CHILD else self.site

    def meant(self, value: dict[str, Any], owner: Account | None = None) -> set[str]:
        """Return whom a targeting means, before and after the index has folded everything."""
        before = meant(self.world, owner or self.root, self.names, value)
        self.fold()
        assert meant(self.world, owner or self.root, self.names, value) == before
        return before

    def fold(self) -> None:
        while self.world.indexing.fold():
            pass
        assert self.world.rows(audience_change) == []


@pytest.fixture
def town(world: World) -> Town:
    """Return a tenant with people whose changes are not folded, beside another tenant."""
    town = Town(world)
    stranger = world.container(world.account(), "https://www.example.com")
    world.join(stranger, 99, **PEOPLE["ana"])
    return town


CRITERIA: Final[dict[str, tuple[dict[str, Any], set[str]]]] = {
    "region": (criterion("regions", 792680), {"ana"}),
    "no region": (criterion("regions", "792680", op="exclude"), EVERYBODY - {"ana"}),
    "remote user": (criterion("remote_users", "r-1", "nobody"), {"ana"}),
    "bytewise": (criterion("remote_users", "R-1", "žika"), {"bob", "dee"}),
    "no remote user": (criterion("remote_users", "r-1", op="exclude"), EVERYBODY - {"ana"}),
    "text": (custom("plan", "gold"), {"ana"}),
    "case of a text": (custom("plan", "Gold"), set()),
    "number and text": (custom("seats", 3), {"ana", "bob"}),
    "boolean": (custom("vip", True), {"bob"}),
    "one of a list": (custom("tags", "b"), {"ana", "dee"}),
    "either": (custom("tags", 1.5, "a"), {"ana", "dee"}),
    "missing passes": (custom("plan", "gold", op="exclude"), EVERYBODY - {"ana"}),
    "null is missing": (custom("plan", "null"), set()),
    "an empty list passes": (custom("tags", "b", op="exclude"), EVERYBODY - {"ana", "dee"}),
    "each key is a criterion": (
        {"user_data": custom("tags", "b")["user_data"] | custom("seats", 3)["user_data"]},
        {"ana"},
    ),
    "wildcard": (criterion("applications", "*.example.com"), {"ana", "cid"}),
    "all of several": (
        criterion("countries", "RS", "CA", "PT")
        | custom("seats", 3)
        | criterion("remote_users", "r-1", op="exclude"),
        {"bob"},
    ),
    "all are new": ({"subscribed_age": {"from": 0, "to": 0}}, EVERYBODY),
}


def test_a_criterion_means_whom_it_says(town: Town) -> None:
    for _ in ("unfolded", "folded"):
        found = {
            name: meant(town.world, town.root, town.names, value)
            for name, (value, _) in CRITERIA.items()
        }
        assert found == {name: who for name, (_, who) in CRITERIA.items()}
        town.fold()


@pytest.mark.parametrize("op", ["include", "exclude"])
def test_apps_accounts_and_groups(town: Town, op: str) -> None:
    of_child = OF_CHILD if op == "include" else EVERYBODY - OF_CHILD
    by_group = group(town.world, town.root, town.other)
    by_host = hosts(town.world, town.root, "shop.example.org")

    assert town.meant(criterion("apps", town.other.id, op=op)) == of_child
    assert town.meant(criterion("accounts", town.child.id, op=op)) == of_child
    assert town.meant(criterion("groups", by_group, op=op)) == of_child
    assert town.meant(criterion("application_groups", by_host, op=op)) == of_child


def test_a_group_is_as_it_is_when_it_is_used(town: Town) -> None:
    empty, mixed = group(town.world, town.root), group(town.world, town.root, town.site, town.other)

    assert town.meant(criterion("groups", empty)) == set()
    assert town.meant(criterion("groups", empty, op="exclude")) == EVERYBODY
    assert town.meant(criterion("groups", empty, mixed, 2**64 - 1)) == EVERYBODY


def test_segments_of_segments(town: Town) -> None:
    serbia = new_segment(town.world, town.root, criterion("countries", "RS", "CA"))
    paying = new_segment(
        town.world,
        town.root,
        {"segments": {"op": "eq", "items": [serbia]}} | custom("plan", "free", op="neq"),
    )
    off = new_segment(town.world, town.root, {}, active=False)

    assert town.meant(criterion("segments", serbia)) == {"ana", "bob"}
    assert town.meant(criterion("segments", paying)) == {"ana"}
    assert town.meant(criterion("segments", paying, op="exclude")) == EVERYBODY - {"ana"}
    assert town.meant(criterion("segments", off)) == set()
    with pytest.raises(Conflict, match=f"excludes {off} of segments, which is not there"):
        town.meant(criterion("segments", off, op="exclude"))
    both = criterion("segments", serbia) | criterion("countries", "CA")
    assert town.meant(both) == {"bob"}


def test_a_segment_is_evaluated_when_it_is_used(town: Town) -> None:
    late = new_segment(town.world, town.root, custom("plan", "late"))
    assert town.meant(criterion("segments", late)) == set()

    secret = town.world.keyring.subscriber_secret
    town.world.subscribers.change(
        town.site, town.ids["cid"], secret(town.ids["cid"]), {"user_data": {"plan": "late"}}
    )

    assert town.meant(criterion("segments", late)) == {"cid"}


def test_a_child_sees_its_own_alone(town: Town) -> None:
    roots_segment = new_segment(town.world, town.root, {})
    roots_group = group(town.world, town.root, town.other)
    own_segment = new_segment(town.world, town.child, custom("tags", "b"))

    assert town.meant({}, town.child) == OF_CHILD
    assert town.meant(criterion("remote_users", "r-1", op="exclude"), town.child) == OF_CHILD
    assert town.meant(custom("tags", "b"), town.child) == {"dee"}
    assert town.meant(criterion("users", town.ids["ana"]), town.child) == set()
    assert town.meant(criterion("accounts", town.root.id), town.child) == set()
    assert town.meant(criterion("segments", roots_segment), town.child) == set()
    assert town.meant(criterion("groups", roots_group), town.child) == set()
    assert town.meant(criterion("segments", own_segment), town.child) == {"dee"}
    assert town.meant(criterion("segments", own_segment)) == {"ana", "dee"}


def test_the_age_turns_at_whole_days(town: Town) -> None:
    began_ms = town.world.clock.now_ms()
    town.world.clock.forward(DAY_MS)
    town.world.join(town.site, 50)  # one day younger
    ages = {
        "young": {"subscribed_age": {"to": 0}},
        "old": {"subscribed_age": {"from": 1}},
        "both": {"subscribed_age": {"from": 1, "to": 1}},
    }

    def counts(at_ms: int) -> dict[str, int]:
        return {
            name: town.world.count(town.root.scope, targeting(value), now_ms=began_ms + at_ms).total
            for name, value in ages.items()
        }

    for _ in ("unfolded", "folded"):
        assert counts(DAY_MS - 1) == {"young": 6, "old": 0, "both": 0}
        assert counts(DAY_MS) == {"young": 1, "old": 5, "both": 5}
        assert counts(2 * DAY_MS - 1) == {"young": 1, "old": 5, "both": 5}
        assert counts(2 * DAY_MS) == {"young": 0, "old": 6, "both": 1}
        town.fold()


def test_somebody_who_left_is_in_no_look_up(town: Town) -> None:
    secret = town.world.keyring.subscriber_secret
    town.world.subscribers.leave(town.site, town.ids["ana"], secret(town.ids["ana"]))

    for value in (
        custom("plan", "gold"),
        criterion("remote_users", "r-1"),
        criterion("users", town.ids["ana"]),
        {"subscribed_age": {"to": 0}} | criterion("countries", "RS"),
    ):
        assert town.meant(value) == set()


def test_custom_data_is_looked_up_as_it_is_now(town: Town) -> None:
    proof = (town.site, town.ids["ana"], town.world.keyring.subscriber_secret(town.ids["ana"]))
    town.world.subscribers.change(
        *proof, {"user_data": {"plan": ["free", "x", "x"], "seats": None, "new": 0}}
    )

    table = subscriber_attribute
    rows = town.world.rows(table, table.c.root_id == town.root.id, table.c.ordinal == 0)
    assert {(row.key, row.value) for row in rows} == {
        ("plan", "free"),
        ("plan", "x"),
        ("new", "0"),
        ("tags", "a"),
        ("tags", "b"),
    }
    assert town.meant(custom("plan", "gold")) == set()
    assert town.meant(custom("plan", "free")) == {"ana", "bob"}


def test_whoever_is_erased_leaves_nothing(town: Town) -> None:
    with town.world.store.write() as unit:
        before = unit.subscribers.by_ordinal(town.root.id, [0])[0]
        assert unit.subscribers.erase(town.root.id, 0)
        assert not unit.subscribers.erase(town.root.id, 0)
    assert before.id == town.ids["ana"]

    rows = town.world.rows
    assert not rows(subscriber, subscriber.c.id == before.id)
    mine = subscriber_attribute.c.root_id == town.root.id
    assert not rows(subscriber_attribute, mine, subscriber_attribute.c.ordinal == 0)
    assert town.meant(custom("seats", 3)) == {"bob"}
    assert town.meant({}) == EVERYBODY - {"ana"}


def test_a_circle_is_told_before_it_is_saved(town: Town) -> None:
    first = new_segment(town.world, town.root, {})
    second = new_segment(town.world, town.root, criterion("segments", first), active=False)
    third = new_segment(town.world, town.child, criterion("segments", second))

    def circle(id_: str, *named: str) -> str | None:
        with town.world.store.read() as unit:
            value = targeting(criterion("segments", *named))
            return segment_cycle(unit, town.root.id, int(id_), value)

    assert circle(first, first) is not None
    assert circle(first, second) is not None, "one that is not active now may be tomorrow"
    assert circle(first, third) is not None, "by way of a child's"
    assert circle(third, first, second) is None
    assert circle("999", third) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(criterion("segments", "1"), "in a circle: 1 → 1", id="a circle"),
        pytest.param({"planets": {}}, "segment 1 cannot be read", id="one that cannot be read"),
    ],
)
def test_a_segment_that_cannot_be_evaluated_stops_those_who_use_it(
    town: Town, value: dict[str, Any], said: str
) -> None:
    bad = new_segment(town.world, town.root, {})
    assert bad == "1"
    with town.world.database.write() as connection:
        connection.execute(update(segment).values(targeting=value))
    using = targeting(criterion("segments", bad))

    with pytest.raises(Conflict, match=said):
        town.world.count(town.root.scope, using, now_ms=0)
    execution = started(town.world, town.root, criterion("segments", bad))
    other = started(town.world, town.root)
    town.world.cut_all()

    assert town.world.state(execution) == "cancelled"
    assert town.world.state(other) == "sending"


def test_what_was_cut_before_is_swept_up_when_the_rest_cannot_be(town: Town) -> None:
    fragile = new_segment(town.world, town.root, {})
    execution = started(town.world, town.root, criterion("segments", fragile))
    town.world.set_next_ordinal(town.root, 1 << 21)
    town.world.cut_one()
    with town.world.database.write() as connection:
        connection.execute(update(segment).values(targeting={"planets": {}}))

    town.world.cut_all()

    (row,) = town.world.rows(executions, executions.c.id == execution.id)
    assert (row.state, row.sweep) == ("cancelled", "cancelled")
    assert len(town.world.recipients(execution)) == len(EVERYBODY)
