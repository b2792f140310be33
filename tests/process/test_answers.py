"""Every answer of a push service, for real: what it does to a recipient and to a subscription."""

from pathlib import Path
from typing import Any

from programs import Programs
from rig import Rig

PEOPLE = 1_200
KINDS = 12  # subscriber n is of kind n % KINDS, and so PEOPLE / KINDS are of each
EACH = PEOPLE // KINDS
RETRY_AFTER_MS = 2_000
THROTTLED = 6  # a 429 halts the whole push service, and so a few will do

_GONE, _GONE_TOO, _LARGE, _REFUSED, _BAD, _MOVED = range(6)
_THROTTLED, _TROUBLED, _RESET = range(6, 9)  # the others meet no trouble


def _rule(kind: int, **behaviour: Any) -> dict[str, Any]:
    return {"subscribers": {"modulo": KINDS, "remainder": kind}, **behaviour}


RULES = [
    _rule(_GONE, answer=410),
    _rule(_GONE_TOO, answer=404),
    _rule(_LARGE, answer=413),
    _rule(_REFUSED, answer=403, reason="another key"),
    _rule(_BAD, answer=400),
    _rule(_MOVED, answer=301),
    _rule(_THROTTLED, answer=429, retry_after="2", times_each=1, times=THROTTLED),
    _rule(_TROUBLED, answer=503, times_each=1),
    _rule(_RESET, reset="before_answer", times_each=1),
]


def _task(name: str, *, ttl_s: int = 3600) -> dict[str, Any]:
    return {
        "name": name,
        "status": 1,
        "start_time": "immediately",
        "ttl": ttl_s,
        "message": {"title": {"en": name}, "landing_url": "https://www.example.com/"},
    }


def test_each_answer_does_what_the_table_says(
    programs: Programs, database_url: str, tmp_path: Path
) -> None:
    rig = Rig.build(programs, database_url, tmp_path)
    rig.subscribe_virtual(PEOPLE)
    rig.behave(RULES)

    counters = rig.until_done(rig.post(_task("first")))["counters"]

    attempts = {line["n"]: line["attempts"] for line in rig.report("/attempts")}
    statuses = {
        kind: [[status for _, status in attempts[n]] for n in range(kind, PEOPLE, KINDS)]
        for kind in range(KINDS)
    }
    for kind, status in (
        (_GONE, 410),
        (_GONE_TOO, 404),
        (_LARGE, 413),
        (_BAD, 400),
    ):
        assert statuses[kind] == [[status]] * EACH, f"{status} is final"
    assert statuses[_MOVED] == [[301, 301]] * EACH, "a redirect is tried once more, never followed"
    assert statuses[_REFUSED] == [[403, 403]] * EACH, "a refused key is tried once more"
    for kind, status in ((_TROUBLED, 503), (_RESET, 0)):
        assert statuses[kind] == [[status, 201]] * EACH
    assert sorted(statuses[_THROTTLED]) == [[201]] * (EACH - THROTTLED) + [[429, 201]] * THROTTLED
    for kind in range(9, KINDS):
        assert statuses[kind] == [[201]] * EACH
    for (first_ms, status), *again in attempts.values():
        if status == 429:
            assert again[0][0] - first_ms >= RETRY_AFTER_MS, "Retry-After was not obeyed"

    assert counters["total_user"] == PEOPLE
    assert counters["push_unsubscriptions"] == 2 * EACH
    assert counters["failed"] == 4 * EACH
    assert counters["delivered"] == 6 * EACH
    got = {line["n"]: line for line in rig.report("/subscribers")}
    assert all(got[n]["count"] == 2 for n in range(_RESET, PEOPLE, KINDS)), (
        "reset after it was read"
    )
    assert {topic for line in got.values() for topic in line["topics"]} == {got[10]["topics"][0]}

    # Who is gone is not contacted again; who was merely refused is, by the next task.
    rig.behave([])
    counters = rig.until_done(rig.post(_task("second")))["counters"]
    assert counters["total_user"] == counters["delivered"] == PEOPLE - 2 * EACH
    after = {line["n"]: line["attempts"] for line in rig.report("/attempts")}
    assert all(
        len(after[n]) == 1 for kind in (_GONE, _GONE_TOO) for n in range(kind, PEOPLE, KINDS)
    )
    second = {line["n"]: line["topics"][-1] for line in rig.report("/subscribers")}
    assert set(second.values()) != {got[10]["topics"][0]}, "another task, another Topic"


def test_what_nobody_takes_within_its_ttl_has_failed(
    programs: Programs, database_url: str, tmp_path: Path
) -> None:
    rig = Rig.build(programs, database_url, tmp_path)
    rig.subscribe_virtual(40)
    rig.behave([{"answer": 500}])

    counters = rig.until_done(rig.post(_task("hopeless", ttl_s=6)))["counters"]

    assert counters["total_user"] == 40
    assert counters["failed"] + counters["expired"] == 40
    assert counters["failed"] > 0
    assert set(rig.report()["statuses"]) == {"500"}
    assert rig.report()["received"] == 0


def test_a_ttl_of_zero_is_one_attempt(
    programs: Programs, database_url: str, tmp_path: Path
) -> None:
    rig = Rig.build(programs, database_url, tmp_path)
    rig.subscribe_virtual(20)
    rig.behave([{"subscribers": {"modulo": 2}, "answer": 503}])

    counters = rig.until_done(rig.post(_task("now or never", ttl_s=0)))["counters"]

    assert (counters["delivered"], counters["failed"]) == (10, 10)
    assert [len(line["attempts"]) for line in rig.report("/attempts")] == [1] * 20
