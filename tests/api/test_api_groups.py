"""``/v1/hood/groups`` and ``/v1/hood/application-groups`` over real HTTP."""

from dataclasses import dataclass
from typing import Any

import pytest
from face import Answer, Face, errors, task

from tocsin.domain.account import Account

TASKS = "/v1/hood/push-tasks"


@dataclass(frozen=True)
class Kind:
    """One kind of group. first, second: what may be in it."""

    path: str
    what: str
    items: str
    attribute: str
    first: str
    second: str


@pytest.fixture
def owner(face: Face) -> Account:
    return face.account()


@pytest.fixture
def token(face: Face, owner: Account) -> str:
    return face.token(owner)


@pytest.fixture(params=["groups", "application-groups"])
def kind(request: pytest.FixtureRequest, face: Face, owner: Account) -> Kind:
    """Return each kind of group in turn, with two things that may be in one."""
    if request.param == "groups":
        ids = sorted(str(face.site(owner).id) for _ in range(2))
        return Kind("/v1/hood/groups", "group", "item_ids", "groups", *ids)
    return Kind(
        "/v1/hood/application-groups",
        "application group",
        "items",
        "application_groups",
        "news.example.com",
        "www.example.com",
    )


def body(kind: Kind, **fields: Any) -> dict[str, Any]:
    return {"name": "News", kind.items: [kind.second, kind.first]} | fields


def test_a_group_comes_back_as_it_was_made(face: Face, token: str, kind: Kind) -> None:
    made = face.call(
        "POST", kind.path, body(kind, color="#1F6feb", description="žuto"), token=token
    )

    assert (made.status, made.json.keys()) == (201, {"id"})
    viewed = face.call("GET", f"{kind.path}/{made.json['id']}", token=token)
    assert viewed.json["total"] == 1
    shown = viewed.json["items"][0]
    assert shown.pop("account_id")
    assert shown == {
        "id": made.json["id"],
        "name": "News",
        "color": "#1F6feb",
        "description": "žuto",
        kind.items: [kind.first, kind.second],
        "num_of_items": "2",
        "create_time": "2026-02-05 11:00:00",
        "update_time": "2026-02-05 11:00:00",
    }
    assert face.call("GET", kind.path, token=token).json["items"] == viewed.json["items"]


def test_a_patch_changes_what_it_names(face: Face, token: str, kind: Kind) -> None:
    made = face.call("POST", kind.path, body(kind, color="#000000"), token=token).json["id"]
    path = f"{kind.path}/{made}"
    before = face.call("GET", path, token=token).json["items"][0]

    for patch, change in (
        ({"name": "Old"}, {"name": "Old"}),
        ({"color": None}, {"color": None}),
        ({kind.items: []}, {kind.items: [], "num_of_items": "0"}),
        ({kind.items: [kind.first]}, {kind.items: [kind.first], "num_of_items": "1"}),
        ({}, {}),
    ):
        answer = face.call("PATCH", path, patch, token=token)
        assert (answer.status, answer.body) == (204, b""), answer.body
        before |= change
        assert face.call("GET", path, token=token).json["items"] == [before]


@pytest.mark.parametrize(
    ("fields", "complaints"),
    [
        ({"name": None}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "é" * 128}, ["name"]),
        ({"name": 5}, ["name"]),
        ({"color": "red"}, ["color"]),
        ({"color": "#12345"}, ["color"]),
        ({"color": "#12345g"}, ["color"]),
        ({"color": 1}, ["color"]),
        ({"description": "é" * 501}, ["description"]),
        ({"ITEMS": None}, ["ITEMS"]),
        ({"ITEMS": "5"}, ["ITEMS"]),
        ({"ITEMS": [None]}, ["ITEMS.0"]),
        ({"ITEMS": ["FIRST", True, "FIRST"]}, ["ITEMS.1", "ITEMS.2"]),
        ({"ITEMS": ["a b"]}, ["ITEMS.0"]),
        ({"ITEMS": ["https://www.example.com"]}, ["ITEMS.0"]),
        ({"ITEMS": ["FIRST"] * 1001}, ["ITEMS"]),
        ({"id": None}, ["id"]),
        ({"num_of_items": "1"}, ["num_of_items"]),
        ({"colour": "#000000"}, ["colour"]),
        ({"name": "", "colour": None, "color": 7}, ["name", "colour", "color"]),
    ],
)
def test_a_body_that_is_refused(
    face: Face, token: str, kind: Kind, fields: dict[str, Any], complaints: list[str]
) -> None:
    def spelled(value: Any) -> Any:
        if isinstance(value, dict):
            return {spelled(key): spelled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [spelled(item) for item in value]
        if not isinstance(value, str):
            return value
        return value.replace("ITEMS", kind.items).replace("FIRST", kind.first)

    def check(answer: Answer) -> None:
        assert answer.status == 400, answer.body
        assert sorted(errors(answer)) == sorted(map(spelled, complaints))

    known = face.call("POST", kind.path, body(kind), token=token).json["id"]
    before = face.call("GET", kind.path, token=token).json

    check(face.call("POST", kind.path, body(kind) | spelled(fields), token=token))
    check(face.call("PATCH", f"{kind.path}/{known}", spelled(fields), token=token))
    assert face.call("GET", kind.path, token=token).json == before


@pytest.mark.parametrize(
    "fields", [{"name": "é" * 127, "description": "é" * 500}, {"color": None}, {"ITEMS": []}]
)
def test_a_body_at_its_bounds_is_taken(
    face: Face, token: str, kind: Kind, fields: dict[str, Any]
) -> None:
    fields = {key.replace("ITEMS", kind.items): value for key, value in fields.items()}

    assert face.call("POST", kind.path, body(kind) | fields, token=token).status == 201


def test_hosts_ignore_case_and_a_thousand_fit(face: Face, token: str) -> None:
    path = "/v1/hood/application-groups"
    hosts = [f"Host{number}.Example.com" for number in range(1000)]

    made = face.call("POST", path, {"name": "Many", "items": hosts}, token=token)

    shown = face.call("GET", f"{path}/{made.json['id']}", token=token).json["items"][0]
    assert set(shown["items"]) == {host.lower() for host in hosts}
    assert shown["num_of_items"] == "1000"
    twice = face.call("POST", path, {"name": "x", "items": ["A.example", "a.example"]}, token=token)
    assert errors(twice) == ["items.1"]


def test_a_container_of_nobody_here_is_refused(face: Face, owner: Account, token: str) -> None:
    foreign, own = face.site(face.account()), face.site(owner)

    for item in (foreign.id, 10**18, 2**64 - 1):
        answer = face.call(
            "POST",
            "/v1/hood/groups",
            {"name": "x", "item_ids": [own.id, str(item)]},
            token=token,
        )
        assert answer.status == 400
        assert errors(answer) == ["item_ids.1"]


def test_a_group_that_is_in_use_stays(face: Face, token: str, kind: Kind) -> None:
    made = face.call("POST", kind.path, body(kind), token=token).json["id"]
    path = f"{kind.path}/{made}"
    targeting = {kind.attribute: {"op": "exclude", "items": [made]}}
    segment = face.call(
        "POST", "/v1/hood/segments", {"name": "s", "targeting": targeting}, token=token
    ).json["id"]
    idle = face.call("POST", TASKS, task(status=0, targeting=targeting), token=token)
    assert idle.status == 201

    refused = face.call("DELETE", path, token=token)
    assert refused.status == 409
    assert f"segment {segment} (s)" in refused.json["message"]

    off = face.call("PATCH", f"/v1/hood/segments/{segment}", {"status": "inactive"}, token=token)
    assert off.status == 204
    running = face.call("POST", TASKS, task(targeting=targeting), token=token).json["id"]
    refused = face.call("DELETE", path, token=token)
    assert refused.status == 409
    assert f"push task {running} (Sale)" in refused.json["message"]
    assert face.call("GET", path, token=token).status == 200


def test_a_group_goes(face: Face, token: str, kind: Kind) -> None:
    made = face.call("POST", kind.path, body(kind), token=token).json["id"]
    path = f"{kind.path}/{made}"

    assert face.call("DELETE", path, token=token).status == 204

    for method in ("GET", "DELETE", "PATCH"):
        answer = face.call(method, path, {} if method == "PATCH" else None, token=token)
        assert answer.status == 404
        assert answer.json["message"] == f"there is no {kind.what} {made}"
    assert face.call("GET", kind.path, token=token).json == {"total": 0, "items": []}


def test_others_see_nothing_of_it(face: Face, owner: Account, token: str, kind: Kind) -> None:
    of_root = face.call("POST", kind.path, body(kind), token=token).json["id"]
    child = face.account(owner)
    own = {} if kind.items == "items" else {kind.items: [face.site(child).id]}
    child_token = face.token(child)
    of_child = face.call("POST", kind.path, body(kind) | own, token=child_token).json["id"]

    for other, hidden in (
        (child_token, [of_root]),
        (face.token(face.account()), [of_root, of_child]),
    ):
        for group_id in hidden:
            for method in ("GET", "PATCH", "DELETE"):
                sent = {} if method == "PATCH" else None
                answer = face.call(method, f"{kind.path}/{group_id}", sent, token=other)
                assert answer.status == 404
    listed = face.call("GET", kind.path, token=child_token).json
    assert [item["id"] for item in listed["items"]] == [of_child]
    assert listed["items"][0]["account_id"] == str(child.id)
    listed = face.call("GET", kind.path, token=token).json
    assert [item["id"] for item in listed["items"]] == [of_child, of_root]


def test_a_list_is_sorted_filtered_and_searched(face: Face, token: str, kind: Kind) -> None:
    for name in ("Beta", "alpha", "Gamma"):
        face.call("POST", kind.path, body(kind, name=name), token=token)

    def names(query: str) -> list[str]:
        found = face.call("GET", f"{kind.path}?{query}", token=token)
        return [item["name"] for item in found.json["items"]]

    assert names("") == ["Gamma", "alpha", "Beta"]
    assert names("sort=name") == ["Beta", "Gamma", "alpha"]
    assert names("q=MMA") == ["Gamma"]
    assert names("name=nin:Gamma,alpha") == ["Beta"]
    chosen = face.call("GET", f"{kind.path}?fields=name&page=1,1", token=token).json
    assert chosen == {"total": 3, "items": [{"name": "Gamma"}]}
    assert face.call("GET", f"{kind.path}?color=x", token=token).status == 400


@pytest.mark.parametrize("name", ["0", "x", "-1", "1.0", "9" * 19, "9" * 30, "%00"])
def test_what_is_no_id_is_absent(face: Face, token: str, kind: Kind, name: str) -> None:
    assert face.call("GET", f"{kind.path}/{name}", token=token).status == 404


def test_a_view_has_no_pages(face: Face, token: str, kind: Kind) -> None:
    made = face.call("POST", kind.path, body(kind), token=token).json["id"]
    path = f"{kind.path}/{made}"

    assert face.call("GET", f"{path}?fields=id", token=token).json["items"] == [{"id": made}]
    assert errors(face.call("GET", f"{path}?page=1", token=token)) == ["page"]
    assert set(errors(face.call("GET", f"{path}?sort=id", token=token))) == {"sort"}
