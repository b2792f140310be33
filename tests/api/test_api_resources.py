"""What the calls of resources say of themselves is so: examples, bodies and answers."""

from collections.abc import Iterator

import jsonschema_rs
import pytest
from face import Face, task

from tocsin.web.hood.door import Operation
from tocsin.web.hood.fields import object_schema
from tocsin.web.ndjson import NDJSON


@pytest.fixture
def operations(sqlite_face: Face) -> list[Operation]:
    return [one for one in sqlite_face.program.resources() if not is_stream(one)]


def is_stream(operation: Operation) -> bool:
    """Return whether the call takes or answers lines, which tests/api/test_api_streams.py sees."""
    return operation.answer_type == NDJSON


def creates(operations: list[Operation]) -> Iterator[Operation]:
    return (one for one in operations if one.status == 201)


def test_examples_are_good_bodies(sqlite_face: Face, operations: list[Operation]) -> None:
    owner = sqlite_face.account()
    token = sqlite_face.token(owner)
    site = sqlite_face.site(owner)
    sent = 0

    for operation in operations:
        for example in operation.examples.values():
            assert operation.body is not None
            jsonschema_rs.validate(object_schema(operation.body), example)
            if "{" in operation.path:
                continue
            body = {key: [str(site.id)] if key == "item_ids" else example[key] for key in example}
            answer = sqlite_face.call(operation.method, operation.path, body, token=token)
            assert answer.status == operation.status, answer.body
            sent += 1
    assert sent == 7


def test_answers_have_the_shape_that_is_told(face: Face) -> None:
    operations = [one for one in face.program.resources() if not is_stream(one)]
    owner = face.account()
    token, site = face.token(owner), face.site(owner)
    user = face.register(site, 1, user_data={"a": 1}).json["id"]
    task_id = face.call("POST", "/v1/hood/push-tasks", task(), token=token).json["id"]
    checked, zone_id = 0, ""
    for operation in creates(operations):
        for example in operation.examples.values():
            body = {key: [str(site.id)] if key == "item_ids" else example[key] for key in example}
            made = face.call("POST", operation.path, body, token=token)
            jsonschema_rs.validate(operation.answer, made.json)
            if operation.path.endswith("/zones"):
                zone_id = made.json["id"]
            path = f"{operation.path}/{made.json['id']}"
            views = [one for one in operations if one.path.startswith(f"{operation.path}/{{")]
            (view,) = (one for one in views if one.method == "GET" and one.path[-1] == "}")
            for query in ("", "?fields=id", "?view=full"):
                answer = face.call("GET", f"{path}{query}", token=token)
                jsonschema_rs.validate(view.answer, answer.json)
                checked += 1
    for operation in operations:
        if operation.method == "GET" and not operation.path.endswith("}"):
            path = operation.path.format(
                container_id=site.id, dictionary="os", zone_id=zone_id, task_id=task_id
            )
            jsonschema_rs.validate(operation.answer, face.call("GET", path, token=token).json)
            checked += 1
    for name in ("os", "regions"):
        (said,) = (one for one in operations if one.path.endswith("/{dictionary}"))
        answer = face.call("GET", f"/v1/hood/dictionaries/{name}", token=token)
        jsonschema_rs.validate(said.answer, answer.json)
    (said,) = (one for one in operations if one.method == "DELETE" and "/users/" in one.path)
    answer = face.call("DELETE", f"/v1/hood/users/{user}", token=token)
    jsonschema_rs.validate(said.answer, answer.json)
    assert checked == 24


def test_a_request_that_is_sent_again_is_done_once(face: Face) -> None:
    owner = face.account()
    token, site = face.token(owner), face.site(owner)
    for number, operation in enumerate(one for one in face.program.resources() if one.replayable):
        body = next(iter(operation.examples.values()), None)
        path = operation.path.format(container_id=site.id)
        key = {"Idempotency-Key": f"key-{number}"}
        if body is not None:
            body = {name: [str(site.id)] if name == "item_ids" else body[name] for name in body}
        first, again = (face.call("POST", path, body, headers=key, token=token) for _ in range(2))
        assert (first.status, first.body) == (operation.status, again.body)
        assert again.status == first.status
        assert again.headers["Idempotency-Replayed"] == "true"
        assert first.headers["Idempotency-Replayed"] is None
        if operation.status == 201:
            assert face.call("GET", path, token=token).json["total"] == (
                2 if path.endswith("/containers") else 1
            )
    with face.program.store.read() as unit:
        keys = [one for one in unit.containers.all_vapid_keys() if one.container_id == site.id]
    assert len(keys) == 2, "the first pair, and the one that was asked for twice"
