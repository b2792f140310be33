"""SIGTERM to a sender with requests on the wire, and a second one (F9)."""

from signal import SIGTERM

from scene import MOST_REPEATED, PEOPLE, Scene, assert_everybody

from rig import until


def test_who_is_asked_to_stop_finishes_what_is_on_the_wire_and_gives_the_rest_back(
    scene: Scene,
) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin)
    push_service.behave({"delay_ms": 300})
    sender = scene.start_sender()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 8)

    sender.interrupt_leader(SIGTERM)
    assert sender.wait() == 0

    assert scene.leased() == 0
    (execution,) = scene.executions(task_id)
    assert execution.counters["delivered"] == push_service.received < PEOPLE
    push_service.behave()
    scene.start_sender()
    assert scene.until_over(task_id)["delivered"] == PEOPLE
    assert_everybody(push_service)


def test_who_is_asked_twice_ends_at_once(scene: Scene) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin)
    push_service.behave({"delay_ms": 600_000})
    sender = scene.start_sender()
    task_id = scene.order()
    push_service.await_received(1)

    def asked() -> bool | None:
        sender.interrupt_leader(SIGTERM)
        return None if sender.running else True

    until(asked, within=5)  # it would wait twice as long for its last answers

    assert sender.wait() == 128 + SIGTERM
    push_service.behave()
    scene.end_leases()
    scene.start_sender()
    assert scene.until_over(task_id)["delivered"] == PEOPLE
    assert_everybody(push_service, repeated=MOST_REPEATED)
