"""Thousands of drawn targetings against a look at every person, while people change.

A longer run: TOCSIN_DRAWN_ROUNDS=1000 pytest tests/conformance/test_conformance_differential.py
"""

import os
import random
import threading
from collections import Counter
from typing import Any, Final

from drawn_audience import DrawnAudience
from naive_targeting import passed
from naming import started, targeting
from world import World, in_threads

from tocsin.domain.account import Account
from tocsin.domain.errors import Unavailable
from tocsin.domain.subscription import Subscriber
from tocsin.services.indexing import Indexing
from tocsin.services.reaching import Reach, reach
from tocsin.services.resolving import resolve, shards

ROUNDS: Final = int(os.environ.get("TOCSIN_DRAWN_ROUNDS", "20"))
CHANGES: Final = 12
TARGETINGS: Final = 25
PEOPLE: Final = 120
MANY: Final = 8
"""People who have a value of custom data that has bitmaps: among so few, some do."""


def test_drawn_targetings_mean_whom_a_look_at_everybody_finds(world: World) -> None:
    seed = random.randrange(1 << 32)
    print(f"audience of seed {seed}")
    world.indexing = Indexing(world.store, many=MANY)
    drawn = DrawnAudience(world, seed, people=PEOPLE)
    told = Counter[str]()
    for turn in range(ROUNDS):
        for _ in range(CHANGES):
            drawn.happen()
        if turn % 5 == 4:
            while world.indexing.fold():
                pass
        told["not folded"] += bool(world.changed())
        for owner in (drawn.root, drawn.child):
            for _ in range(TARGETINGS):
                told[_ask(drawn, owner, drawn.targeting(owner))] += 1
        _assert_cut(drawn, drawn.targeting(drawn.root, most=3))
        assert world.indexing.is_true(), f"after round {turn}"

    assert told["some"] > ROUNDS * TARGETINGS / 4, "most targetings meant nobody or everybody"
    assert told["not folded"] > ROUNDS / 4


def test_answers_are_of_one_instant_while_others_change_fold_and_rebuild(world: World) -> None:
    seed = random.randrange(1 << 32)
    print(f"audience of seed {seed}")
    world.indexing = Indexing(world.store, many=MANY)
    drawn = DrawnAudience(world, seed, people=PEOPLE)
    values = [drawn.targeting(drawn.root) for _ in range(20)]
    over = threading.Event()

    def happen() -> Counter[str]:
        told = Counter[str]()
        try:
            for turn in range(10 * CHANGES):
                drawn.happen()
                if turn % 30 == 29:
                    told["rebuilt"] += bool(world.indexing.rebuild())
        finally:
            over.set()
        return told

    def ask() -> Counter[str]:
        told = Counter[str]()
        while not over.is_set():
            try:
                told[_ask(drawn, drawn.root, values[told.total() % len(values)])] += 1
            except Unavailable:  # the index is being made anew
                told["later"] += 1
        return told

    def fold() -> Counter[str]:
        told = Counter[str]()
        while not over.is_set():
            told["folded"] += bool(world.indexing.fold())
        return told

    told = sum(in_threads(happen, ask, ask, fold, fold), Counter[str]())
    print(told)
    assert all(told[what] for what in ("some", "folded", "rebuilt"))
    assert world.indexing.is_true()


def _ask(drawn: DrawnAudience, owner: Account, value: dict[str, Any]) -> str:
    """Compare what the index says with a look at everybody; return of which sort the answer is."""
    world = drawn.world
    now_ms, read = world.clock.now_ms(), targeting(value)
    with world.store.read() as unit:
        everybody = unit.subscribers.after(owner.scope, -1, limit=10 * PEOPLE)
        meant = resolve(unit, owner.scope, read, now_ms=now_ms)
        found = [
            ordinal for shard in shards(unit, owner.root_id) for ordinal in shard.judge(meant)[-1]
        ]
        counted = reach(unit, owner.scope, read, now_ms=now_ms)

    active = [one for one in everybody if one.active]
    wanted, expected = _look(drawn, owner, value, active, now_ms)
    assert found == [one.ordinal for one in wanted], value
    assert counted == expected, value
    return "some" if 0 < len(wanted) < len(active) else "everybody or nobody"


def _look(
    drawn: DrawnAudience,
    owner: Account,
    value: dict[str, Any],
    active: list[Subscriber],
    now_ms: int,
) -> tuple[list[Subscriber], Reach]:
    """Return whom a targeting means, and all that is counted of them, person by person."""
    left = active
    names = drawn.names(owner)
    waterfall = []
    told = {one.id: passed(value, one, names, now_ms=now_ms) for one in active}
    criteria = [name for name, _ in next(iter(told.values()), [])]
    for at, name in enumerate(criteria):
        left = [one for one in left if told[one.id][at][1]]
        waterfall.append((name, len(left)))
    applications = Counter((one.attributes.host or "").lower() for one in left)
    time_zones = Counter(one.attributes.time_zone or "" for one in left)
    return left, Reach(len(left), applications, time_zones, tuple(waterfall))


def _assert_cut(drawn: DrawnAudience, value: dict[str, Any]) -> None:
    """See an execution go to those whom its targeting means when it is cut."""
    world, now_ms = drawn.world, drawn.world.clock.now_ms()
    active = [one for one in drawn.everybody() if one.active]
    wanted, _ = _look(drawn, drawn.root, value, active, now_ms)
    execution = started(world, drawn.root, value)
    world.cut_all()
    assert world.recipients(execution) == {one.id for one in wanted}, value
