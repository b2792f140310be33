"""``/v2/ocamba/personal-api-keys`` over real HTTP."""

from pathlib import Path
from typing import Any

import pytest
from face import Answer, Face, errors, serving

from tocsin.domain.account import Account
from tocsin.web.callers import KNOWN_FOR_MS

KEYS = "/v2/ocamba/personal-api-keys"
TASKS = "/v1/hood/push-tasks"


def make(face: Face, token: str, **body: Any) -> Answer:
    return face.call("POST", KEYS, {"name": "made"} | body, token=token)


def is_good(face: Face, token: str) -> bool:
    """Return what the API says of a token."""
    answer = face.call("POST", f"{KEYS}/validate", token=token)
    assert answer.status in (204, 401)
    assert not (answer.status == 204 and answer.body)
    return answer.status == 204


def test_a_token_is_made_and_shown_once(face: Face) -> None:
    boss = face.token(face.account())

    made = make(
        face,
        boss,
        name="CI",
        scopes=["write", "read"],
        valid_until="2026-02-05T13:00:00+01:00",
    )

    assert made.status == 201
    assert made.headers["Cache-Control"] == "no-store"
    secret, token_id = made.json.pop("token"), made.json["id"]
    assert made.json | {"token": None} == {
        "id": token_id,
        "name": "CI",
        "token": None,
        "scopes": ["read", "write"],
        "valid_from": None,
        "valid_until": "2026-02-05 12:00:00",
    }
    assert face.call("GET", TASKS, token=secret).status == 200
    assert make(face, secret).status == 403
    listed = face.call("GET", f"{KEYS}?name=CI", token=boss)
    assert secret not in listed.body.decode()
    assert listed.json["total"] == 1
    assert (
        listed.json["items"][0].items()
        >= {
            "id": token_id,
            "name": "CI",
            "scopes": ["read", "write"],
            "valid_until": "2026-02-05 12:00:00",
            "create_time": "2026-02-05 11:00:00",
        }.items()
    )


def test_a_token_without_scopes_has_those_of_its_maker_and_none_has_more(face: Face) -> None:
    boss = face.token(face.account(), "admin", "read")

    assert make(face, boss).json["scopes"] == ["read", "admin"]
    refused = make(face, boss, scopes=["read", "write"])
    assert refused.status == 403
    assert "'write'" in refused.json["message"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, []),
        ({"name": ""}, ["name"]),
        ({"name": None}, ["name"]),
        ({"name": "x" * 256}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"scopes": []}, ["scopes"]),
        ({"scopes": "read"}, ["scopes"]),
        ({"scopes": ["read", "root"]}, ["scopes.1"]),
        ({"scopes": [{}, 1]}, ["scopes.0", "scopes.1"]),
        ({"scopes": ["read", "read"]}, ["scopes"]),
        ({"scopes": ["read"] * 9000}, ["scopes"]),
        ({"valid_until": "2026-02-05 11:00:00"}, ["valid_until"]),
        (
            {"valid_from": "2027-01-01 00:00:00", "valid_until": "2027-01-01 00:00:00"},
            ["valid_until"],
        ),
        ({"valid_from": "tomorrow"}, ["valid_from"]),
        ({"account_id": "0"}, ["account_id"]),
        ({"account_id": "9223372036854775807"}, ["account_id"]),
        ({"scope": ["read"]}, ["scope"]),
    ],
)
def test_what_is_no_token_is_refused_by_field(
    sqlite_face: Face, body: dict[str, Any], fields: list[str]
) -> None:
    answer = make(sqlite_face, sqlite_face.token(sqlite_face.account()), **body)

    assert answer.status == (400 if fields else 201)
    assert [field for field in errors(answer) if field != "name" or "name" in body] == fields


def test_a_root_hands_out_tokens_of_its_children_and_nobody_elses(face: Face) -> None:
    root, stranger = face.account(), face.account()
    child, sister = face.account(root), face.account(root)
    of_root, of_child = face.token(root), face.token(child)

    def hand_out(token: str, to: Account) -> Answer:
        return make(face, token, account_id=str(to.id))

    made = hand_out(of_root, child)
    assert made.status == 201
    assert hand_out(of_child, child).status == 201
    for token, to in ((of_child, root), (of_child, sister), (of_root, stranger)):
        refused = hand_out(token, to)
        assert (refused.status, errors(refused)) == (400, ["account_id"])
        absent = make(face, token, account_id="999999999").json["message"]
        assert refused.json["message"] == absent.replace("999999999", str(to.id))
    total = {
        who: face.call("GET", KEYS, token=token).json["total"]
        for who, token in {"root": of_root, "child": made.json["token"]}.items()
    }
    assert total == {"root": 4, "child": 3}


def test_any_good_token_is_told_that_it_is(face: Face) -> None:
    owner = face.account()

    for scopes in ([], ["read"], ["write"], ["admin"]):
        assert is_good(face, face.token(owner, *scopes))
    assert not is_good(face, "tocsin_x")
    refused = face.call("POST", f"{KEYS}/validate")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    for scope in ("read", "write"):
        for method in ("GET", "POST"):
            body = {"name": "x"} if method == "POST" else None
            answer = face.call(method, KEYS, body, token=face.token(owner, scope))
            assert answer.status == 403


def test_a_token_in_waiting_or_over_is_not_good(own_face: Face) -> None:
    face = own_face
    boss = face.token(face.account())
    secret = make(
        face, boss, valid_from="2026-02-05 11:00:10", valid_until="2026-02-05 11:00:20"
    ).json["token"]

    assert not is_good(face, secret)
    face.clock.forward(10_000)
    assert is_good(face, secret)
    face.clock.forward(9999)
    assert is_good(face, secret)
    face.clock.forward(1)
    assert not is_good(face, secret)


def test_a_revoked_token_is_refused_by_every_process_within_the_second(
    own_face: Face, migrated_url: str, tmp_path: Path
) -> None:
    owner = own_face.account()
    boss, secret = own_face.token(owner), own_face.token(owner, "read")
    with serving(tmp_path, migrated_url) as twin:
        faces = (own_face, twin)
        assert all(is_good(face, secret) for face in faces)
        token_id = own_face.call("GET", f"{KEYS}?page=1,1", token=boss).json["items"][0]["id"]

        assert own_face.call("DELETE", f"{KEYS}/{token_id}", token=boss).status == 204

        for face in faces:
            face.clock.forward(KNOWN_FOR_MS)
        assert not any(is_good(face, secret) for face in faces)
        assert all(is_good(face, boss) for face in faces)
    assert KNOWN_FOR_MS < 1000
    assert own_face.call("DELETE", f"{KEYS}/{token_id}", token=boss).status == 404
    assert own_face.call("GET", KEYS, token=boss).json["total"] == 1


def test_nobody_revokes_a_strangers_token(face: Face) -> None:
    root = face.account()
    child = face.account(root)
    of_root, of_child = face.token(root), face.token(child)
    stranger = face.token(face.account())
    items = face.call("GET", KEYS, token=of_root).json["items"]
    by_account = {item["account_id"]: item["id"] for item in items}
    ids = {"root": by_account[str(root.id)], "child": by_account[str(child.id)]}

    for token, who in ((stranger, "root"), (stranger, "child"), (of_child, "root")):
        assert face.call("DELETE", f"{KEYS}/{ids[who]}", token=token).status == 404
    for name in ("0", "x", "9" * 30, "-1"):
        assert face.call("DELETE", f"{KEYS}/{name}", token=of_root).status == 404
    assert face.call("DELETE", f"{KEYS}/{ids['child']}", token=of_root).status == 204


def test_the_making_of_a_token_is_not_replayed_and_a_check_needs_no_key(face: Face) -> None:
    token = face.token(face.account())
    key = {"Idempotency-Key": "k"}

    refused = face.call("POST", KEYS, {"name": "x"}, headers=key, token=token)

    assert (refused.status, errors(refused)) == (400, ["Idempotency-Key"])
    assert "shown once" in refused.json["message"]
    assert face.call("POST", f"{KEYS}/validate", headers=key, token=token).status == 204
