"""Clocks that are wrong, or are set: nobody's lease is taken, and nobody stands still."""

import os
from pathlib import Path
from signal import SIGTERM
from typing import Final

from postgres import Postgres
from programs import Programs
from rig import TITLES, Rig, until

PEOPLE: Final = 4_000
TWO_HOURS: Final = 7_200

# Python imports it before anything else: the program itself knows nothing of it.
SITECUSTOMIZE: Final = """
import time
from pathlib import Path

SHIFT = Path(__file__).with_name("shift")
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + int(SHIFT.read_text())
time.time_ns = lambda: real_ns() + int(SHIFT.read_text()) * 1_000_000_000
"""


class ShiftedClock:
    """The wall clock of a machine of its own. env: what a program on it is started with."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        (directory / "sitecustomize.py").write_text(SITECUSTOMIZE)
        self._directory = directory
        inherited = os.environ.get("PYTHONPATH", "")
        self.env: Final = {"PYTHONPATH": f"{directory}{os.pathsep}{inherited}"}

    def set(self, seconds: int) -> None:
        """Let the clock be so far ahead, from now on; a reader finds the old file or the new."""
        fresh = self._directory / "fresh"
        fresh.write_text(str(seconds))
        fresh.rename(self._directory / "shift")


def test_a_clock_that_jumps_takes_no_lease_and_stalls_no_sender(
    programs: Programs, postgres: Postgres, tmp_path: Path
) -> None:
    rig = Rig.build(programs, postgres.new_database(), tmp_path)
    rig.subscribe_virtual(PEOPLE)
    rig.leave_web_alone()
    rig.behave([{"delay_ms": 100}])
    clock = ShiftedClock(tmp_path / "shifted")
    clock.set(TWO_HOURS)
    true = rig.work("sender")
    rig.work("planner", **clock.env)
    task_id = post(rig)

    until_received(rig, PEOPLE // 8)
    shifted = rig.work("sender", **clock.env)
    until_received(rig, PEOPLE // 4)
    clock.set(-TWO_HOURS)
    until_received(rig, PEOPLE // 2)
    true.interrupt_leader(SIGTERM)
    assert true.wait() == 0
    counters = rig.until_done(task_id)["counters"]

    assert counters["delivered"] == counters["total_user"] == PEOPLE
    report = rig.report()
    assert (report["received"], report["repeated"], report["violations"]) == (PEOPLE, 0, [])
    assert shifted.running
    assert "lease_lost" not in true.output + shifted.output


def test_a_clock_that_is_set_forward_and_back_in_mid_send_repeats_nothing(
    programs: Programs, tmp_path: Path
) -> None:
    """On SQLite, whose clock is that of the machine."""
    clock = ShiftedClock(tmp_path / "shifted")
    clock.set(0)
    url = f"sqlite:///{tmp_path / 'tocsin.db'}"
    rig = Rig.build(programs, url, tmp_path, **clock.env)
    rig.subscribe_virtual(PEOPLE)
    rig.behave([{"delay_ms": 100}])
    first = post(rig)

    until_received(rig, PEOPLE // 8)
    clock.set(TWO_HOURS)
    until_received(rig, PEOPLE // 2)
    clock.set(0)
    executions = [rig.until_done(first), rig.until_done(post(rig))]

    assert [one["counters"]["delivered"] for one in executions] == [PEOPLE, PEOPLE]
    report = rig.report()
    assert (report["received"], report["most_for_one"]) == (2 * PEOPLE, 2)
    assert report["violations"] == []


def post(rig: Rig) -> str:
    """Return the id of a task for everybody, that is due at once."""
    return rig.post(
        {
            "name": "Shared",
            "status": 1,
            "start_time": "immediately",
            "ttl": "86400",
            "message": {"title": TITLES, "landing_url": "https://www.example.com/"},
        }
    )


def until_received(rig: Rig, count: int) -> None:
    until(lambda: rig.report()["received"] >= count or None, within=60)
