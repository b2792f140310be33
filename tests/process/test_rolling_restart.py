"""Every process is restarted in order while a task is sent: nobody is missed, nothing repeated."""

from collections.abc import Callable
from pathlib import Path
from signal import SIGTERM

from postgres import Postgres
from programs import Program, Programs
from rig import Rig, until

PEOPLE = 500
WITHIN_S = 120


def test_each_process_on_its_own(programs: Programs, postgres: Postgres, tmp_path: Path) -> None:
    rig = begun(programs, postgres.new_database(), tmp_path)
    stop(rig.server)
    rig.serve("--role", "web")
    workers = [rig.work(role) for role in ("sender", "sender", "planner")]

    tasks = [
        restarted_in_mid_send(rig, worker, lambda role=role: rig.work(role))
        for worker, role in zip(workers, ("sender", "sender", "planner"), strict=True)
    ]
    tasks.append(restarted_in_mid_send(rig, rig.server, lambda: rig.serve("--role", "web")))

    assert_each_came_once(rig, tasks)


def test_the_whole_server_on_sqlite(programs: Programs, tmp_path: Path) -> None:
    rig = begun(programs, f"sqlite:///{tmp_path / 'tocsin.db'}", tmp_path)

    task = restarted_in_mid_send(rig, rig.server, rig.serve)

    assert_each_came_once(rig, [task])


def begun(programs: Programs, url: str, directory: Path) -> Rig:
    rig = Rig.build(programs, url, directory, TOCSIN_SENDERS="2")
    rig.subscribe_virtual(PEOPLE)
    rig.behave([{"delay_ms": 100}])
    return rig


def restarted_in_mid_send(rig: Rig, old: Program | None, start: Callable[[], Program]) -> str:
    """Post a task, and have *old* end and another start while it is sent; return the task's id."""
    before = rig.report()["received"]
    message = {"title": {"en": "Rolling"}, "landing_url": "https://www.example.com/"}
    order = {"name": "Rolling", "status": 1, "start_time": "immediately", "message": message}
    task_id = rig.post(order)
    until(lambda: rig.report()["received"] > before or None, within=WITHIN_S)
    stop(old)
    start()
    return task_id


def stop(program: Program | None) -> None:
    """Tell every process of a program, and not the parent alone, as systemd does by itself."""
    assert program is not None
    program.kill(SIGTERM)
    assert program.wait() == 0


def assert_each_came_once(rig: Rig, tasks: list[str]) -> None:
    for task_id in tasks:
        counters = rig.until_done(task_id, within=WITHIN_S)["counters"]
        assert counters["delivered"] == counters["total_user"] == PEOPLE
    report = rig.report()
    sent = len(tasks) * PEOPLE
    assert (report["received"], report["repeated"], report["violations"]) == (sent, 0, [])
    assert "BAD" not in rig.tocsin("doctor")
