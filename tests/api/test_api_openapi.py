"""The OpenAPI document is valid, whole and true: what it says is what the server does."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
import schemathesis
from face import Face, errors, serving, subscription
from starlette.routing import Route
from things import Owner, furnish

from document_sweep import PLACES, sweep
from spoiling import message
from task_bodies import GOOD
from task_bodies.rows import NOW_MS, changed
from tocsin.domain.errors import Unreadable
from tocsin.domain.message_token import TOKEN_LENGTH
from tocsin.web.hood.examples import CREATE
from tocsin.web.hood.push_task_shapes import read_order
from tocsin.web.strict_json import loads

Document = dict[str, Any]
METHODS: Final = {"get", "post", "patch", "delete", "options"}
JSON: Final = "application/json"
SPOILT: Final = 3000
SEED: Final = 20260205
TASKS: Final = "/v1/hood/push-tasks"


@pytest.fixture(scope="module")
def document(sqlite_face: Face) -> Document:
    found: Document = sqlite_face.call("GET", "/openapi.json").json
    return found


@pytest.fixture
def owner(face: Face) -> Owner:
    return furnish(face, face.account(), 1)


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (method, path, what is said) of each."""
    for path, item in document["paths"].items():
        for method, said in item.items():
            assert method in METHODS, f"{path} has {method}"
            yield method.upper(), path, said


def inside(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of the document with its place."""
    if isinstance(node, dict):
        yield path, node
        for key, inner in node.items():
            if key not in ("example", "examples", "const", "enum"):
                yield from inside(inner, f"{path}/{key}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from inside(inner, f"{path}/{number}")


def schemas(document: Document) -> Iterator[tuple[str, dict[str, Any], list[Any]]]:
    """Yield every schema that the document begins with its place, and the examples beside it."""
    for path, node in inside(document):
        if isinstance(node.get("schema"), dict):
            examples = [one["value"] for one in node.get("examples", {}).values()]
            yield (
                path,
                node["schema"],
                [*examples, *(node[key] for key in node if key == "example")],
            )
    for name, schema in document["components"]["schemas"].items():
        yield f"components/{name}", schema, []


def validator(document: Document, schema: Mapping[str, Any]) -> Any:
    """Return the validator of a schema whose references lead into the document."""
    return jsonschema_rs.Draft202012Validator(
        {**schema, "components": document["components"]}, validate_formats=True
    )


def test_it_is_openapi_3_1(document: Document) -> None:
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()


def test_every_schema_is_one(document: Document) -> None:
    found = 0
    for _, schema, _ in schemas(document):
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )
        validator(document, schema)
        found += 1
    assert found > 250


def test_every_reference_leads_somewhere(document: Document) -> None:
    for place, node in inside(document):
        if "$ref" in node:
            found: Any = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                assert part in found, f"{place}: {node['$ref']}"
                found = found[part]


def test_every_example_is_good_for_its_schema(document: Document) -> None:
    found = 0
    for place, schema, examples in schemas(document):
        for example in examples:
            wrong = [str(error) for error in validator(document, schema).iter_errors(example)]
            assert not wrong, f"{place}: {wrong}"
            found += 1
        for inner, node in inside(schema, place):
            for example in node.get("examples", []) if isinstance(node, dict) else []:
                assert validator(document, node).is_valid(example), f"{inner}: {example!r}"
                found += 1
    assert found > 50


def test_every_operation_is_named_once_and_by_a_sentence(document: Document) -> None:
    names = [said["operationId"] for _, _, said in operations(document)]

    assert len(set(names)) == len(names)
    for method, path, said in operations(document):
        assert said["summary"][0].isupper(), path
        assert len(said["tags"]) == 1
        told = {one["name"] for one in said.get("parameters", []) if one["in"] == "path"}
        assert told == set(re.findall(r"{(\w+)}", path)), f"{method} {path}"


def test_every_route_is_in_it_and_nothing_else_is(sqlite_face: Face, document: Document) -> None:
    routes = set()
    for route in sqlite_face.program.web().routes:
        assert isinstance(route, Route)
        # The name of what browsers keep for good changes with what is in it.
        path = re.sub(r"^/tag/assets/tag\.\w+\.js$", "/tag/assets/tag.{version}.js", route.path)
        routes |= {(method, path) for method in (route.methods or set()) - {"HEAD"}}

    assert {(method, path) for method, path, _ in operations(document)} == routes


def test_every_body_has_an_example_that_is_taken(
    face: Face, owner: Owner, document: Document
) -> None:
    places = {name: owner.ids[kind] for name, kind in PLACES.items() if kind in owner.ids}
    browser = _browser(face, owner)
    # No fresh server has what these name.
    known = {
        "item_ids": [owner.ids["containers"]],
        "users": [owner.ids["users"]],
        "container": owner.ids["containers"],
    }
    sent = 0
    for method, path, said in operations(document):
        for media_type, content in said.get("requestBody", {"content": {}})["content"].items():
            assert content["examples"], f"{method} {path} has no example"
            for name, example in content["examples"].items():
                body = example["value"]
                body = body | {key: known[key] for key in body if key in known}
                answer = face.call(
                    method,
                    path.format(**places, key=browser["key"], subscriber_id=browser["id"]),
                    json.dumps(body).encode(),
                    headers={"Content-Type": media_type, "Origin": f"https://{owner.host}"},
                    token=browser["secret"] if path.startswith("/v1/edge/") else owner.token,
                )
                assert str(answer.status) in said["responses"], answer.body
                assert answer.status < 300, f"{method} {path}, {name}: {answer.body!r}"
                sent += 1
    assert sent > 20


def test_the_examples_of_a_task_are_the_vendors(document: Document) -> None:
    for path in (TASKS, TASKS.replace("v1", "v0"), f"{TASKS}/preview"):
        content = document["paths"][path]["post"]["requestBody"]["content"][JSON]
        assert {name: one["value"] for name, one in content["examples"].items()} == CREATE
    assert len(CREATE) == 4


def test_what_is_taken_is_good_for_the_schema(document: Document) -> None:
    """The rows of the catalogue, as they are and spoilt: the readers and the schema agree."""
    body = document["paths"][TASKS]["post"]["requestBody"]["content"][JSON]["schema"]
    judge = validator(document, body)
    taken = [changed(changes) for _, changes, _ in GOOD]
    refused = []
    for number in range(SPOILT):
        with suppress(Unreadable):
            spoilt = loads(message(SEED, number).body)
            order = read_order(spoilt, now_ms=NOW_MS, token_length=TOKEN_LENGTH)
            (refused if order.faults else taken).append(spoilt)

    for good in taken:
        wrong = [str(error) for error in judge.iter_errors(good)]
        assert not wrong, f"{good}: {wrong}"
    missed = [bad for bad in refused if judge.is_valid(bad)]
    assert len(taken) > SPOILT // 10
    assert len(missed) < len(refused) // 10, "most of what is refused a schema can refuse too"


def test_a_patch_can_not_take_away_what_a_new_one_needs(
    face: Face, owner: Owner, document: Document
) -> None:
    found = 0
    places = {name: owner.ids[kind] for name, kind in PLACES.items() if kind in owner.ids}
    for method, path, said in operations(document):
        above = document["paths"].get(path.rpartition("/")[0], {}).get("post")
        if method == "PATCH" and above is not None and path.startswith("/v1/hood/"):
            schema = said["requestBody"]["content"][JSON]["schema"]
            for key in above["requestBody"]["content"][JSON]["schema"]["required"]:
                assert not validator(document, schema).is_valid({key: None})
                answer = face.call("PATCH", path.format(**places), {key: None}, token=owner.token)
                assert (answer.status, errors(answer)) == (400, [key])
                found += 1
    assert found >= 8


@pytest.mark.parametrize(
    "word", ["push-tasks/preview", "users/unsubscribe", "users/custom-data", "users/import"]
)
def test_a_word_is_no_id(face: Face, owner: Owner, word: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = face.call(method, f"/v1/hood/{word}", token=owner.token)
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        # The older paths and the preview read what a create reads; the other run asks them too.
        (
            "sqlite",
            [
                "--phases=examples,coverage,stateful",
                "--max-examples=5",
                "--exclude-deprecated",
                f"--exclude-path={TASKS}/preview",
            ],
        ),
        ("postgresql", ["--phases=examples,fuzzing", "--max-examples=5"]),
    ],
)
def test_schemathesis_finds_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, arguments: list[str]
) -> None:
    database = tmp_path / "data"
    database.mkdir()
    if kind == "sqlite":
        template: Path = request.getfixturevalue("migrated_sqlite")
        (database / "tocsin.db").write_bytes(template.read_bytes())
        url = f"sqlite:///{database / 'tocsin.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    with serving(database, url) as face:
        face.program.upgrade()
        owner = furnish(face, face.account(), 1)
        good, complaint = sweep(
            face.address,
            owner.token,
            owner.ids,
            *arguments,
            "--generation-deterministic",
            where=tmp_path,
            within=300,
        )

    assert not complaint, complaint
    assert good > 500


def _browser(face: Face, owner: Owner) -> dict[str, str]:
    """Return the id and the secret of a registered browser, and the key of its container."""
    path = f"/v1/hood/containers/{owner.ids['containers']}"
    key = face.call("GET", path, token=owner.token).json["items"][0]["key"]
    registered = face.call(
        "POST",
        f"/v1/edge/{key}/subscriptions",
        {"subscription": subscription(1)},
        headers={"Origin": f"https://{owner.host}"},
    )
    return {"key": key, **registered.json}
