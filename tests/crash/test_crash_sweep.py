"""SIGKILL of senders, planners and the API at random moments, while tasks are posted and sent.

Nobody is missed, nothing is acknowledged and gone, and what comes twice a fall explains. The long
form is `make crash-sweep`: TOCSIN_SWEEP_KILLS=200 pytest tests/crash/test_crash_sweep.py
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import time_ns
from typing import Any, Final

from careful_client import CarefulClient
from crews import Apart, Crew, Together
from sqlalchemy import select

from falls import (
    MOST_REPEATED_PER_FALL,
    Fall,
    most_of_one_fall,
    open_on_disk,
    sent_and_repeated,
)
from programs import Programs
from rig import Rig, until
from tocsin.store.engine import Database
from tocsin.store.parcels import Parcels
from tocsin.store.tables import execution, parcel

KILLS: Final = int(os.environ.get("TOCSIN_SWEEP_KILLS", "12"))
PEOPLE: Final = 600
MOST_WAITING: Final = 6 * PEOPLE
POSTS_BESIDE_A_KILL: Final = 3
LOOKS: Final = (0, 0, 1, 2, 4, 8, 16, 32, 64)
"""So many looks at the push service go by before a kill."""

WITHIN_S: Final = 180


def test_a_sweep_of_kills_loses_nothing_and_repeats_little(
    programs: Programs, database_url: str, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print(f"kills of seed {seed}")
    rig = Rig.build(programs, database_url, tmp_path, TOCSIN_SENDERS="2")
    with closing(Database(database_url)) as database:
        sweep = Sweep.begun(rig, database, random.Random(seed))
        with ThreadPoolExecutor(POSTS_BESIDE_A_KILL) as pool:
            for _ in range(KILLS):
                sweep.kill_one(pool)
        released = sweep.finish()

    assert sweep.client.all_tasks() == {
        name: [task_id] for name, task_id in sweep.client.acknowledged.items()
    }
    sweep.assert_replayed()
    sent, repeats = sent_and_repeated(rig.report("/subscribers"))
    assert sent == {(name, n) for name in sweep.active for n in range(PEOPLE)}, "somebody is missed"
    most = most_of_one_fall(repeats, sweep.falls)
    print(
        f"{sweep.kills.total()} kills {dict(sweep.kills)}, {len(sweep.falls)} of them of senders; "
        f"{len(sweep.client.acknowledged)} tasks in {sweep.client.tried} requests, "
        f"{len(sweep.active)} of them sent to {PEOPLE} people each; "
        f"lost 0, {len(repeats)} repeats, {most} at most for one fall; "
        f"{released} parcels parked and released"
    )
    assert most <= MOST_REPEATED_PER_FALL
    assert rig.report()["violations"] == []
    assert "BAD" not in rig.tocsin("doctor")


@dataclass
class Sweep:
    """A Tocsin that is killed all the time. active: the names of those tasks that are sent."""

    rig: Rig
    database: Database
    draw: random.Random
    client: CarefulClient
    crew: Crew
    active: list[str] = field(default_factory=list)
    falls: list[Fall] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    def begun(cls, rig: Rig, database: Database, draw: random.Random) -> "Sweep":
        """Return one with people, in the form that its database is run in."""
        rig.subscribe_virtual(PEOPLE)
        rig.behave([{"delay_ms": 100}])  # so that there is always something on the wire
        client = CarefulClient(rig)
        crew = Together(rig, client) if database.is_sqlite else Apart(rig, client)
        crew.start()
        return cls(rig, database, draw, client, crew)

    def kill_one(self, pool: ThreadPoolExecutor) -> None:
        """Post some tasks; in the midst of that, or later, kill somebody and replace them."""
        is_patient = self.draw.random() < 0.5  # else somebody is killed who has only just begun
        if is_patient:
            self.crew.await_all()
        report = self.rig.report()
        enough = report["received"] + self.draw.randint(1, PEOPLE // 2)
        names = [f"task-{next(self._numbers)}" for _ in range(POSTS_BESIDE_A_KILL)]
        waiting = len(self.active) * PEOPLE - report["received"] + report["repeated"]
        if waiting < MOST_WAITING:
            self.active.append(names[0])  # the others are kept, and not sent
        posting = [
            pool.submit(self.client.post, name, active=name in self.active) for name in names
        ]
        if is_patient:
            until(lambda: self.rig.report()["received"] >= enough or None, within=WITHIN_S)
        for _ in range(self.draw.choice(LOOKS)):
            self.rig.report()
        victim = self.draw.choice(self.crew.victims())
        role = victim.partition(" ")[0]
        from_ms = time_ns() // 1_000_000
        self.crew.kill(victim)
        if role in {"sender", "server"}:
            # What waits at the push service's door is let in by the first, and read by the other.
            self.rig.report()
            self.rig.report()
            until_ms = time_ns() // 1_000_000
            self.falls.append(Fall(from_ms, until_ms, open_on_disk(self.database)))
        self.kills[role] += 1
        self.crew.replace(victim)
        for post in posting:
            post.result()

    def finish(self) -> int:
        """Wait until every execution is done; return how many parcels had to be released."""
        released: set[int] = set()
        for name in self.active:
            task_id = self.client.acknowledged[name]

            def look(task_id: str = task_id) -> dict[str, Any] | None:
                self._release_parked(released)
                found = self.rig.execution(task_id)
                return found if found and found["state"] == "done" else None

            counters = until(look, within=WITHIN_S)["counters"]
            assert counters["delivered"] == counters["total_user"] == PEOPLE
            assert counters["pending"] == 0
        return len(released)

    def _release_parked(self, released: set[int]) -> None:
        """Resume the tasks of parked parcels, as the doctor says."""
        with self.database.read() as connection:
            parked = set(Parcels(connection).parked())
            tasks = select(execution.c.task_id).join(parcel).where(parcel.c.id.in_(parked))
            ids = set(connection.scalars(tasks))
        for task_id in ids:
            print(f"parked: parcels {sorted(parked)}")
            path = f"/v1/hood/push-tasks/{task_id}/resume"  # which answers without a body
            self.rig.curl("-X", "POST", "--write-out", "{}", path)
        released |= parked

    def assert_replayed(self) -> None:
        """See that each request that is made again gets the first answer."""
        for name, task_id in list(self.client.acknowledged.items()):
            assert self.client.post(name, active=name in self.active) == task_id
