"""Commands in mid-send: who is not on the wire by then is not sent (F31)."""

from typing import Final

import pytest
from scene import PEOPLE, PushService, Scene, Web, now_ms

from rig import until

WITHIN_MS: Final = 2_000
"""Half a second until a sender asks, a request, and what a slow machine takes."""


@pytest.fixture
def push_service(scene: Scene) -> PushService:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin)
    push_service.behave({"delay_ms": 250})
    return push_service


def command(scene: Scene, web: Web, task_id: int, name: str) -> int:
    """Give a command; return the instant at which it was accepted."""
    status, _, problem = web.ask("POST", f"/v1/hood/push-tasks/{task_id}/{name}")
    assert status == 204, problem
    at_ms = now_ms()
    scene.tend()
    return at_ms


def await_quiet(scene: Scene) -> None:
    """Wait until no sender holds a parcel: what was on the wire is answered and recorded."""
    until(lambda: True if scene.leased() == 0 else None, within=30)


def assert_stopped(push_service: PushService, since_ms: int) -> None:
    """See that nothing was sent later than soon after a command."""
    last_ms = push_service.report()["last_ms"]
    print(f"the last was sent {last_ms - since_ms} ms after the command")
    assert last_ms <= since_ms + WITHIN_MS


def test_pause_keeps_the_place_and_cancel_ends_it(scene: Scene, push_service: PushService) -> None:
    web = scene.start_web()
    scene.start_sender()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 8)

    at_ms = command(scene, web, task_id, "pause")
    await_quiet(scene)
    assert_stopped(push_service, at_ms)
    (paused,) = scene.executions(task_id)
    assert paused.execution.state.value == "paused"
    assert paused.counters["delivered"] == push_service.received < PEOPLE // 2

    command(scene, web, task_id, "resume")
    push_service.await_received(PEOPLE // 2)
    at_ms = command(scene, web, task_id, "cancel")
    counters = scene.until_over(task_id)
    assert_stopped(push_service, at_ms)
    assert counters["delivered"] == push_service.received
    assert counters["cancelled"] == PEOPLE - push_service.received > 0
    assert push_service.report()["repeated"] == 0


def test_a_later_execution_takes_over_and_nobody_gets_an_older_message_after_it(
    scene: Scene, push_service: PushService
) -> None:
    web = scene.start_web()
    scene.start_sender()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 4)

    at_ms = command(scene, web, task_id, "run")
    counters = scene.until_over(task_id)

    assert counters["delivered"] == PEOPLE
    older = scene.executions(task_id)[0].counters
    assert older["suppressed"] == PEOPLE - older["delivered"] > 0
    arrivals = [line["arrival_ms"] for line in push_service.lines("subscribers").values()]
    assert len(arrivals) == PEOPLE
    twice = [line for line in arrivals if len(line) > 1]
    assert len(twice) == older["delivered"]
    assert all(first_ms <= at_ms + WITHIN_MS for first_ms, _ in twice)
