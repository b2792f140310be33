"""``/v1/hood/containers`` over real HTTP."""

from typing import Any

import pytest
from face import ORIGIN, Face, errors, subscription, task

from tocsin.domain.account import Account
from tocsin.webpush.base64url import decode

CONTAINERS = "/v1/hood/containers"
TASKS = "/v1/hood/push-tasks"


@pytest.fixture
def owner(face: Face) -> Account:
    return face.account()


@pytest.fixture
def token(face: Face, owner: Account) -> str:
    return face.token(owner)


def make(face: Face, token: str, *applications: str, **fields: Any) -> str:
    body = {"name": "News", "applications": applications or ("www.example.com",)} | fields
    answer = face.call("POST", CONTAINERS, body, token=token)
    assert answer.status == 201, answer.body
    made: str = answer.json["id"]
    return made


def view(face: Face, token: str, container_id: Any, query: str = "") -> dict[str, Any]:
    answer = face.call("GET", f"{CONTAINERS}/{container_id}{query}", token=token)
    assert (answer.status, answer.json["total"]) == (200, 1)
    found: dict[str, Any] = answer.json["items"][0]
    return found


def test_a_container_that_was_made_serves_pages(face: Face, owner: Account, token: str) -> None:
    made = make(face, token, "www.example.com", "News.Example.com:8443")

    shown = view(face, token, made)

    key, vapid = shown.pop("key"), shown.pop("push")["vapid_public_key"]
    assert len(decode(vapid)) == 65
    assert shown == {
        "id": made,
        "account_id": str(owner.id),
        "name": "News",
        "type": "web",
        "status": "not-installed",
        "applications": ["www.example.com", "news.example.com:8443"],
        "create_time": "2026-02-05 11:00:00",
        "update_time": "2026-02-05 11:00:00",
    }
    site = face.program.containers.by_key(key)
    assert site.origins == (ORIGIN, "https://news.example.com:8443")
    assert site.vapid_public_key == vapid
    assert face.call("GET", f"/tag/{key}.js").status == 200
    assert face.register(site, 1).status == 201
    assert view(face, token, made)["status"] == "installed"
    assert face.call("GET", CONTAINERS, token=token).json["items"][0]["id"] == made


@pytest.mark.parametrize(
    ("application", "origin"),
    [
        ("www.example.com", "https://www.example.com"),
        ("WWW.example.com:443", "https://www.example.com"),
        ("example.com:80", "https://example.com:80"),
        ("localhost", "http://localhost"),
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:80", "http://127.0.0.1"),
        ("10.0.0.1", "https://10.0.0.1"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("[2001:db8::1]", "https://[2001:db8::1]"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_hosts_are_pages(sqlite_face: Face, application: str, origin: str) -> None:
    token = sqlite_face.token(sqlite_face.account())

    shown = view(sqlite_face, token, make(sqlite_face, token, application))

    assert shown["applications"] == [origin.partition("//")[2]]
    assert sqlite_face.program.containers.by_key(shown["key"]).origins == (origin,)


def test_an_app_has_bundles_and_no_pages(face: Face, token: str) -> None:
    shown = view(face, token, make(face, token, "com.Example.news", "null", type="ios"))

    assert (shown["type"], shown["applications"]) == ("ios", ["com.Example.news", "null"])
    site = face.program.containers.by_key(shown["key"])
    assert (site.origins, site.hosts) == ((), ("com.example.news", "null"))
    for origin in (ORIGIN, "null", "com.example.news"):
        answer = face.call(
            "POST",
            f"/v1/edge/{site.key}/subscriptions",
            {"subscription": subscription(1)},
            headers={"Origin": origin},
        )
        assert answer.status == 403


@pytest.mark.parametrize(
    ("fields", "complaints"),
    [
        ({"name": None}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "é" * 128}, ["name"]),
        ({"applications": None}, ["applications"]),
        ({"applications": []}, ["applications"]),
        ({"applications": "www.example.com"}, ["applications"]),
        ({"applications": [f"h{n}.example" for n in range(101)]}, ["applications"]),
        ({"applications": [1]}, ["applications.0"]),
        ({"applications": ["https://www.example.com"]}, ["applications.0"]),
        ({"applications": ["www.example.com/shop"]}, ["applications.0"]),
        ({"applications": ["me@www.example.com"]}, ["applications.0"]),
        ({"applications": ["*.example.com"]}, ["applications.0"]),
        ({"applications": ["bücher.example"]}, ["applications.0"]),
        ({"applications": ["www.example.com:0", "www.example.com:"]}, [".0", ".1"]),
        ({"applications": ["www.example.com:65536", "1.2.3", "999.1.1.1"]}, [".0", ".1", ".2"]),
        ({"applications": ["[::1", "[::1]x", "a..b", "-a.example"]}, [".0", ".1", ".2", ".3"]),
        ({"applications": ["a.example", "A.example:443"]}, [".1"]),
        ({"applications": ["a.example", "a.example"]}, [".1"]),
        ({"type": "windows"}, ["type"]),
        ({"key": "x"}, ["key"]),
        ({"status": None}, ["status"]),
        ({"push": {}}, ["push"]),
        ({"subscribers": "1"}, ["subscribers"]),
        ({"application": ["www.example.com"]}, ["application"]),
        ({"type": "ios", "applications": ["com.example.app:80"]}, [".0"]),
        ({"type": "android", "applications": ["com.example", "COM.example"]}, [".1"]),
    ],
)
def test_a_body_that_is_refused(
    face: Face, token: str, fields: dict[str, Any], complaints: list[str]
) -> None:
    kind = fields.get("type") if fields.get("type") in ("ios", "android") else "web"
    known = make(face, token, type=kind)
    before = face.call("GET", CONTAINERS, token=token).json
    body = {"name": "News", "applications": ["www.example.com"]} | fields

    for answer in (
        face.call("POST", CONTAINERS, body, token=token),
        face.call("PATCH", f"{CONTAINERS}/{known}", fields, token=token),
    ):
        assert answer.status == 400, answer.body
        assert sorted(errors(answer)) == sorted(
            f"applications{one}" if one.startswith(".") else one for one in complaints
        )
    assert face.call("GET", CONTAINERS, token=token).json == before


def test_a_patch_changes_what_it_names(face: Face, token: str) -> None:
    made = make(face, token)
    before = view(face, token, made)

    for patch, change in (
        ({"name": "Old"}, {"name": "Old"}),
        ({"applications": ["a.example", "b.example:81"]}, {}),
        ({"type": "web"}, {}),
        ({}, {}),
    ):
        answer = face.call("PATCH", f"{CONTAINERS}/{made}", patch, token=token)
        assert (answer.status, answer.body) == (204, b""), answer.body
        before |= change | {key: patch[key] for key in patch if key == "applications"}
        assert view(face, token, made) == before
    refused = face.call("PATCH", f"{CONTAINERS}/{made}", {"type": "ios"}, token=token)
    assert (refused.status, errors(refused)) == (400, ["type"])


def test_an_origin_of_the_command_line_keeps_its_scheme(
    face: Face, owner: Account, token: str
) -> None:
    site = face.site(owner, "http://plain.example", "https://plain.example", "http://b.example:443")
    shown = view(face, token, site.id)["applications"]
    assert shown == ["plain.example", "b.example:443"]

    kept = {"applications": [*shown, "c.example"]}
    assert face.call("PATCH", f"{CONTAINERS}/{site.id}", kept, token=token).status == 204

    assert face.program.containers.by_key(site.key).origins == (
        "http://plain.example",
        "https://plain.example",
        "http://b.example:443",
        "https://c.example",
    )


def test_a_new_key_is_for_new_subscriptions(face: Face, owner: Account, token: str) -> None:
    site = face.site(owner)
    old = face.register(site, 1)
    before = view(face, token, site.id)

    answer = face.call("POST", f"{CONTAINERS}/{site.id}/rotate-key", token=token)

    assert (answer.status, answer.body) == (204, b"")
    after = view(face, token, site.id)
    assert before | {"push": after["push"]} == after
    assert before["push"] != after["push"]
    face.register(site, 1, language="fr")
    new = face.register(site, 2)
    with face.program.store.read() as unit:
        ids = [int(one.json["id"]) for one in (old, new)]
        keys = [one.subscription.vapid_key_id for one in unit.subscribers.seen(owner.scope, ids)]
        sealed = unit.containers.vapid_keys(keys)
    assert keys[0] != keys[1]
    assert [one.public_key for one in sealed] == [
        shown["push"]["vapid_public_key"] for shown in (before, after)
    ]
    for one in sealed:
        face.program.keyring.unseal(one.sealed_private, place=f"vapid/{site.id}")


def test_active_subscribers_are_counted_where_asked(face: Face, owner: Account, token: str) -> None:
    site, empty = face.site(owner), face.site(owner)
    ids = [face.register(site, number).json["id"] for number in range(3)]
    face.call("POST", "/v1/hood/users/unsubscribe", {"client_id": ids[:1]}, token=token)

    assert view(face, token, site.id, "?view=full")["subscribers"] == "2"
    assert view(face, token, empty.id, "?view=full")["subscribers"] == "0"
    assert "subscribers" not in view(face, token, site.id)
    listed = face.call("GET", f"{CONTAINERS}?view=full&sort=id", token=token).json["items"]
    assert [one["subscribers"] for one in listed] == ["2", "0"]
    chosen = view(face, token, site.id, "?view=full&fields=id,subscribers")
    assert chosen == {"id": str(site.id), "subscribers": "2"}


def test_a_container_with_subscribers_stays(face: Face, owner: Account, token: str) -> None:
    site, group = face.site(owner), {"name": "g", "item_ids": []}
    user = face.register(site, 1).json["id"]
    group["item_ids"] = [str(site.id)]
    grouped = face.call("POST", "/v1/hood/groups", group, token=token).json["id"]
    face.call("POST", "/v1/hood/users/unsubscribe", {"client_id": [user]}, token=token)
    path = f"{CONTAINERS}/{site.id}"

    refused = face.call("DELETE", path, token=token)
    assert (refused.status, f"container {site.id} has" in refused.json["message"]) == (409, True)
    assert face.call("DELETE", f"/v1/hood/users/{user}", token=token).status == 200
    assert face.call("DELETE", path, token=token).status == 204

    for method in ("GET", "PATCH", "DELETE"):
        answer = face.call(method, path, {} if method == "PATCH" else None, token=token)
        assert answer.status == 404
        assert answer.json["message"] == f"there is no container {site.id}"
    for rest in ("rotate-key", "tasks"):
        method = "POST" if rest == "rotate-key" else "GET"
        assert face.call(method, f"{path}/{rest}", token=token).status == 404
    assert face.call("GET", f"/tag/{site.key}.js").status == 404
    shown = face.call("GET", f"/v1/hood/groups/{grouped}", token=token).json["items"][0]
    assert shown["item_ids"] == []


def test_a_key_that_somebody_uses_elsewhere_keeps_its_container(
    face: Face, owner: Account, token: str
) -> None:
    """The browser's subscription is bound to the key it was made with, whose site it moves to."""
    first, second = face.site(owner), face.site(owner)
    assert face.register(first, 1).status == 201
    assert face.register(second, 1).status == 200

    assert view(face, token, first.id, "?view=full")["subscribers"] == "0"
    assert face.call("DELETE", f"{CONTAINERS}/{first.id}", token=token).status == 409


def test_others_see_nothing_of_it(face: Face, owner: Account, token: str) -> None:
    child = face.account(owner)
    child_token = face.token(child)
    of_root, of_child = make(face, token), make(face, child_token)

    for other, hidden in (
        (child_token, [of_root]),
        (face.token(face.account()), [of_root, of_child]),
    ):
        for one in hidden:
            for method, rest in (
                ("GET", ""),
                ("PATCH", ""),
                ("DELETE", ""),
                ("POST", "/rotate-key"),
                ("GET", "/tasks"),
            ):
                sent = {} if method == "PATCH" else None
                answer = face.call(method, f"{CONTAINERS}/{one}{rest}", sent, token=other)
                assert answer.status == 404
    assert view(face, token, of_child)["account_id"] == str(child.id)
    assert face.call("GET", CONTAINERS, token=child_token).json["total"] == 1
    assert face.call("GET", CONTAINERS, token=token).json["total"] == 2


def test_a_list_is_filtered(face: Face, owner: Account, token: str) -> None:
    web, app = make(face, token), make(face, token, type="android", name="App")
    face.register(face.program.containers.by_key(view(face, token, web)["key"]), 1)

    def ids(query: str) -> list[str]:
        found = face.call("GET", f"{CONTAINERS}?{query}", token=token).json
        return [item["id"] for item in found["items"]]

    assert ids("") == [app, web]
    assert ids("type=web") == [web]
    assert ids("status=not-installed") == [app]
    assert ids("q=APP") == [app]
    assert ids(f"account_id={owner.id}&sort=name") == [app, web]
    assert face.call("GET", f"{CONTAINERS}?applications=x", token=token).status == 400


# -- the push tasks that reach a container -------------------------------------------------------


def reached(face: Face, token: str, container_id: Any, query: str = "") -> list[str]:
    answer = face.call("GET", f"{CONTAINERS}/{container_id}/tasks{query}", token=token)
    assert answer.status == 200, answer.body
    assert answer.json["total"] >= len(answer.json["items"])
    return [one["name"] for one in answer.json["items"]]


def test_tasks_reach_a_container_unless_they_rule_it_out(
    face: Face, owner: Account, token: str
) -> None:
    site = make(face, token, "a.example.com", "b.example.com:8443")
    other = make(face, token, "c.example.net")
    own_group = face.call(
        "POST", "/v1/hood/groups", {"name": "g", "item_ids": [site]}, token=token
    ).json["id"]
    a_group = face.call(
        "POST",
        "/v1/hood/application-groups",
        {"name": "g", "items": ["a.example.com"]},
        token=token,
    ).json["id"]
    child = str(face.account(owner).id)
    rows: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"countries": ["CA"], "users": ["5"]}, True),
        ({"apps": [site]}, True),
        ({"apps": [other]}, False),
        ({"!apps": [site]}, False),
        ({"!apps": [other]}, True),
        ({"accounts": [str(owner.id)]}, True),
        ({"accounts": [child]}, False),
        ({"!accounts": [str(owner.id)]}, False),
        ({"groups": [own_group]}, True),
        ({"!groups": [own_group]}, False),
        ({"groups": ["999999999"]}, False),
        ({"applications": ["B.example.com"]}, True),
        ({"applications": ["*.example.com"]}, True),
        ({"applications": ["example.com"]}, False),
        ({"!applications": ["a.example.com"]}, True),
        ({"!applications": ["*.example.com"]}, False),
        ({"application_groups": [a_group]}, True),
        ({"!application_groups": [a_group]}, True),
        ({"applications": ["a.example.com"], "!application_groups": [a_group]}, False),
    ]
    for number, (criteria, _) in enumerate(rows):
        targeting = {
            key.removeprefix("!"): {"op": "exclude" if key[0] == "!" else "include", "items": items}
            for key, items in criteria.items()
        }
        sent = task(name=str(number), status=0, targeting=targeting)
        answer = face.call("POST", TASKS, sent, token=token)
        assert answer.status == 201, answer.body

    wanted = [str(number) for number, (_, reaches) in enumerate(rows) if reaches]

    found = reached(face, token, site, "?page=1,100&sort=create_time")
    assert sorted(found, key=int) == wanted
    assert reached(face, token, site, "?page=2,3") == wanted[::-1][3:6]
    assert reached(face, token, site, "?name=in:2,3") == ["2"]
    assert reached(face, token, site, "?page=50") == []


def test_tasks_of_a_child_reach_its_own_containers_alone(
    face: Face, owner: Account, token: str
) -> None:
    child = face.account(owner)
    child_token = face.token(child)
    of_root, of_child = make(face, token), make(face, child_token)
    face.call("POST", TASKS, task(name="root's"), token=token)
    face.call("POST", TASKS, task(name="child's"), token=child_token)

    assert reached(face, token, of_root) == ["root's"]
    assert reached(face, token, of_child) == ["child's", "root's"]
    assert reached(face, child_token, of_child) == ["child's"]
