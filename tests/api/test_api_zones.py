"""``/v1/hood/zones`` over real HTTP, and the tasks that draw from them."""

from itertools import islice
from typing import Any

import pytest
from face import Face, errors, task
from sqlalchemy import update

from tocsin.domain.account import Account
from tocsin.store.zone_tables import zone_header

ZONES = "/v1/hood/zones"
TASKS = "/v1/hood/push-tasks"
FALLBACK = {"title": "Update", "landing_url": "https://www.example.com/"}
SECRET = "Bearer 5ecret-of-the-exchange"


@pytest.fixture
def owner(face: Face) -> Account:
    return face.account()


@pytest.fixture
def token(face: Face, owner: Account) -> str:
    return face.token(owner)


def body(**fields: Any) -> dict[str, Any]:
    return {"name": "Ads", "protocol": "feed", "url": "https://ads.example.com/feed"} | fields


def draw(zone_id: str, **fields: Any) -> dict[str, Any]:
    """Return an order that draws from a zone."""
    ordered = task(adex={"zone_id": zone_id}, **fields)
    del ordered["message"]
    return ordered


def made(face: Face, token: str, **fields: Any) -> str:
    """Return the id of a new zone."""
    answer = face.call("POST", ZONES, body(**fields), token=token)
    assert answer.status == 201, answer.body
    found: str = answer.json["id"]
    return found


def test_a_zone_comes_back_as_it_was_made_without_its_secrets(face: Face, token: str) -> None:
    zone_id = made(
        face,
        token,
        protocol="openrtb",
        timeout_ms="50",
        bid_floor="0.250",
        headers={"Authorization": SECRET, "X-Openrtb-Version": "2.6", "X-Gone": None},
        daily_cap=1000,
    )

    viewed = face.call("GET", f"{ZONES}/{zone_id}", token=token)
    assert b"5ecret" not in viewed.body
    (shown,) = viewed.json["items"]
    assert shown.pop("account_id")
    assert shown == {
        "id": zone_id,
        "name": "Ads",
        "protocol": "openrtb",
        "url": "https://ads.example.com/feed",
        "timeout_ms": "50",
        "bid_floor": "0.25",
        "headers": {"authorization": "***", "x-openrtb-version": "***"},
        "daily_cap": "1000",
        "create_time": "2026-02-05 11:00:00",
        "update_time": "2026-02-05 11:00:00",
    }
    assert face.call("GET", ZONES, token=token).json["items"] == viewed.json["items"]


def test_what_is_left_out_is_usual(face: Face, token: str) -> None:
    zone_id = made(face, token)

    (shown,) = face.call("GET", f"{ZONES}/{zone_id}", token=token).json["items"]
    assert (shown["timeout_ms"], shown["bid_floor"]) == ("300", None)
    assert (shown["headers"], shown["daily_cap"]) == ({}, None)


def test_a_patch_changes_what_it_names(face: Face, token: str) -> None:
    path = f"{ZONES}/{made(face, token, headers={'X-Key': SECRET}, bid_floor='1', daily_cap=5)}"
    before = face.call("GET", path, token=token).json["items"][0]

    for patch, change in (
        ({"name": "Other"}, {"name": "Other"}),
        ({"protocol": "openrtb"}, {"protocol": "openrtb"}),
        ({"url": "https://b.example/"}, {"url": "https://b.example/"}),
        ({"timeout_ms": 1500}, {"timeout_ms": "1500"}),
        ({"timeout_ms": None}, {"timeout_ms": "300"}),
        ({"bid_floor": "0.000001"}, {"bid_floor": "0.000001"}),
        ({"bid_floor": None, "daily_cap": None}, {"bid_floor": None, "daily_cap": None}),
        ({"headers": {"X-KEY": "new"}}, {}),
        ({"headers": {"Y": "b"}}, {"headers": {"x-key": "***", "y": "***"}}),
        ({"headers": {"X-key": None}}, {"headers": {"y": "***"}}),
        ({"headers": {"absent": None}}, {}),
        ({"headers": None}, {"headers": {}}),
        ({}, {}),
    ):
        answer = face.call("PATCH", path, patch, token=token)
        assert (answer.status, answer.body) == (204, b""), answer.body
        before |= change
        assert face.call("GET", path, token=token).json["items"] == [before]


def test_what_was_shown_can_be_sent_back(face: Face, token: str) -> None:
    path = f"{ZONES}/{made(face, token, headers={'X-Key': SECRET}, bid_floor='1', daily_cap=5)}"
    shown = face.call("GET", path, token=token).json["items"][0]
    back = {key: shown[key] for key in shown if key not in ("id", "account_id")}
    del back["create_time"], back["update_time"]

    assert face.call("PATCH", path, back, token=token).status == 204
    assert face.call("GET", path, token=token).json["items"] == [shown]
    copied = face.call("POST", ZONES, back, token=token)
    assert (copied.status, errors(copied)) == (400, ["headers.x-key"])
    assert "write the value" in copied.json["message"]


@pytest.mark.parametrize(
    ("fields", "complaints"),
    [
        ({"name": None}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "é" * 128}, ["name"]),
        ({"protocol": None}, ["protocol"]),
        ({"protocol": "rss"}, ["protocol"]),
        ({"url": None}, ["url"]),
        ({"url": "https://me:5ecret@ads.example.com/"}, ["url"]),
        ({"url": "https://10.0.0.1/"}, ["url"]),
        ({"timeout_ms": 49}, ["timeout_ms"]),
        ({"timeout_ms": 1501}, ["timeout_ms"]),
        ({"timeout_ms": 300.0}, ["timeout_ms"]),
        ({"bid_floor": 0.25}, ["bid_floor"]),
        ({"bid_floor": 1}, ["bid_floor"]),
        ({"bid_floor": "-1"}, ["bid_floor"]),
        ({"bid_floor": "0.0000001"}, ["bid_floor"]),
        ({"bid_floor": "1000000"}, ["bid_floor"]),
        ({"headers": []}, ["headers"]),
        ({"headers": {"Host": "x", "A b": "x", "C": "5ecret\r\nX: y"}}, None),
        ({"headers": {"A": "***"}}, ["headers.A"]),
        ({"daily_cap": 0}, ["daily_cap"]),
        ({"daily_cap": 2**31}, ["daily_cap"]),
        ({"daily_cap": True}, ["daily_cap"]),
        ({"id": "1"}, ["id"]),
        ({"create_time": None}, ["create_time"]),
        ({"header": {}}, ["header"]),
        ({"name": "", "urls": None, "daily_cap": -1}, ["daily_cap", "name", "urls"]),
    ],
)
def test_a_body_that_is_refused(
    face: Face, token: str, fields: dict[str, Any], complaints: list[str] | None
) -> None:
    known = made(face, token, headers={"X-Key": SECRET})
    before = face.call("GET", ZONES, token=token).json

    for answer in (
        face.call("POST", ZONES, body(**fields), token=token),
        face.call("PATCH", f"{ZONES}/{known}", fields, token=token),
    ):
        assert answer.status == 400, answer.body
        assert sorted(errors(answer)) == (
            complaints or ["headers.A b", "headers.C", "headers.Host"]
        )
        assert b"5ecret" not in answer.body
    assert face.call("GET", ZONES, token=token).json == before


def test_a_zone_goes_unless_an_active_task_draws_from_it(face: Face, token: str) -> None:
    zone_id = made(face, token, headers={"X-Key": SECRET})
    path = f"{ZONES}/{zone_id}"
    assert face.call("POST", TASKS, draw(zone_id, status=0), token=token).status == 201
    running = face.call("POST", TASKS, draw(zone_id), token=token).json["id"]

    refused = face.call("DELETE", path, token=token)
    assert refused.status == 409
    assert f"push task {running} (Sale)" in refused.json["message"]

    assert face.call("POST", f"{TASKS}/{running}/pause", token=token).status == 204
    assert face.call("DELETE", path, token=token).status == 204
    for method in ("GET", "DELETE", "PATCH"):
        answer = face.call(method, path, {} if method == "PATCH" else None, token=token)
        assert answer.status == 404
        assert answer.json["message"] == f"there is no zone {zone_id}"
    resumed = face.call("POST", f"{TASKS}/{running}/resume", token=token)
    assert (resumed.status, errors(resumed)) == (400, ["adex.zone_id"])


def test_a_task_needs_a_zone_or_a_fallback(face: Face, owner: Account, token: str) -> None:
    known = made(face, token)
    of_others = made(face, face.token(face.account()))
    of_child = made(face, face.token(face.account(owner)))
    for path, status in ((TASKS, 201), (f"{TASKS}/preview", 200)):
        for zone_id, is_known in (
            (known, True),
            (of_child, True),
            (of_others, False),
            ("3002371", False),
            (str(2**64 - 1), False),
        ):
            order = draw(zone_id)
            answer = face.call("POST", path, order, token=token)
            assert answer.status == (status if is_known else 400), (zone_id, answer.body)
            assert errors(answer) == ([] if is_known else ["adex.zone_id"])
            order["adex"]["fallback_message"] = FALLBACK
            assert face.call("POST", path, order, token=token).status == status
    below = face.call("POST", TASKS, draw(known), token=face.token(face.account(owner)))
    assert errors(below) == ["adex.zone_id"]


def test_an_edit_must_leave_a_zone_or_a_fallback(face: Face, token: str) -> None:
    known, other = made(face, token), made(face, token)
    path = f"{TASKS}/{face.call('POST', TASKS, draw(known), token=token).json['id']}"

    answer = face.call("PATCH", path, {"adex": {"zone_id": "3002371"}}, token=token)
    assert (answer.status, errors(answer)) == (400, ["adex.zone_id"])
    for adex in ({"zone_id": other}, {"zone_id": "3002371", "fallback_message": FALLBACK}):
        assert face.call("PATCH", path, {"adex": adex}, token=token).status == 204
    for zone_id in (known, other):
        assert face.call("DELETE", f"{ZONES}/{zone_id}", token=token).status == 204


def test_a_preview_warns_of_what_is_missing(face: Face, token: str) -> None:
    def warned(zone_id: str, **adex: Any) -> set[str]:
        order = draw(zone_id)
        order["adex"] |= adex
        answer = face.call("POST", f"{TASKS}/preview", order, token=token)
        return {one["code"] for one in answer.json["warnings"]} - {"nobody"}

    known = made(face, token)
    assert warned(known) == {"no_fallback"}
    assert warned(known, fallback_message=FALLBACK) == set()
    assert warned("3002371", fallback_message=FALLBACK) == {"unknown_item"}


def test_a_list_is_sorted_filtered_and_searched(face: Face, token: str) -> None:
    for name, protocol in (("Beta", "feed"), ("alpha", "openrtb"), ("Gamma", "feed")):
        made(face, token, name=name, protocol=protocol)

    def names(query: str) -> list[str]:
        found = face.call("GET", f"{ZONES}?{query}", token=token)
        return [item["name"] for item in found.json["items"]]

    assert names("") == ["Gamma", "alpha", "Beta"]
    assert names("sort=name") == ["Beta", "Gamma", "alpha"]
    assert names("protocol=feed&sort=id") == ["Beta", "Gamma"]
    assert names("q=MMA") == ["Gamma"]
    assert errors(face.call("GET", f"{ZONES}?protocol=rss", token=token)) == ["protocol"]
    assert errors(face.call("GET", f"{ZONES}?url=x", token=token)) == ["url"]


def test_the_doctor_opens_every_header(face: Face, token: str) -> None:
    def told() -> str | None:
        return dict(islice(face.program.examine(), 3))["every header of a zone opens with it too"]

    zone_id = made(face, token, headers={"X-Key": SECRET})
    assert told() is None
    damage = update(zone_header).where(zone_header.c.zone_id == int(zone_id))
    with face.program.database.write() as connection:
        connection.execute(damage.values(sealed_value=b"damaged"))
    try:
        assert f"the header x-key of zone {zone_id} cannot be opened" in (told() or "")
    finally:
        assert face.call("DELETE", f"{ZONES}/{zone_id}", token=token).status == 204
