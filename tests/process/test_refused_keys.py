"""A push service refuses the key of one of two containers: that one waits, the other flows."""

import json
import urllib.request
from pathlib import Path
from typing import Any, Final

from programs import Programs
from rig import Rig, until
from tocsin.simulators.virtual_subscribers import write_import_file

EACH: Final = 400
SHOP, NEWS = range(EACH), range(EACH, 2 * EACH)
MOST_SENT: Final = 200


def build(programs: Programs, database_url: str, directory: Path) -> tuple[Rig, str]:
    """Return a server with the containers of SHOP and of NEWS, and the id of the first."""
    rig = Rig.build(programs, database_url, directory)
    rig.subscribe_virtual(EACH)
    made = rig.tocsin(
        *("container", "create", "--account", "main", "--name", "news"),
        *("--origin", "https://news.example"),
    )
    path = directory / "news.ndjson"
    with path.open("w") as stream:
        write_import_file(
            stream,
            count=EACH,
            first=EACH,
            container=json.loads(made)["key"],
            base_url=rig.push_service.address,
            seed="tocsin",
        )
    rig.tocsin("subscribers", "import", "--account", "main", str(path))
    return rig, str(int(json.loads(made)["id"]) - 1)


def order(rig: Rig, name: str) -> str:
    return rig.post(
        {
            "name": name,
            "status": 1,
            "start_time": "immediately",
            "ttl": 3600,
            "message": {"title": {"en": name}, "landing_url": "https://www.example.com/"},
        }
    )


def until_delivered(rig: Rig, task_id: str, count: int) -> dict[str, int]:
    """Return the counters of a task once so many are delivered."""

    def look() -> dict[str, int] | None:
        execution: dict[str, Any] = rig.execution(task_id) or {"counters": {"delivered": 0}}
        counters: dict[str, int] = execution["counters"]
        return counters if counters["delivered"] == count else None

    counters: dict[str, int] = until(look, within=60)
    return counters


def pushes(rig: Rig) -> int:
    """Return how many pushes the people of SHOP have had."""
    return sum(len(line["attempts"]) for line in rig.report("/attempts") if line["n"] in SHOP)


def refused_keys(rig: Rig) -> str:
    assert rig.server is not None
    with urllib.request.urlopen(f"{rig.server.address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return next(line for line in lines if line.startswith("tocsin_refused_keys"))


def test_a_refused_key_pauses_its_container_alone_until_it_is_resumed(
    programs: Programs, database_url: str, tmp_path: Path
) -> None:
    rig, shop = build(programs, database_url, tmp_path)
    assert rig.server is not None
    origin = rig.push_service.address
    rig.behave([{"subscribers": {"from": SHOP[0], "to": SHOP[-1]}, "answer": 403}])

    first = order(rig, "first")
    rig.server.expect(f"key_refused.*container={shop}.*origin={origin}.*status=403")
    counters = until_delivered(rig, first, EACH)
    second = order(rig, "second")
    counters = until_delivered(rig, second, EACH)

    assert (counters["pending"], counters["total_user"]) == (EACH, 2 * EACH)
    counters = until_delivered(rig, first, EACH)
    assert (counters["pending"], counters["failed"]) == (EACH, 0), "nobody is rejected for it"
    before = pushes(rig)
    assert before <= MOST_SENT
    told = rig.tocsin("doctor", status=1)
    assert f"container {shop} is paused at {origin}, which answers 403, since" in told
    assert f"tocsin container resume {shop}" in told
    assert refused_keys(rig) == "tocsin_refused_keys 1.0"

    rig.behave([])
    assert pushes(rig) == before
    assert rig.tocsin("container", "resume", shop) == (
        f"container {shop} is sent to again at {origin}\n"
    )
    for task_id in (first, second):
        counters = rig.until_done(task_id)["counters"]
        assert counters["delivered"] == counters["total_user"] == 2 * EACH
    assert {line["count"] for line in rig.report("/subscribers")} == {2}
    report = rig.report()
    assert (report["received"], report["repeated"], report["violations"]) == (4 * EACH, 0, [])
    assert refused_keys(rig) == "tocsin_refused_keys 0.0"
