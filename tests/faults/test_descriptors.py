"""A sender that runs out of file descriptors, and one that sends for long (F35).

A million pushes: TOCSIN_SENDS=100 TOCSIN_PEOPLE=10000 pytest tests/faults/test_descriptors.py
"""

import os
from resource import RLIMIT_NOFILE, prlimit
from typing import Final

import pytest
from scene import WITHIN_S, Scene, assert_everybody

from programs import Program as Process

PEOPLE: Final = int(os.environ.get("TOCSIN_PEOPLE", "300"))
SENDS: Final = int(os.environ.get("TOCSIN_SENDS", "2"))
FEW: Final = 6


def descriptors(process: Process) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))  # noqa: PTH208 - quicker than a Path for each


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_sender_without_descriptors_goes_on_once_there_are_some(scene: Scene) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin, PEOPLE)
    sender = scene.start_sender()
    _, most = prlimit(sender.pid, RLIMIT_NOFILE)
    prlimit(sender.pid, RLIMIT_NOFILE, (descriptors(sender), most))
    task_id = scene.order()

    sender.expect("loop_failed.*loop=sender")  # not even the database can be opened
    assert push_service.received == 0
    prlimit(sender.pid, RLIMIT_NOFILE, (descriptors(sender) + FEW, most))
    push_service.await_received(1)
    prlimit(sender.pid, RLIMIT_NOFILE, (most, most))

    assert scene.until_over(task_id)["delivered"] == PEOPLE
    assert_everybody(push_service, people=range(PEOPLE))
    assert sender.running


def test_send_after_send_leaves_no_descriptor_behind(scene: Scene) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin, PEOPLE)
    sender = scene.start_sender()
    scene.until_over(scene.order())
    before = descriptors(sender)

    for _ in range(SENDS):
        # A connection that is reset is closed here, and another one is opened.
        push_service.behave({"subscribers": {"modulo": 10}, "reset": "mid_body", "times_each": 1})
        counters = scene.until_over(scene.order(), within=WITHIN_S + PEOPLE / 100)
        assert counters["delivered"] == PEOPLE

    print(f"{before} descriptors at first, {descriptors(sender)} at last")
    assert descriptors(sender) <= before
