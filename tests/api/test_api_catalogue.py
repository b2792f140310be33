"""The catalogue of create bodies, row by row over real requests."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from face import Answer, Face, errors, serving

from hood_answers import misshapen
from task_bodies import BAD, GOOD, UNKNOWN
from task_bodies.rows import changed
from task_bodies.shown import differences

TASKS = "/v1/hood/push-tasks"


@pytest.fixture
def face(tmp_path: Path, migrated_url: str) -> Iterator[Face]:
    """Return a face of its own: what is ordered here must not be due in the tests of others."""
    with serving(tmp_path, migrated_url) as face:
        yield face


def test_every_good_body_is_taken_and_shown(face: Face) -> None:
    token = face.token(face.account())
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


def test_every_bad_body_is_refused_by_field_and_leaves_nothing(face: Face) -> None:
    token = face.token(face.account())
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
