"""Three hosts at one database, one of which is cut off in mid-send and comes back by itself."""

from contextlib import closing
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM
from time import time_ns
from typing import Any

import pytest
from network import DATABASE, PUSH, Network, await_started

from falls import (
    MOST_REPEATED_PER_FALL,
    Fall,
    most_of_one_fall,
    open_on_disk,
    sent_and_repeated,
)
from postgres import Postgres
from programs import Programs
from rig import Rig, until
from tocsin.services.sending import ROOM
from tocsin.store.engine import Database

PEOPLE = ROOM + 500  # more than one sender has room for
FEW = 100
WITHIN_S = 150


@pytest.mark.parametrize(
    "kinds", [pytest.param((DATABASE, PUSH), id="all"), pytest.param((DATABASE,), id="database")]
)
def test_a_host_that_was_cut_off_loses_nothing_and_goes_on_by_itself(
    kinds: tuple[str, ...],
    network: Network,
    far_postgres: Postgres,
    programs: Programs,
    tmp_path: Path,
) -> None:
    rig = Rig.build(programs, far_postgres.new_database(), tmp_path)
    rig.subscribe_virtual(PEOPLE)
    rig.behave([{"delay_ms": 200}])
    rig.leave_web_alone()
    network.reach(programs, int(rig.push_service.address.rpartition(":")[2]))
    cut, *others = network.hosts
    planners = [host.work(rig, "planner") for host in network.hosts]
    senders = [host.work(rig, "sender") for host in network.hosts]
    await_started(*planners, *senders)

    # The first takes as much as it has room for before the others may take any.
    for sender in senders[1:]:
        sender.interrupt_leader(SIGSTOP)
    task_id = rig.post(order("Cut off"))
    until(lambda: rig.report()["received"] >= PEOPLE // 20 or None, within=WITHIN_S)
    for sender in senders[1:]:
        sender.interrupt_leader(SIGCONT)
    from_ms = time_ns() // 1_000_000
    cut.cut(*kinds)
    with closing(Database(rig.database_url)) as database:
        still_open = open_on_disk(database)
    assert_whole(rig.until_done(task_id, within=WITHIN_S)["counters"], PEOPLE)
    assert "lease_lost" not in senders[0].output, "the cut off sender heard of it"

    for worker in (*planners[1:], *senders[1:]):
        worker.interrupt_leader(SIGTERM)
    assert [worker.wait() for worker in (*planners[1:], *senders[1:])] == [0] * 2 * len(others)
    cut.join(*kinds)
    senders[0].expect("lease_lost", within=WITHIN_S)
    later_id = rig.post(order("Back again", total_user=FEW))
    assert_whole(rig.until_done(later_id, within=WITHIN_S)["counters"], FEW)
    fall = Fall(from_ms, time_ns() // 1_000_000, still_open)

    sent, repeats = sent_and_repeated(rig.report("/subscribers"))
    assert sent >= {("Cut off", n) for n in range(PEOPLE)}, "somebody is missed"
    assert len(sent) == PEOPLE + FEW
    print(f"{len(repeats)} repeats after the cut")
    assert most_of_one_fall(repeats, [fall]) <= MOST_REPEATED_PER_FALL
    assert_whole(rig.until_done(task_id)["counters"], PEOPLE)
    assert planners[0].running
    assert rig.report()["violations"] == []
    assert "BAD" not in rig.tocsin("doctor")


def order(name: str, **fields: Any) -> dict[str, Any]:
    message = {"title": {"en": name}, "landing_url": "https://www.example.com/"}
    return {
        "name": name,
        "status": 1,
        "start_time": "immediately",
        "message": message,
        **fields,
    }


def assert_whole(counters: dict[str, int], people: int) -> None:
    assert counters["delivered"] == counters["total_user"] == people
