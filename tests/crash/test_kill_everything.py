"""SIGKILL of the whole program at random moments: nobody is missed, little is repeated."""

import random
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import time_ns
from typing import Any

from pyroaring import BitMap
from sqlalchemy import select

from programs import Programs
from rig import TITLES, Rig, until
from tocsin.domain.outcome import Outcome
from tocsin.store.engine import Database
from tocsin.store.tables import parcel, subscriber
from tocsin.workers.origin_gate import WIDEST_WINDOW
from tocsin.workers.sender import RECORD_EVERY

PEOPLE = 5_000
KILLS = 4
# Known but not recorded, answered in one turn, and on the wire: what one sender may lose.
MOST_REPEATED_PER_KILL = RECORD_EVERY + 2 * WIDEST_WINDOW


@dataclass(frozen=True)
class Kill:
    """One SIGKILL: whose outcome was on the disk then, and when the next server started."""

    recorded: frozenset[int]
    restart_ms: int


def test_nobody_is_missed_and_only_what_was_on_the_wire_is_repeated(
    programs: Programs, database_url: str, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print(f"moments of seed {seed}")
    draw = random.Random(seed)
    rig = Rig.build(programs, database_url, tmp_path)
    rig.subscribe_virtual(PEOPLE)
    rig.behave([{"delay_ms": 40}])  # so that there is always something on the wire

    task_id = rig.post(
        {
            "name": "Killed",
            "status": 1,
            "start_time": "immediately",
            "message": {"title": TITLES, "landing_url": "https://www.example.com/"},
        }
    )
    kills = []
    for share in sorted(draw.uniform(0, 0.9) for _ in range(KILLS)):
        until(lambda share=share: _has(rig, int(share * PEOPLE)), within=60)
        assert rig.server is not None
        rig.server.kill()
        rig.server.expect_end()
        kills.append(Kill(_recorded(database_url), time_ns() // 1_000_000))
        rig.serve()
    execution = rig.until_done(task_id)

    got = {line["n"]: line for line in rig.report("/subscribers")}
    assert got.keys() == set(range(PEOPLE)), "somebody was missed"
    assert execution["counters"]["delivered"] == PEOPLE
    assert execution["counters"]["total_user"] == PEOPLE
    assert {topic for line in got.values() for topic in line["topics"]} == {got[0]["topics"][0]}, (
        "a repeat had another Topic"
    )
    for line in got.values():
        _assert_excused(line, kills)
    repeats = sum(line["count"] - 1 for line in got.values())
    print(f"{repeats} repeats after {KILLS} kills")
    assert repeats <= KILLS * MOST_REPEATED_PER_KILL
    assert rig.report()["violations"] == []
    assert "ok   every parcel's counts" in rig.tocsin("doctor")


def _has(rig: Rig, count: int) -> bool | None:
    return rig.report()["received"] >= count or None


def _assert_excused(line: dict[str, Any], kills: list[Kill]) -> None:
    """Assert that each repeat lies behind a kill at which the first had no outcome on the disk."""
    for before_ms, after_ms in pairwise(line["arrival_ms"]):
        assert any(
            before_ms <= kill.restart_ms <= after_ms and line["n"] not in kill.recorded
            for kill in kills
        ), f"subscriber {line['n']} got a repeat that no kill explains"


def _recorded(database_url: str) -> frozenset[int]:
    """Return the virtual subscribers that the database knows to be accepted."""
    database = Database(database_url)
    try:
        with database.read() as connection:
            numbers = {
                row.ordinal: int(row.remote_user_id.removeprefix("virtual-"))
                for row in connection.execute(
                    select(subscriber.c.ordinal, subscriber.c.remote_user_id)
                )
            }
            parcels = connection.execute(select(parcel.c.recipients, parcel.c.outcomes)).all()
    finally:
        database.close()
    return frozenset(
        numbers[ordinal]
        for recipients, outcomes in parcels
        for ordinal, outcome in zip(BitMap.deserialize(recipients), outcomes, strict=True)
        if outcome == Outcome.ACCEPTED
    )
