"""``/v1/hood/segments`` over real HTTP."""

from typing import Any

import pytest
from face import Face, errors, task

from tocsin.domain.account import Account

SEGMENTS = "/v1/hood/segments"
TASKS = "/v1/hood/push-tasks"
CANADA = {"countries": {"op": "eq", "items": ["CA"]}}


@pytest.fixture
def owner(face: Face) -> Account:
    return face.account()


@pytest.fixture
def token(face: Face, owner: Account) -> str:
    return face.token(owner)


def segment(**fields: Any) -> dict[str, Any]:
    return {"name": "Canada", "targeting": CANADA} | fields


def naming(*ids: str, op: str = "eq") -> dict[str, Any]:
    return {"segments": {"op": op, "items": list(ids)}}


def make(face: Face, token: str, **fields: Any) -> str:
    answer = face.call("POST", SEGMENTS, segment(**fields), token=token)
    assert answer.status == 201, answer.body
    made: str = answer.json["id"]
    return made


def view(face: Face, token: str, segment_id: str) -> dict[str, Any]:
    answer = face.call("GET", f"{SEGMENTS}/{segment_id}", token=token)
    assert (answer.status, answer.json["total"]) == (200, 1)
    found: dict[str, Any] = answer.json["items"][0]
    return found


def test_a_segment_comes_back_in_its_own_spelling(face: Face, owner: Account, token: str) -> None:
    targeting = {
        "countries": {"op": "include", "items": ["CA", "rs"]},
        "browsers": {"op": "neq", "items": [12]},
        "user_data": {
            "op": {"op": "exclude", "items": ["x"]},
            "plan": {"op": "eq", "items": ["gold", 7]},
        },
        "subscribed_age": {"from": 1, "to": "30"},
    }

    made = make(face, token, name="é" * 32, targeting=targeting)

    assert view(face, token, made) == {
        "id": made,
        "account_id": str(owner.id),
        "name": "é" * 32,
        "status": "active",
        "targeting": {
            "countries": {"op": "eq", "items": ["CA", "rs"]},
            "browsers": {"op": "neq", "items": ["12"]},
            "user_data": {
                "op": {"op": "neq", "items": ["x"]},
                "plan": {"op": "eq", "items": ["gold", "7"]},
            },
            "subscribed_age": {"from": 1, "to": 30},
        },
        "create_time": "2026-02-05 11:00:00",
        "update_time": "2026-02-05 11:00:00",
    }
    again = make(face, token, targeting=view(face, token, made)["targeting"])
    assert view(face, token, again)["targeting"] == view(face, token, made)["targeting"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("active", "active"),
        ("inactive", "inactive"),
        (1, "active"),
        (0, "inactive"),
        ("1", "active"),
        ("0", "inactive"),
        (None, "active"),
    ],
)
def test_the_status_is_read_in_each_spelling(face: Face, token: str, sent: Any, shown: str) -> None:
    assert view(face, token, make(face, token, status=sent))["status"] == shown


@pytest.mark.parametrize(
    ("fields", "complaints"),
    [
        ({"name": None}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "é" * 33}, ["name"]),
        ({"status": "on"}, ["status"]),
        ({"status": True}, ["status"]),
        ({"status": 1.0}, ["status"]),
        ({"status": 2}, ["status"]),
        ({"status": []}, ["status"]),
        ({"targeting": None}, ["targeting"]),
        ({"targeting": []}, ["targeting"]),
        ({"targeting": {"countrys": {}}}, ["targeting.countrys"]),
        (
            {"targeting": {"countries": {"op": "is", "items": ["CAN"]}}},
            ["targeting.countries.op", "targeting.countries.items.0"],
        ),
        (
            {"targeting": {"groups": {"op": "neq", "items": ["999999999"]}}},
            ["targeting.groups.items.0"],
        ),
        (
            {"targeting": {"segments": {"op": "neq", "items": ["999999999"]}}},
            ["targeting.segments.items.0"],
        ),
        ({"account_id": "1"}, ["account_id"]),
        ({"targetting": {}}, ["targetting"]),
    ],
)
def test_a_body_that_is_refused(
    face: Face, token: str, fields: dict[str, Any], complaints: list[str]
) -> None:
    known = make(face, token)
    before = face.call("GET", SEGMENTS, token=token).json

    for answer in (
        face.call("POST", SEGMENTS, segment() | fields, token=token),
        face.call("PATCH", f"{SEGMENTS}/{known}", fields, token=token),
    ):
        assert answer.status == 400, answer.body
        assert sorted(errors(answer)) == sorted(complaints)
    assert face.call("GET", SEGMENTS, token=token).json == before


def test_what_an_include_names_may_be_missing(face: Face, token: str) -> None:
    make(face, token, targeting={"groups": {"op": "eq", "items": ["999999999"]}})
    make(face, token, targeting={})


def test_a_patch_merges_into_the_targeting(face: Face, token: str) -> None:
    made = make(face, token, targeting=CANADA | {"browsers": {"op": "neq", "items": ["12"]}})
    path = f"{SEGMENTS}/{made}"

    for patch, targeting in (
        (
            {"targeting": {"countries": {"op": "neq"}}},
            {
                "countries": {"op": "neq", "items": ["CA"]},
                "browsers": {"op": "neq", "items": ["12"]},
            },
        ),
        (
            {"targeting": {"browsers": None}, "name": "New"},
            {"countries": {"op": "neq", "items": ["CA"]}},
        ),
    ):
        answer = face.call("PATCH", path, patch, token=token)
        assert (answer.status, answer.body) == (204, b""), answer.body
        assert view(face, token, made)["targeting"] == targeting
    assert view(face, token, made)["name"] == "New"


def test_a_circle_is_refused_and_named(face: Face, token: str) -> None:
    first = make(face, token)
    second = make(face, token, targeting=naming(first))
    third = make(face, token, status=0, targeting=naming(second))

    for names in ([third], [second], [first]):
        answer = face.call(
            "PATCH", f"{SEGMENTS}/{first}", {"targeting": naming(*names)}, token=token
        )
        assert answer.status == 400
        assert errors(answer) == ["targeting.segments"]
        assert all(name in answer.json["message"] for name in names)
    assert view(face, token, first)["targeting"] == CANADA
    coming = str(int(third) + 1)
    answer = face.call("POST", SEGMENTS, segment(targeting=naming(coming)), token=token)
    assert answer.status in (201, 400), "its own number is whatever the database says"
    if answer.status == 201:
        assert answer.json["id"] != coming


def test_a_segment_that_is_in_use_stays(face: Face, token: str) -> None:
    made = make(face, token)
    path = f"{SEGMENTS}/{made}"
    over = make(face, token, name="Over", targeting=naming(made))
    assert (
        face.call("POST", TASKS, task(status=0, targeting=naming(made)), token=token).status == 201
    )

    refused = face.call("DELETE", path, token=token)
    assert refused.status == 409
    assert f"segment {over} (Over)" in refused.json["message"]
    off = face.call("PATCH", f"{SEGMENTS}/{over}", {"status": 0}, token=token)
    assert off.status == 204
    running = face.call("POST", TASKS, task(targeting=naming(made)), token=token).json["id"]
    refused = face.call("DELETE", path, token=token)
    assert refused.status == 409
    assert f"push task {running} (Sale)" in refused.json["message"]

    assert face.call("DELETE", f"{SEGMENTS}/{over}", token=token).status == 204
    assert face.call("GET", f"{SEGMENTS}/{over}", token=token).status == 404
    assert face.call("DELETE", f"{SEGMENTS}/{over}", token=token).status == 404


def test_who_is_excluded_by_it_is_not_let_in_by_its_end(face: Face, token: str) -> None:
    """An inactive segment names nobody, so that an exclude of it would exclude nobody."""
    included, excluded = make(face, token), make(face, token)
    targeting = naming(included) | {}
    assert face.call("POST", TASKS, task(targeting=targeting), token=token).status == 201
    running = face.call(
        "POST", TASKS, task(targeting=naming(excluded, op="neq")), token=token
    ).json["id"]

    assert face.call("PATCH", f"{SEGMENTS}/{included}", {"status": 0}, token=token).status == 204
    refused = face.call("PATCH", f"{SEGMENTS}/{excluded}", {"status": 0}, token=token)
    assert refused.status == 409
    assert f"push task {running} (Sale)" in refused.json["message"]
    assert view(face, token, excluded)["status"] == "active"


def test_others_see_nothing_of_it(face: Face, owner: Account, token: str) -> None:
    child = face.account(owner)
    child_token = face.token(child)
    of_root, of_child = make(face, token), make(face, child_token)

    for other, hidden in (
        (child_token, [of_root]),
        (face.token(face.account()), [of_root, of_child]),
    ):
        for segment_id in hidden:
            for method in ("GET", "PATCH", "DELETE"):
                sent = {} if method == "PATCH" else None
                answer = face.call(method, f"{SEGMENTS}/{segment_id}", sent, token=other)
                assert answer.status == 404
                assert answer.json["message"] == f"there is no segment {segment_id}"
        unknown = face.call(
            "POST", SEGMENTS, segment(targeting=naming(of_root, op="neq")), token=other
        )
        assert errors(unknown) == ["targeting.segments.items.0"]
    listed = face.call("GET", SEGMENTS, token=child_token).json
    assert [item["id"] for item in listed["items"]] == [of_child]
    listed = face.call("GET", SEGMENTS, token=token).json
    assert [item["id"] for item in listed["items"]] == [of_child, of_root]


def test_a_list_is_filtered_by_status(face: Face, token: str) -> None:
    on, off = make(face, token), make(face, token, status=0, name="Off")

    def ids(query: str) -> list[str]:
        found = face.call("GET", f"{SEGMENTS}?{query}", token=token).json
        return [item["id"] for item in found["items"]]

    assert ids("status=active") == [on]
    assert ids("status=neq:active") == [off]
    assert ids("q=off") == [off]
    assert ids("sort=name") == [on, off]
    assert face.call("GET", f"{SEGMENTS}?status=on", token=token).status == 400
