"""Processes that get no more memory (F35)."""

from pathlib import Path
from resource import RLIMIT_DATA, prlimit
from typing import Final

from scene import MOST_REPEATED, TASK, WITHIN_S, Scene, Web, assert_everybody

from programs import Program as Process

FEW: Final = 40
PEOPLE: Final = 6_000  # a sender takes four thousand of them at once
LARGE: Final = {
    **TASK,
    "targeting": {"remote_users": {"op": "include", "items": [f"{n:080}" for n in range(10_000)]}},
}


def data_bytes(process: Process) -> int:
    """Return how much memory of its own a process has, in bytes, as its limit counts it."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmData:"))
    return 1024 * int(line.split()[1])


def give_no_more(process: Process) -> None:
    """Refuse a process every further piece of memory; what it has and has freed stays its own."""
    _, most = prlimit(process.pid, RLIMIT_DATA)
    prlimit(process.pid, RLIMIT_DATA, (data_bytes(process), most))


def give_again(process: Process) -> None:
    _, most = prlimit(process.pid, RLIMIT_DATA)
    prlimit(process.pid, RLIMIT_DATA, (most, most))


def test_a_sender_without_memory_ends_and_the_next_one_goes_on(scene: Scene) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin, FEW)
    sender = scene.start_sender()
    scene.until_over(scene.order())
    push_service.forget()
    scene.subscribe(push_service.origin, PEOPLE - FEW, first=FEW)

    give_no_more(sender)
    task_id = scene.order()
    assert sender.wait(within=WITHIN_S) != 0
    scene.end_leases()
    scene.start_sender()

    assert push_service.received < PEOPLE
    assert scene.until_over(task_id)["delivered"] == PEOPLE
    assert_everybody(push_service, people=range(PEOPLE), repeated=MOST_REPEATED)


def test_what_a_web_process_has_no_memory_for_is_refused_and_the_rest_is_answered(
    scene: Scene,
) -> None:
    web = scene.start_web()
    assert web.ask("POST", "/v1/hood/push-tasks", TASK)[0] == 201

    give_no_more(web.process)
    assert_too_large(web)
    assert web.ask("GET", "/v1/hood/push-tasks")[2]["total"] == 1
    assert web.ask("POST", "/v1/hood/push-tasks", TASK)[0] == 201

    give_again(web.process)
    assert web.ask("POST", "/v1/hood/push-tasks", LARGE)[0] == 201


def assert_too_large(web: Web) -> None:
    """See that a call is refused, or cut off where the answer would have taken memory too."""
    try:
        status, headers, problem = web.ask("POST", "/v1/hood/push-tasks", LARGE)
    except ConnectionError as cut:
        print(repr(cut))
        return
    assert (status, headers["Retry-After"]) == (503, "1"), problem
    assert "no memory left" in problem["message"]
