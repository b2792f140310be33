"""``/v1/hood/users`` over real HTTP."""

from typing import Any

import pytest
from face import Answer, Face, errors, subscription

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.enrolment import Enrolment
from tocsin.domain.registration import read_registration
from tocsin.services.indexing import Indexing
from tocsin.services.subscribers import Enrolled

USERS = "/v1/hood/users"


@pytest.fixture
def owner(face: Face) -> Account:
    return face.account()


@pytest.fixture
def token(face: Face, owner: Account) -> str:
    return face.token(owner)


@pytest.fixture
def site(face: Face, owner: Account) -> Container:
    return face.site(owner)


def join(face: Face, site: Container, number: int, **body: Any) -> str:
    answer = face.register(site, number, **body)
    assert answer.status == 201
    made: str = answer.json["id"]
    return made


def view(face: Face, token: str, user_id: str) -> dict[str, Any]:
    answer = face.call("GET", f"{USERS}/{user_id}", token=token)
    assert (answer.status, answer.json["total"]) == (200, 1)
    found: dict[str, Any] = answer.json["items"][0]
    return found


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [one["id"] for one in answer.json["items"]]


def test_a_user_is_shown_without_secrets(face: Face, token: str, site: Container) -> None:
    user = join(
        face,
        site,
        1,
        language="sr",
        timezone="Europe/Belgrade",
        remote_user_id="žika-7",
        user_data={"plan": "gold", "tags": ["a", 1, True, None]},
    )

    assert view(face, token, user) == {
        "id": user,
        "container_id": str(site.id),
        "account_id": str(site.account_id),
        "application": "www.example.com",
        "country": "RS",
        "region": None,
        "city": None,
        "language": "sr",
        "timezone": "Europe/Belgrade",
        "browser": None,
        "os": None,
        "remote_user_id": "žika-7",
        "user_data": {"plan": "gold", "tags": ["a", 1, True, None]},
        "subscribed_at": "2026-02-05 11:00:00",
        "last_seen": "2026-02-05 11:00:00",
        "status": "active",
    }
    listed = face.call("GET", USERS, token=token)
    assert listed.json == {"total": 1, "items": [view(face, token, user)]}
    for secret in (b"endpoint", b"p256dh", b"auth", b"fcm.googleapis.com"):
        assert secret not in listed.body


def test_a_list_is_filtered_sorted_and_searched(
    face: Face, owner: Account, token: str, site: Container
) -> None:
    other_site = face.site(owner)
    past = read_registration(
        {
            "subscription": subscription(1),
            "language": "en",
            "remote_user_id": "Mila-1",
            "timezone": "Europe/Paris",
            "subscribed_at": "2025-01-01 00:00:00",
            "last_seen": "2025-01-02 00:00:00",
        },
        source="import",
    )
    (imported,) = face.program.subscribers.register([Enrolment(site, past, {})])
    assert isinstance(imported, Enrolled)
    first = str(imported.id)
    second = join(face, site, 2, language="pt-BR", remote_user_id="mila-2")
    third = join(face, other_site, 3)
    face.call("POST", f"{USERS}/unsubscribe", {"client_id": [third]}, token=token)
    face.call("PATCH", f"{USERS}/{second}", {"region": 5, "country": "ca"}, token=token)

    rows = {
        "": [third, second, first],
        "sort=subscribed_at,language": [first, second, third],
        f"id={second}": [second],
        f"id=in:{first},{third}": [third, first],
        "status=active": [second, first],
        "status=unsubscribed": [third],
        f"container_id={other_site.id}": [third],
        f"account_id={owner.id}": [third, second, first],
        "application=www.example.com": [third, second, first],
        "country=CA": [second],
        "region=5": [second],
        "language=pt-BR": [second],
        "language=isn:": [third],
        "timezone=Europe/Paris": [first],
        "browser=isn:": [third, second, first],
        "os=12": [],
        "remote_user_id=mila-2": [second],
        "subscribed_at=lte:2025-01-01%2000:00:00": [first],
        "last_seen=gt:2025-01-02T00:00:00Z": [third, second],
        "q=MILA": [second, first],
        "page=2,2": [first],
    }
    for query, wanted in rows.items():
        answer = face.call("GET", f"{USERS}?{query}", token=token)
        assert ids(answer) == wanted, query
    for query in (
        "user_data=x",
        "endpoint=x",
        "status=on",
        "browser=Chrome",
        "id=x",
        "q_fields=id",
    ):
        assert face.call("GET", f"{USERS}?{query}", token=token).status == 400
    chosen = face.call("GET", f"{USERS}?fields=id,status&page=1,1", token=token).json["items"]
    assert chosen == [{"id": third, "status": "unsubscribed"}]


@pytest.mark.parametrize(
    "name", ["0", "x", "-1", "1.0", str(2**64 - 1), str(2**64), "%00", "9" * 99]
)
def test_an_id_that_is_nobodys_is_absent(sqlite_face: Face, name: str) -> None:
    token = sqlite_face.token(sqlite_face.account())

    for method in ("GET", "PATCH", "DELETE"):
        sent = {"language": "en"} if method == "PATCH" else None
        answer = sqlite_face.call(method, f"{USERS}/{name}", sent, token=token)
        assert answer.status == 404
        assert answer.json["message"].startswith("there is no user ")


# -- changes ---------------------------------------------------------------------------------------


def test_a_patch_changes_what_it_names(face: Face, token: str, site: Container) -> None:
    user = join(face, site, 1, language="en", timezone="Europe/Paris", user_data={"a": 1, "b": 2})
    before = view(face, token, user)

    for patch, change in (
        ({"language": "pt_br"}, {"language": "pt-BR"}),
        ({"country": "ca", "region": 792680}, {"country": "CA", "region": "792680"}),
        ({"timezone": None, "country": None}, {"timezone": None, "country": None}),
        ({"remote_user_id": "é" * 127}, {"remote_user_id": "é" * 127}),
        ({"user_data": {"a": None, "c": [True]}}, {"user_data": {"b": 2, "c": [True]}}),
        ({"user_data": {}}, {}),
        ({"user_data": None, "language": None}, {"user_data": {}, "language": None}),
    ):
        answer = face.call("PATCH", f"{USERS}/{user}", patch, token=token)
        assert (answer.status, answer.body) == (204, b""), answer.body
        before |= change
        assert view(face, token, user) == before
    assert Indexing(face.program.store).fold() >= 1
    assert Indexing(face.program.store).is_true()


@pytest.mark.parametrize(
    ("patch", "complaints"),
    [
        ({}, [""]),
        ({"language": "english!"}, ["language"]),
        ({"timezone": "Mars/Base"}, ["timezone"]),
        ({"country": "CAN"}, ["country"]),
        ({"country": "XX"}, ["country"]),
        ({"region": "Ontario"}, ["region"]),
        ({"region": -5}, ["region"]),
        ({"remote_user_id": ""}, ["remote_user_id"]),
        ({"remote_user_id": "é" * 128}, ["remote_user_id"]),
        ({"user_data": []}, ["user_data"]),
        ({"user_data": {"a": {}}}, ["user_data"]),
        ({"user_data": {"": 1}}, ["user_data"]),
        ({"user_data": {f"{n}": 1 for n in range(65)}}, ["user_data"]),
        ({"city": "5"}, ["city"]),
        ({"status": "active"}, ["status"]),
        ({"languages": "en"}, ["languages"]),
        ({"id": None, "country": 5}, ["id", "country"]),
    ],
)
def test_a_patch_that_is_refused(
    face: Face, token: str, site: Container, patch: dict[str, Any], complaints: list[str]
) -> None:
    user = join(face, site, 1, language="en")
    before = view(face, token, user)

    answer = face.call("PATCH", f"{USERS}/{user}", patch, token=token)

    assert answer.status == 400, answer.body
    assert sorted(errors(answer)) == sorted(complaints)
    assert view(face, token, user) == before


def test_many_are_unsubscribed_at_once(face: Face, token: str, site: Container) -> None:
    users = [join(face, site, number) for number in range(3)]
    sent = {"client_id": [users[0], int(users[2]), users[0], "5", 2**64 - 1]}

    for _ in range(2):
        answer = face.call("POST", f"{USERS}/unsubscribe", sent, token=token)
        assert (answer.status, answer.body) == (204, b"")
        active = face.call("GET", f"{USERS}?status=active", token=token)
        assert ids(active) == [users[1]]
    assert face.register(site, 0).json["id"] == users[0], "the same endpoint, active again"
    assert view(face, token, users[0])["status"] == "active"


def test_many_get_the_same_custom_data(face: Face, token: str, site: Container) -> None:
    users = [join(face, site, number, user_data={"n": number, "x": 1}) for number in range(3)]
    sent = {"user_id": users[:2], "custom_data": {"x": None, "plan": "gold", "tags": [1, "a"]}}

    answer = face.call("POST", f"{USERS}/custom-data", sent, token=token)

    assert (answer.status, answer.body) == (204, b"")
    told = {"plan": "gold", "tags": [1, "a"]}
    assert [view(face, token, user)["user_data"] for user in users] == [
        {"n": 0} | told,
        {"n": 1} | told,
        {"n": 2, "x": 1},
    ]


def test_custom_data_that_is_too_much_for_one_changes_nobody(
    face: Face, token: str, site: Container
) -> None:
    full = {f"key {n}": n for n in range(64)}
    users = [join(face, site, 1), join(face, site, 2, user_data=full)]

    answer = face.call(
        "POST", f"{USERS}/custom-data", {"user_id": users, "custom_data": {"more": 1}}, token=token
    )

    assert (answer.status, errors(answer)) == (400, ["custom_data"])
    assert view(face, token, users[0])["user_data"] == {}
    swap = {"user_id": users, "custom_data": {"more": 1, "key 0": None}}
    assert face.call("POST", f"{USERS}/custom-data", swap, token=token).status == 204


@pytest.mark.parametrize(
    ("name", "body", "complaints"),
    [
        ("unsubscribe", {}, ["client_id"]),
        ("unsubscribe", {"client_id": None}, ["client_id"]),
        ("unsubscribe", {"client_id": "5"}, ["client_id"]),
        ("unsubscribe", {"client_id": []}, ["client_id"]),
        ("unsubscribe", {"client_id": ["5"] * 1001}, ["client_id"]),
        ("unsubscribe", {"client_id": ["5", "x", -1, True, 1.5, str(2**64), None, "05"]}, "1-7"),
        ("unsubscribe", {"client_id": ["5"], "user_id": ["5"]}, ["user_id"]),
        ("custom-data", {}, ["user_id", "custom_data"]),
        ("custom-data", {"user_id": ["5"]}, ["custom_data"]),
        ("custom-data", {"user_id": ["5"], "custom_data": None}, ["custom_data"]),
        ("custom-data", {"user_id": ["5"], "custom_data": {"a": {}}}, ["custom_data"]),
        ("custom-data", {"user_id": ["5"], "custom_data": {"k" * 65: 1}}, ["custom_data"]),
        ("custom-data", {"user_id": ["5"], "custom_data": {"k": "é" * 128}}, ["custom_data"]),
        ("custom-data", {"user_ids": ["5"], "custom_data": {}}, ["user_ids", "user_id"]),
    ],
)
def test_a_command_that_is_refused(
    sqlite_face: Face, name: str, body: dict[str, Any], complaints: list[str] | str
) -> None:
    token = sqlite_face.token(sqlite_face.account())
    if complaints == "1-7":
        complaints = [f"client_id.{index}" for index in range(1, 8)]

    answer = sqlite_face.call("POST", f"{USERS}/{name}", body, token=token)

    assert answer.status == 400, answer.body
    assert sorted(errors(answer)) == sorted(complaints)


def test_whoever_is_erased_is_gone(face: Face, token: str, site: Container) -> None:
    user, stays = join(face, site, 1, user_data={"a": 1}), join(face, site, 2)
    Indexing(face.program.store).fold()

    answer = face.call("DELETE", f"{USERS}/{user}", token=token)

    assert answer.status == 200
    assert answer.json.keys() == {"id", "erased_time"}
    assert answer.json["id"] == user
    for method in ("GET", "PATCH", "DELETE"):
        sent = {"language": "en"} if method == "PATCH" else None
        assert face.call(method, f"{USERS}/{user}", sent, token=token).status == 404
    assert ids(face.call("GET", USERS, token=token)) == [stays]
    Indexing(face.program.store).fold()
    assert Indexing(face.program.store).is_true()
    assert join(face, site, 1) != user, "somebody new"


def test_others_see_and_touch_nobody(face: Face, owner: Account, token: str) -> None:
    child = face.account(owner)
    child_token = face.token(child)
    of_root, of_child = join(face, face.site(owner), 1), join(face, face.site(child), 2)
    before = face.call("GET", USERS, token=token).json

    for other, hidden in (
        (child_token, [of_root]),
        (face.token(face.account()), [of_root, of_child]),
    ):
        for user in hidden:
            for method in ("GET", "PATCH", "DELETE"):
                sent = {"language": "en"} if method == "PATCH" else None
                answer = face.call(method, f"{USERS}/{user}", sent, token=other)
                assert answer.status == 404
                assert answer.json["message"] == f"there is no user {user}"
        for name, body in (
            ("unsubscribe", {"client_id": hidden}),
            ("custom-data", {"user_id": hidden, "custom_data": {"a": 1}}),
        ):
            assert face.call("POST", f"{USERS}/{name}", body, token=other).status == 204
    assert face.call("GET", USERS, token=token).json == before
    assert ids(face.call("GET", USERS, token=token)) == [of_child, of_root]
    assert ids(face.call("GET", USERS, token=child_token)) == [of_child]
