"""The catalogue of create bodies, row by row over real requests."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from face import Answer, Face, errors

from hood_answers import misshapen
from task_bodies import BAD, GOOD, UNKNOWN
from task_bodies.rows import changed
from task_bodies.shown import differences

TASKS = "/v1/hood/push-tasks"


@pytest.fixture(scope="module")
def tokens() -> dict[int, str]:
    """Return the token of this module's account by face."""
    return {}


@pytest.fixture
def token(face: Face, tokens: dict[int, str]) -> str:
    if face.port not in tokens:
        tokens[face.port] = face.token(face.account())
    return tokens[face.port]


def test_every_good_body_is_taken_and_shown(face: Face, token: str) -> None:
    wrong: dict[str, Any] = {}
    for name, changes, _ in GOOD:
        body = changed(changes)
        made = face.call("POST", TASKS, body, token=token)
        if made.status != 201:
            wrong[name] = (made.status, made.json)
            continue
        shown = face.call("GET", f"{TASKS}/{made.json['id']}", token=token)
        if shown.status != 200 or shown.json["total"] != 1:
            wrong[name] = (shown.status, shown.json)
        elif places := differences(body, shown.json["items"][0]):
            wrong[name] = dict.fromkeys(places, "is shown otherwise")

    assert not wrong, _listed(wrong)


def test_every_bad_body_is_refused_by_field_and_leaves_nothing(face: Face, token: str) -> None:
    before = face.call("GET", TASKS, token=token).json["total"]
    wrong: dict[str, Any] = {}
    for name, changes, fields, words in (*BAD, *UNKNOWN):
        answer = face.call("POST", TASKS, changed(changes), token=token)
        if complaint := _complaint(answer, fields, words):
            wrong[name] = complaint

    assert not wrong, _listed(wrong)
    assert face.call("GET", TASKS, token=token).json["total"] == before


def _listed(wrong: Mapping[str, Any]) -> str:
    rows = "\n".join(f"{name}: {what}" for name, what in wrong.items())
    return f"{len(wrong)} rows\n{rows}"


def _complaint(answer: Answer, fields: list[str], words: str) -> str | None:
    headers: Mapping[str, str] = answer.headers  # type: ignore[assignment]  # reads like one
    if answer.status != 400:
        return f"{answer.status}: {answer.body[:200]!r}"
    if shape := misshapen(400, headers, answer.body):
        return shape
    if errors(answer) != fields:
        return f"complains of {errors(answer)} and not of {fields}"
    first = answer.json["errors"][0]["message"]
    if words not in first or first not in answer.json["message"]:
        return f"says {json.dumps(answer.json['message'])}"
    others = len(fields) - 1
    if others and f"and {others} more fault" not in answer.json["message"]:
        return f"does not count the others: {answer.json['message']}"
    return None
