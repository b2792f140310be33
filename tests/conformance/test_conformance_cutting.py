"""An execution's audience becomes parcels: the right people, each once, whatever is killed."""

from typing import Any, Final

import pytest
from pyroaring import BitMap
from sqlalchemy import update
from world import DyingStore, KilledError, World, enrolment, in_threads

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import PARCEL_SIZE
from tocsin.services.cutting import Cutting
from tocsin.store.tables import audience_bitmap, audience_change, execution, parcel

SHARD: Final = 1 << 20

# Who there is, by name. Derived from nothing: every attribute is given.
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "ana": {"country": "RS", "language": "sr", "browser": 12, "os": 12, "host": "www.example.com"},
    "bob": {"country": "CA", "language": "en", "browser": 1, "os": 1, "host": "example.com"},
    "cid": {
        "country": "BR",
        "language": "pt-BR",
        "browser": 12,
        "os": 4,
        "host": "a.b.example.com",
    },
    "dee": {"country": "PT", "language": "pt", "browser": 2, "os": 5, "host": "shop.example.org"},
    "eve": {"host": None},
}
EVERYBODY: Final = set(PEOPLE)


def criterion(attribute: str, *items: str, op: str = "include") -> dict[str, Any]:
    return {attribute: {"op": op, "items": list(items)}}


def populate(world: World, site: Container) -> dict[int, str]:
    """Register everybody; return their names by id."""
    taken = world.register(
        *(enrolment(site, number, **given) for number, given in enumerate(PEOPLE.values()))
    )
    return dict(zip((one.id for one in taken), PEOPLE, strict=True))


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


@pytest.fixture
def site(world: World, owner: Account) -> Container:
    """Return a site of the tenant."""
    return world.container(owner, "https://www.example.com", "https://example.org")


@pytest.mark.parametrize(
    ("targeting", "meant"),
    [
        pytest.param(None, EVERYBODY, id="everybody"),
        pytest.param({}, EVERYBODY, id="an empty targeting"),
        pytest.param(criterion("countries", "RS", "ca"), {"ana", "bob"}, id="countries"),
        pytest.param(
            criterion("countries", "RS", op="exclude"), EVERYBODY - {"ana"}, id="no country passes"
        ),
        pytest.param(criterion("languages", "pt"), {"cid", "dee"}, id="a language with its kin"),
        pytest.param(criterion("languages", "PT-br"), {"cid"}, id="a tag alone"),
        pytest.param(
            criterion("languages", "pt", op="exclude"), {"ana", "bob", "eve"}, id="no language"
        ),
        pytest.param(criterion("browsers", "12"), {"ana", "cid"}, id="browsers"),
        pytest.param(criterion("os", "1", "5", "77"), {"bob", "dee"}, id="os, one of them unknown"),
        pytest.param(
            criterion("applications", "Example.com"), {"bob"}, id="a host is not those below"
        ),
        pytest.param(
            criterion("applications", "*.example.com"),
            {"ana", "cid", "eve"},  # eve by the first host of her container
            id="those below a host",
        ),
        pytest.param(criterion("applications", "nowhere.example"), set(), id="an unknown host"),
        pytest.param(
            criterion("countries", "RS", "CA", "BR")
            | criterion("browsers", "12")
            | criterion("languages", "pt", op="exclude"),
            {"ana"},
            id="all of several",
        ),
    ],
)
def test_targeting_means_whom_it_says(
    world: World,
    owner: Account,
    site: Container,
    targeting: dict[str, Any] | None,
    meant: set[str],
) -> None:
    names = populate(world, site)
    world.join(world.container(world.account()), 7, **PEOPLE["ana"])

    assert world.rows(audience_bitmap) == []
    assert {names[id_] for id_ in world.reach(owner, targeting)} == meant
    while world.indexing.fold():
        pass
    assert world.rows(audience_change) == []
    assert {names[id_] for id_ in world.reach(owner, targeting)} == meant


@pytest.mark.parametrize("op", ["include", "exclude"])
def test_users_are_named_by_their_ids(
    world: World, owner: Account, site: Container, op: str
) -> None:
    names = populate(world, site)
    stranger = world.join(world.container(world.account()), 7)
    ids = {name: id_ for id_, name in names.items()}
    named = [str(ids["bob"]), str(ids["eve"]), str(stranger.id), "0", str(2**64 - 1)]
    world.indexing.fold()

    found = world.reach(owner, criterion("users", *named, op=op))

    chosen = {"bob", "eve"} if op == "include" else EVERYBODY - {"bob", "eve"}
    assert {names[id_] for id_ in found} == chosen


def test_a_child_reaches_its_own(world: World, owner: Account, site: Container) -> None:
    child = world.account(owner)
    childs = world.container(child)
    roots = world.join(site, 1, country="RS").id
    own = world.join(childs, 2, country="RS").id
    world.indexing.fold()
    late = world.join(childs, 3, country="RS").id
    world.join(site, 4, country="CA")
    serbia = criterion("countries", "RS")
    everybody = criterion("users", str(roots), str(own))

    assert world.reach(child, serbia) == world.reach(child) == {own, late}
    assert world.reach(child, everybody) == {own}
    assert world.reach(owner, serbia) == {roots, own, late}
    assert world.reach(world.account(owner)) == set()


def test_a_change_that_was_acknowledged_is_seen(
    world: World, owner: Account, site: Container
) -> None:
    names = populate(world, site)
    ids = {name: id_ for id_, name in names.items()}
    world.indexing.fold()
    secret = world.keyring.subscriber_secret

    world.subscribers.leave(site, ids["ana"], secret(ids["ana"]))
    world.subscribers.change(site, ids["bob"], secret(ids["bob"]), {"language": "sr"})
    fay = world.join(site, 9, language="sr").id

    assert world.reach(owner, criterion("languages", "sr")) == {ids["bob"], fay}
    assert world.reach(owner, criterion("languages", "en")) == set()
    world.indexing.fold()
    assert world.reach(owner, criterion("languages", "sr")) == {ids["bob"], fay}
    assert world.reach(owner, criterion("languages", "en")) == set()


def test_parcels_hold_a_thousand_at_most(world: World, owner: Account, site: Container) -> None:
    for start in range(0, 2300, 500):
        world.register(*(enrolment(site, n) for n in range(start, min(start + 500, 2300))))

    found = world.execute(owner)
    assert [piece.recipients for piece in world.cut_all()] == [2300]

    rows = world.rows(parcel)
    assert sorted(row.size for row in rows) == [300, PARCEL_SIZE, PARCEL_SIZE]
    assert sorted(one for row in rows for one in BitMap.deserialize(row.recipients)) == list(
        range(2300)
    )
    for row in rows:
        assert row.pending == row.size == len(row.outcomes)
        assert not any(row.outcomes)
        assert (row.due_ms, row.expires_ms) == (found.due_ms, found.due_ms + 3_600_000)
    with world.store.read() as unit:
        assert unit.executions.outcome_counts([found.id])[found.id][Outcome.PENDING] == 2300


def test_shards_are_cut_one_by_one(world: World, owner: Account, site: Container) -> None:
    low = world.join(site, 1).id
    world.set_next_ordinal(owner, SHARD - 1)
    edges = {world.join(site, n).id for n in (2, 3)}  # the last of shard 0, the first of shard 1
    world.indexing.fold()
    world.set_next_ordinal(owner, 3 * SHARD)
    high = world.join(site, 4).id

    found = world.execute(owner)
    first = world.cut_one()
    assert first is not None
    assert (first.shard, first.recipients) == (0, 2)
    assert world.state(found) == "cutting"
    pieces = world.cut_all()

    assert [(piece.shard, piece.recipients) for piece in pieces] == [(1, 1), (2, 0), (3, 1)]
    assert world.state(found) == "sending"
    assert world.recipients(found) == {low, high} | edges
    assert sorted({row.shard for row in world.rows(audience_bitmap)}) == [0, 1]


def test_a_full_last_shard_is_not_followed_by_another(
    world: World, owner: Account, site: Container
) -> None:
    world.set_next_ordinal(owner, SHARD - 1)
    world.join(site, 1)

    world.execute(owner)

    assert [(piece.shard, piece.recipients) for piece in world.cut_all()] == [(0, 1)]


def test_an_execution_for_nobody_is_cut_and_done(world: World, owner: Account) -> None:
    found = world.execute(owner)

    assert [piece.recipients for piece in world.cut_all()] == [0]
    assert world.state(found) == "sending"
    assert world.counting.close(now_ms=world.clock.now_ms()) == 1
    assert world.state(found) == "done"


@pytest.mark.parametrize("dies_at", [[1], [2], [1, 2], [1, 3], [2, 3, 4]])
def test_a_cutter_goes_on_where_a_killed_one_stopped(
    world: World, owner: Account, site: Container, dies_at: list[int]
) -> None:
    world.join(site, 1)
    world.set_next_ordinal(owner, SHARD)
    world.join(site, 2)
    found = world.execute(owner)
    cutting = Cutting(DyingStore(world.store, dies_at))

    pieces, kills = [], 0
    for _ in range(9):
        bookmark = world.rows(execution)[0].next_ordinal
        parcels = len(world.rows(parcel))
        try:
            some = cutting.cut(now_ms=world.clock.now_ms(), at_once=1)
        except KilledError:
            kills += 1
            assert world.rows(execution)[0].next_ordinal == bookmark
            assert len(world.rows(parcel)) == parcels
        else:
            pieces += some

    assert kills == len(dies_at)
    assert [piece.shard for piece in pieces] == [0, 1]
    assert len(world.rows(parcel)) == 2
    assert len(world.recipients(found)) == 2


def test_many_small_executions_are_cut_together_and_a_large_one_alone(
    world: World, owner: Account, site: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register(*(enrolment(site, number) for number in range(4)))
    everybody, nobody = None, {"countries": {"op": "include", "items": ["RS"]}}
    executions = [world.execute(owner, some) for some in [nobody, everybody, nobody, everybody]]
    monkeypatch.setattr("tocsin.services.cutting.ENOUGH", 4)

    turns = []
    while some := world.cutting.cut(now_ms=world.clock.now_ms()):
        turns.append([(piece.execution_id, piece.recipients) for piece in some])

    first, second, third, last = (one.id for one in executions)
    assert turns == [[(first, 0), (second, 4)], [(third, 0), (last, 4)]]
    assert {world.state(one) for one in executions} == {"sending"}


def test_cutters_at_once_cut_every_shard_once(
    world: World, owner: Account, site: Container
) -> None:
    for shard in range(4):
        world.set_next_ordinal(owner, shard * SHARD)
        world.join(site, shard)
    executions = [world.execute(owner) for _ in range(3)]

    def cut() -> list[tuple[int, int]]:
        done = []
        # On PostgreSQL a cutter that finds all executions locked comes back later.
        while "cutting" in {world.state(one) for one in executions}:
            piece = world.cut_one()
            if piece is not None:
                done.append((piece.execution_id, piece.shard))
        return done

    done = [piece for pieces in in_threads(*[cut] * 3) for piece in pieces]

    assert sorted(done) == [(one.id, shard) for one in executions for shard in range(4)]
    assert all(len(world.recipients(one)) == 4 for one in executions)


def test_an_order_that_cannot_be_read_is_called_off_and_holds_up_no_other(
    world: World, owner: Account, site: Container
) -> None:
    world.join(site, 1)
    world.execute(owner, criterion("countries", "RS"))
    broken = world.rows(execution)[0].id
    with world.database.write() as connection:
        ordered = {**world.rows(execution)[0].ordered, "targeting": {"planets": {}}}
        connection.execute(update(execution).values(ordered=ordered))
    world.execute(owner)

    world.cut_all()

    states = {row.id: (row.state, row.reason) for row in world.rows(execution)}
    assert states[broken][0] == "cancelled"
    assert "planets" in states[broken][1]
    assert {state for id_, (state, _) in states.items() if id_ != broken} == {"sending"}
