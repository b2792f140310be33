"""What one process commits wakes the others: no step of a task waits for a rest to be over."""

from pathlib import Path
from time import monotonic
from typing import Final

import pytest

from programs import Programs
from rig import Rig, until

TASKS: Final = 5
LONGEST_S: Final = 8.0
"""Rests alone take more than three seconds for each task: a planner's is 5 s, a sender's 2."""


@pytest.mark.parametrize("apart", [False, True], ids=["serve", "processes apart"])
def test_a_task_goes_out_at_once_whoever_is_asleep(
    programs: Programs, database_url: str, tmp_path: Path, apart: bool
) -> None:
    rig = Rig.build(programs, database_url, tmp_path)
    rig.subscribe_virtual(1)
    if apart:
        rig.leave_web_alone()
        rig.work("planner")
        rig.work("sender")
    begun = monotonic()

    for sent in range(TASKS):
        assert len(rig.messages()) == sent
        rig.post(
            {
                "name": "At once",
                "status": 1,
                "start_time": "immediately",
                "message": {"title": {"en": "Now"}, "landing_url": "https://www.example.com/"},
            }
        )
        until(lambda due=sent + 1: len(rig.messages()) == due or None, within=60)

    assert monotonic() - begun < LONGEST_S
