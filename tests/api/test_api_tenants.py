"""Nobody sees, changes or guesses at what another account has: every call of the API is tried.

The calls are those that the program serves, so a new one is tried as soon as it is there, and one
that names things of a kind that tests/api/things.py does not know fails here until it does.
"""

from typing import Any, Final

import pytest
from face import Face, errors, task
from things import KINDS, NOWHERE, Called, Owner, calls, foreign, furnish, told

TASKS = "/v1/hood/push-tasks"
KEYS = "/v2/ocamba/personal-api-keys"
VALIDATE = f"{KEYS}/validate"
EXPORT = "/v1/hood/users/export"
IMPORT = "/v1/hood/users/import"
READING_POSTS = (f"{TASKS}/preview",)
NUMBERS = iter(range(70_000, 80_000))


@pytest.fixture(params=["stranger", "child"])
def pair(face: Face, request: pytest.FixtureRequest) -> tuple[Owner, Owner]:
    """Return an account with things, and another, or a child of it, with things of its own."""
    root = face.account()
    theirs = furnish(face, root, next(NUMBERS))
    other = face.account(root if request.param == "child" else None)
    return theirs, furnish(face, other, next(NUMBERS))


def views(face: Face, owner: Owner) -> dict[str, str]:
    """Return everything that *owner* can read about what is there."""
    found = {}
    for call in calls(face):
        if call.method == "GET":
            path = call.path([owner.ids[kind] for kind in call.kinds])
            answer = face.call("GET", path, token=owner.token)
            assert answer.status == 200, (path, answer.body)
            found[path] = answer.body.decode()
    return found


def test_every_id_in_a_path_is_of_a_known_kind(sqlite_face: Face) -> None:
    named = {kind for call in calls(sqlite_face) for kind in call.kinds}

    assert named <= KINDS
    assert {"push-tasks", "executions", "users"} <= named


def test_what_others_have_is_answered_like_what_nobody_has(
    face: Face, pair: tuple[Owner, Owner]
) -> None:
    theirs, mine = pair
    before = views(face, theirs)
    tried = 0
    wrong: dict[str, Any] = {}
    for call in (call for call in calls(face) if call.kinds):
        looked = False
        for body in call.bodies:
            for ids, nowhere in foreign(call, theirs, mine):
                path, empty_path = call.path(ids), call.path(nowhere)
                got = told(face.call(call.method, path, body, token=mine.token), ids)
                absent = told(face.call(call.method, empty_path, body, token=mine.token), nowhere)
                tried += 1
                looked = looked or absent[0] == 404
                if got != absent:
                    wrong[f"{call.method} {path} {body}"] = (got, absent)
        if not looked:
            wrong[f"{call.method} {call.template}"] = "no body of things.py makes it look"

    assert not wrong, "\n".join(f"{what}: {why}" for what, why in wrong.items())
    assert tried >= 7
    assert views(face, theirs) == before


def test_lists_of_an_account_without_things_are_empty(
    face: Face, pair: tuple[Owner, Owner], request: pytest.FixtureRequest
) -> None:
    theirs, _ = pair
    is_child = "child" in request.node.name
    token = face.token(face.account(theirs.account if is_child else None))
    for call in calls(face):
        if call.method != "GET" or call.kinds:
            continue
        answer = face.call("GET", call.path([]), token=token)
        assert answer.status == 200, (call, answer.body)
        if call.template == KEYS:
            assert [item["name"] for item in answer.json["items"]] == ["test"]
        elif call.template == EXPORT:
            assert answer.body == b""
        elif "/reports/" in call.template:
            assert answer.json == [], call
        else:
            assert answer.json == {"total": 0, "items": []}, call


def test_a_root_sees_what_its_children_have(face: Face) -> None:
    root = face.account()
    above = furnish(face, root, next(NUMBERS))
    below = furnish(face, face.account(root), next(NUMBERS))

    for call in calls(face):
        if call.method == "GET" and call.kinds:
            path = call.path([below.ids[kind] for kind in call.kinds])
            assert face.call("GET", path, token=above.token).status == 200, path


# The criterion that names things of each kind.
CRITERIA = {
    "apps": "containers",
    "groups": "groups",
    "application_groups": "application-groups",
    "segments": "segments",
}


@pytest.mark.parametrize("criterion", [*CRITERIA, "accounts", "applications", "users"])
def test_targeting_at_others_things_matches_nobody(
    face: Face, pair: tuple[Owner, Owner], criterion: str
) -> None:
    theirs, mine = pair
    theirs_or_nothing = {
        "accounts": (str(theirs.account.id), NOWHERE),
        "applications": (theirs.host, "nowhere.example.com"),
        "users": (theirs.ids["users"], NOWHERE),
    }
    if kind := CRITERIA.get(criterion):
        theirs_or_nothing[criterion] = (theirs.ids[kind], NOWHERE)
    item, nothing = theirs_or_nothing[criterion]

    def order(op: str, item: str) -> dict[str, Any]:
        return task(status=0, targeting={criterion: {"op": op, "items": [item]}})

    assert face.call("POST", TASKS, order("include", item), token=mine.token).status == 201
    seen = face.call("POST", f"{TASKS}/preview", order("include", item), token=mine.token)
    assert seen.json["reach"]["total"] == 0
    everyone = face.call("POST", f"{TASKS}/preview", task(), token=mine.token)
    assert everyone.json["reach"]["total"] == 1

    got = told(face.call("POST", TASKS, order("exclude", item), token=mine.token), [item])
    absent = told(face.call("POST", TASKS, order("exclude", nothing), token=mine.token), [nothing])
    plain = [text.replace(item, "X").replace(nothing, "X") for text in (got[2], absent[2])]
    if criterion == "users":  # an open vocabulary, and an id says nothing of who has it
        assert (got[0], absent[0]) == (201, 201)
    else:
        assert got[:2] == absent[:2]
        assert got[0] == 400
        assert plain[0] == plain[1]


# (where, a body that names a thing, of which kind it is, the field of the fault)
NAMING: Final[list[tuple[str, dict[str, Any], str, list[str]]]] = [
    ("/v1/hood/groups", {"name": "x", "item_ids": ["ID"]}, "containers", ["item_ids.0"]),
    (
        "/v1/hood/segments",
        {"name": "x", "targeting": {"segments": {"op": "neq", "items": ["ID"]}}},
        "segments",
        ["targeting.segments.items.0"],
    ),
    (TASKS, {"name": "x", "adex": {"zone_id": "ID"}}, "zones", ["adex.zone_id"]),
    (KEYS, {"name": "x", "account_id": "ID"}, "account", []),
]


@pytest.mark.parametrize("row", NAMING, ids=lambda row: row[0])
def test_bodies_that_name_others_things_are_refused_as_if_those_were_not(
    face: Face,
    pair: tuple[Owner, Owner],
    row: tuple[str, dict[str, Any], str, list[str]],
) -> None:
    (theirs, mine), (path, body, kind, fields) = pair, row
    item = str(theirs.account.id) if kind == "account" else theirs.ids[kind]

    def send(item: str) -> Any:
        return face.call("POST", path, _with(body, item), token=mine.token)

    got, absent = send(item), send(NOWHERE)

    assert told(got, [item]) == told(absent, [NOWHERE])
    assert 400 <= got.status < 500
    assert errors(got) == fields or not fields


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/hood/users/unsubscribe", {"client_id": ["ID"]}),
        ("/v1/hood/users/custom-data", {"user_id": ["ID"], "custom_data": {"stolen": "yes"}}),
    ],
)
def test_commands_to_others_people_do_nothing(
    face: Face, pair: tuple[Owner, Owner], path: str, body: dict[str, Any]
) -> None:
    theirs, mine = pair
    before = views(face, theirs)

    for item in (theirs.ids["users"], NOWHERE):
        answer = face.call("POST", path, _with(body, item), token=mine.token)
        assert (answer.status, answer.body) == (204, b"")

    assert views(face, theirs) == before


def _with(body: Any, item: str) -> Any:
    """Return *body* with *item* wherever it says ID."""
    if isinstance(body, dict):
        return {key: _with(value, item) for key, value in body.items()}
    if isinstance(body, list):
        return [_with(value, item) for value in body]
    return item if body == "ID" else body


def _enough(call: Called) -> str | None:
    """Return the one scope with which *call* may be made; None: any."""
    if call.template == VALIDATE:
        return None
    if call.template.startswith(KEYS):
        return "admin"
    reads = call.method == "GET" or call.template in READING_POSTS
    return "read" if reads else "write"


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_a_token_of_one_scope_makes_no_other_call(face: Face, scope: str) -> None:
    token = face.token(face.account(), scope)
    tried = 0
    for call in calls(face):
        path = call.path([NOWHERE] * len(call.kinds))
        answer = face.call(call.method, path, token=token)
        enough = _enough(call)
        if enough in (scope, None):
            assert answer.status != 403, (call, answer.body)
        else:
            tried += 1
            assert answer.status == 403, (call, answer.body)
            assert repr(enough) in answer.json["message"], call
    assert tried >= 4


def test_nobody_calls_without_a_token(sqlite_face: Face) -> None:
    for call in calls(sqlite_face):
        path = call.path([NOWHERE] * len(call.kinds))
        answer = sqlite_face.call(call.method, path)
        assert answer.status == 401, call
        assert answer.headers["WWW-Authenticate"] == "Bearer", call
