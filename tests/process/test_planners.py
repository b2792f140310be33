"""Five planners on one database, frozen, resumed and killed: one execution of each slot."""

import time
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from postgres import Postgres
from programs import Programs
from rig import Rig, until

TASKS = 48
SECONDS = 6


def test_planners_that_freeze_and_die_make_one_execution_of_each_slot(
    programs: Programs, postgres: Postgres, tmp_path: Path
) -> None:
    """Tasks fall due second by second while all planners but one are frozen, each in its turn."""
    rig = Rig.build(programs, postgres.new_database(), tmp_path)
    rig.subscribe_virtual(1)
    assert rig.server is not None
    rig.server.kill()
    rig.serve("--role", "web")
    rig.work("sender")
    first_s = int(time.time()) + 4
    tasks = [order(rig, first_s + number % SECONDS) for number in range(TASKS)]
    planners = [rig.work("planner") for _ in range(5)]
    frozen: list[int] = []

    for awake in cycle(range(4)):
        for number in range(4):
            if number != awake and number not in frozen:
                planners[number].interrupt_leader(SIGSTOP)
                frozen.append(number)
        for number in [one for one in frozen if one == awake]:
            planners[number].interrupt_leader(SIGCONT)
            frozen.remove(number)
        counted = [execution for task in tasks if (execution := rig.execution(task))]
        if len(counted) > TASKS // 2 and planners[4].running:
            planners[4].kill(SIGKILL)
        if time.time() > first_s + SECONDS:
            break
    for number in frozen:
        planners[number].interrupt_leader(SIGCONT)

    executions = [rig.until_done(task) for task in tasks]  # of each task there is one at most
    assert {execution["counters"]["total_user"] for execution in executions} == {1}
    scheduled = [execution["scheduled_time"] for execution in executions]
    assert scheduled == [text(first_s + number % SECONDS) for number in range(TASKS)]
    until(lambda: rig.report()["received"] == TASKS or None, within=10)
    assert rig.report()["repeated"] == 0


def order(rig: Rig, start_s: int) -> str:
    return rig.post(
        {
            "name": "Due",
            "status": 1,
            "start_time": text(start_s),
            "message": {"title": {"en": "Due"}, "landing_url": "https://www.example.com/"},
        }
    )


def text(instant_s: int) -> str:
    """Return an instant as the API writes it."""
    return datetime.fromtimestamp(instant_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
