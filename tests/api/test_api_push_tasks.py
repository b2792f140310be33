"""``/v1/hood/push-tasks`` over real HTTP."""

import pytest
from face import Face, errors, task

from tocsin.domain.outcome import Outcome
from tocsin.services.cutting import Cutting
from tocsin.services.planning import Planning
from tocsin.services.sending import Entry, Sending

TASKS = "/v1/hood/push-tasks"


def test_a_task_that_was_taken_is_there(face: Face) -> None:
    token = face.token(face.account())
    ordered = task(
        targeting={"countries": {"op": "include", "items": ["rs", "CA"]}},
        ttl="0",
        custom_data='{"a":1}',
    )

    made = face.call("POST", TASKS, ordered, token=token)

    assert made.status == 201
    assert made.headers["Content-Type"] == "application/json"
    assert made.json.keys() == {"id"}
    viewed = face.call("GET", f"{TASKS}/{made.json['id']}", token=token)
    assert viewed.status == 200
    assert viewed.json["total"] == 1
    shown = viewed.json["items"][0]
    assert (
        shown.items()
        >= {
            "id": made.json["id"],
            "name": "Sale",
            "status": "1",
            "start_time": "immediately",
            "ttl": "0",
            "custom_data": '{"a":1}',
            "next_execution_time": "2026-02-05 11:00:00",
            "last_execution_time": None,
            "create_time": "2026-02-05 11:00:00",
        }.items()
    )
    assert shown["message"]["title"] == {"en": "Hello"}
    assert shown["targeting"] == ordered["targeting"]


def test_a_faulty_order_is_refused_with_every_fault_and_not_stored(face: Face) -> None:
    token = face.token(face.account())

    answer = face.call(
        "POST", TASKS, task(name="", targetting={}, start_time="2020-01-01 00:00:00"), token=token
    )

    assert answer.status == 400
    assert set(errors(answer)) == {"name", "targetting", "start_time"}
    assert "(and 2 more faults)" in answer.json["message"]
    assert face.call("GET", TASKS, token=token).json == {"total": 0, "items": []}


def test_an_exclude_that_names_nothing_is_refused(face: Face) -> None:
    token = face.token(face.account())
    typo = {"applications": {"op": "exclude", "items": ["wwww.example.com"]}}

    answer = face.call("POST", TASKS, task(targeting=typo), token=token)

    assert answer.status == 400
    assert errors(answer) == ["targeting.applications.items.0"]


def test_lists_come_in_pages_newest_first(face: Face) -> None:
    token = face.token(face.account())
    ids = [face.call("POST", TASKS, task(name=f"{n}"), token=token).json["id"] for n in range(23)]

    def page(query: str) -> tuple[int, list[str]]:
        found = face.call("GET", f"{TASKS}{query}", token=token).json
        return found["total"], [item["id"] for item in found["items"]]

    newest = list(reversed(ids))
    assert page("") == (23, newest[:20])
    assert page("?page=2") == (23, newest[20:])
    assert page("?page=3,5") == (23, newest[10:15])
    assert page("?page=9") == (23, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=1,501", "page"),
        ("page=1,", "page"),
        ("page=1,2,3", "page"),
        ("page=-1", "page"),
        ("page=%D9%A1", "page"),
        ("pages=1", "pages"),
        ("sort=-nme", "sort"),
        ("status=3", "status"),
        ("name=%00", "name"),
        ("%ED%A0%80=1", "\ufffd\ufffd\ufffd"),
        ("%00=1", "\\x00"),
    ],
)
def test_a_query_that_is_not_understood_is_refused(
    sqlite_face: Face, query: str, field: str
) -> None:
    token = sqlite_face.token(sqlite_face.account())

    answer = sqlite_face.call("GET", f"{TASKS}?{query}", token=token)

    assert answer.status == 400
    assert errors(answer) == [field]


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_the_older_paths_lead_to_the_same_tasks(face: Face, version: str) -> None:
    token = face.token(face.account())
    other = {"v0": "v1", "v1": "v0"}[version]

    made = face.call("POST", f"/{version}/hood/push-tasks", task(), token=token)

    assert made.status == 201
    found = face.call("GET", f"/{other}/hood/push-tasks/{made.json['id']}", token=token)
    assert found.json["items"][0]["id"] == made.json["id"]
    assert face.call("GET", f"/{other}/hood/push-tasks", token=token).json["total"] == 1


def test_what_others_have_looks_absent(face: Face) -> None:
    root = face.account()
    child = face.account(root)
    of_root = face.call("POST", TASKS, task(), token=face.token(root)).json["id"]
    of_child = face.call("POST", TASKS, task(), token=face.token(child)).json["id"]
    tokens = {"child": face.token(child), "stranger": face.token(face.account())}
    absent = face.call("GET", f"{TASKS}/99999999", token=tokens["stranger"])
    assert absent.status == 404

    for who, task_id in (("child", of_root), ("stranger", of_root), ("stranger", of_child)):
        for path in (f"{TASKS}/{task_id}", f"{TASKS}/{task_id}/executions"):
            answer = face.call("GET", path, token=tokens[who])
            assert answer.status == 404
            assert answer.json["message"] == f"there is no push task {task_id}"
            assert answer.json.keys() == absent.json.keys()
    assert face.call("GET", f"{TASKS}/{of_child}", token=face.token(root)).status == 200


@pytest.mark.parametrize("name", ["0", "-1", "1.0", "x", "9" * 18, "9" * 40, "%00", "%D9%A1"])
def test_what_is_no_id_is_absent(face: Face, name: str) -> None:
    token = face.token(face.account())

    assert face.call("GET", f"{TASKS}/{name}", token=token).status == 404
    assert face.call("GET", f"{TASKS}/{name}/executions", token=token).status == 404


def test_the_executions_of_a_task_have_their_counters(face: Face) -> None:
    owner = face.account()
    token, site = face.token(owner), face.site(owner)
    for number in range(3):
        assert face.register(site, number).status == 201
    task_id = face.call("POST", TASKS, task(), token=token).json["id"]
    path = f"{TASKS}/{task_id}/executions"
    assert face.call("GET", path, token=token).json == {"total": 0, "items": []}

    store, now_ms = face.program.store, face.clock.now_ms()
    while Planning(store).plan(now_ms=now_ms):
        pass
    while Cutting(store).cut(now_ms=face.clock.now_ms()):
        pass
    for held in Sending(store).lease(now_ms=now_ms, limit=100)[0]:
        if len(held.ordinals) == 3:
            held.settle(0, Outcome.ACCEPTED)
            held.settle(2, Outcome.GONE)
            Sending(store).record([Entry(held, now_ms, keep=False)])

    found = face.call("GET", path, token=token).json
    assert found["total"] == 1
    counters = found["items"][0].pop("counters")
    assert (
        found["items"][0].items()
        >= {
            "task_id": task_id,
            "state": "sending",
            "scheduled_time": "2026-02-05 11:00:00",
            "end_time": None,
            "reason": None,
        }.items()
    )
    assert {name: count for name, count in counters.items() if count} == {
        "total_user": 3,
        "delivered": 1,
        "push_unsubscriptions": 1,
        "pending": 1,
    }
    assert face.call("GET", f"{path}?page=2", token=token).json == {"total": 1, "items": []}


@pytest.mark.parametrize("path", [TASKS, f"{TASKS}/preview"])
def test_what_is_named_in_vain_is_told_with_every_other_fault(face: Face, path: str) -> None:
    token = face.token(face.account())
    body = task(
        targeting={"groups": {"op": "exclude", "items": ["481"]}},
        ttl=-1,
        adex={"zone_id": 7},
        nmae="Sale",
    )

    answer = face.call("POST", path, body, token=token)

    assert answer.status == 400
    assert errors(answer) == [
        "targeting.groups.items.0",
        "ttl",
        "adex",
        "adex.zone_id",
        "nmae",
    ]


def test_a_patch_is_told_all_of_its_faults_as_well(face: Face) -> None:
    token = face.token(face.account())
    path = f"{TASKS}/{face.call('POST', TASKS, task(), token=token).json['id']}"
    before = face.call("GET", path, token=token).json
    patch = {"ttl": -1, "targeting": {"segments": {"op": "exclude", "items": ["1"]}}, "nmae": None}

    answer = face.call("PATCH", path, patch, token=token)

    assert answer.status == 400
    assert errors(answer) == ["ttl", "targeting.segments.items.0", "nmae"]
    assert face.call("GET", path, token=token).json == before
