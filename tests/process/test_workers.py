"""The roles apart: a web process, a planner and two senders against one database."""

from pathlib import Path
from signal import SIGTERM

from postgres import Postgres
from programs import Programs
from rig import TITLES, Rig, until

PEOPLE = 4_000


def test_senders_share_the_work_and_one_that_is_stopped_repeats_nothing(
    programs: Programs, postgres: Postgres, tmp_path: Path
) -> None:
    rig = Rig.build(programs, postgres.new_database(), tmp_path)
    rig.subscribe_virtual(PEOPLE)
    rig.leave_web_alone()
    task_id = rig.post(
        {
            "name": "Shared",
            "status": 1,
            "start_time": "immediately",
            "message": {"title": TITLES, "landing_url": "https://www.example.com/"},
        }
    )
    assert rig.execution(task_id) is None, "a web process plans nothing"
    rig.behave([{"delay_ms": 30}])
    first, second = (rig.work("sender") for _ in range(2))
    rig.work("planner")

    until(lambda: rig.report()["received"] >= PEOPLE // 4 or None, within=60)
    first.interrupt_leader(SIGTERM)
    assert first.wait() == 0
    counters = rig.until_done(task_id)["counters"]

    assert counters["delivered"] == counters["total_user"] == PEOPLE
    report = rig.report()
    assert (report["received"], report["repeated"], report["violations"]) == (PEOPLE, 0, [])
    assert second.running
