"""Reports become bits: counted once per message and kind, in whatever order and by whomever."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap
from world import DyingStore, KilledError, World, in_threads

from tocsin.domain.event import COUNTER_OF_KIND, Event, Kind, kinds_of
from tocsin.services.counting import Counting
from tocsin.store.tables import event, event_fold

REPORTS = [("received", None), ("shown", None), ("click", None), ("close", None)] + [
    ("action", button) for button in range(3)
]


def report(execution_id: int, ordinal: int, name: str, action: int | None = None) -> Event:
    kinds = kinds_of(name, action)
    assert kinds is not None
    return Event(execution_id, ordinal, kinds)


def fold_all(world: World) -> None:
    while world.counting.fold():
        pass


def counts(world: World, execution_id: int) -> dict[str, int]:
    with world.store.read() as unit:
        found = unit.executions.event_counts([execution_id]).get(execution_id, {})
    return {COUNTER_OF_KIND[Kind(kind)]: count for kind, count in found.items()}


@pytest.mark.parametrize(
    ("name", "action", "raised"),
    [
        ("received", None, {"wokenup"}),
        ("shown", None, {"wokenup", "impression"}),
        ("click", None, {"wokenup", "impression", "total_click", "click"}),
        ("action", 2, {"wokenup", "impression", "total_click", "action_2"}),
        ("close", None, {"wokenup", "close"}),
    ],
)
def test_a_report_raises_what_it_implies(
    world: World, name: str, action: int | None, raised: set[str]
) -> None:
    owner = world.account()
    found = world.execute(owner)

    world.counting.record([report(found.id, 7, name, action)] * 2)
    world.counting.record([report(found.id, 7, name, action)])
    assert counts(world, found.id) == {}
    fold_all(world)
    world.counting.record([report(found.id, 7, name, action)])
    fold_all(world)

    assert counts(world, found.id) == dict.fromkeys(raised, 1)
    shown = world.history(owner, found.task_id)[0].counters
    assert {name for name in COUNTER_OF_KIND.values() if shown[name]} == raised
    assert world.rows(event) == []


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    reports=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(REPORTS)), min_size=1, max_size=20
    ),
    seed=st.integers(0, 2**32),
)
def test_the_order_of_reports_and_folds_changes_no_number(
    world: World, reports: list[tuple[int, tuple[str, int | None]]], seed: int
) -> None:
    owner = world.account()
    one, other = world.execute(owner).id, world.execute(owner).id
    shuffled = reports * 2
    draw = random.Random(seed)
    draw.shuffle(shuffled)

    for ordinal, (name, action) in reports:
        world.counting.record([report(one, ordinal, name, action)])
        if draw.random() < 0.2:
            world.counting.fold()
    world.counting.record([report(other, at, name, action) for at, (name, action) in shuffled])
    fold_all(world)

    people: dict[str, set[int]] = {}
    for ordinal, (name, action) in reports:
        for kind in kinds_of(name, action) or ():
            people.setdefault(COUNTER_OF_KIND[kind], set()).add(ordinal)
    expected = {name: len(who) for name, who in people.items()}
    assert counts(world, one) == counts(world, other) == expected


def test_a_tallier_that_is_killed_loses_nothing(world: World) -> None:
    found = world.execute(world.account()).id
    world.counting.record([report(found, n, "shown") for n in range(5)])

    with pytest.raises(KilledError):
        Counting(DyingStore(world.store, [1])).fold()

    assert counts(world, found) == {}
    assert world.counting.fold() == 10
    assert counts(world, found) == {"wokenup": 5, "impression": 5}


def test_shards_of_one_execution_add_up(world: World) -> None:
    found = world.execute(world.account()).id
    ordinals = [0, (1 << 20) - 1, 1 << 20, 5 << 20, (1 << 31) - 1]

    world.counting.record([report(found, n, "received") for n in ordinals])
    fold_all(world)

    assert counts(world, found) == {"wokenup": 5}
    rows = world.rows(event_fold)
    assert sorted(row.shard for row in rows) == [0, 1, 5, 2047]
    assert sorted(n for row in rows for n in BitMap.deserialize(row.bits)) == ordinals


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_two_talliers_lose_no_bit(world: World) -> None:
    """One folds the first reports of an execution while another already has the next."""
    # SQLite has one writer: the second tallier takes its turn.
    found = world.execute(world.account()).id
    world.counting.record([report(found, n, "received") for n in range(5000)])
    world.counting.record([report(found, n, "received") for n in range(5000, 5100)])

    in_threads(world.counting.fold, world.counting.fold)
    fold_all(world)

    assert counts(world, found) == {"wokenup": 5100}


def test_talliers_at_once_lose_no_bit(world: World) -> None:
    executions = [world.execute(world.account()).id for _ in range(3)]

    def report_and_fold(start: int) -> None:
        for ordinal in range(start, start + 40, 4):
            world.counting.record(
                [report(one, n, "close") for one in executions for n in range(ordinal, ordinal + 4)]
            )
            world.counting.fold()

    in_threads(*(lambda start=start: report_and_fold(start) for start in (0, 40, 20)))
    fold_all(world)

    for one in executions:
        assert counts(world, one) == {"wokenup": 80, "close": 80}


def test_a_report_of_an_execution_that_is_not_there_counts_nothing_and_blocks_nothing(
    world: World,
) -> None:
    found = world.execute(world.account()).id
    world.counting.record([report(found + 1000, 0, "shown"), report(found, 1, "shown")])

    assert world.counting.fold() > 0
    assert world.counting.fold() == 0
    assert {row.execution_id for row in world.rows(event_fold)} == {found}
