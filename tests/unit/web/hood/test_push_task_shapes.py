"""What a create body may say, and how a task is shown."""

import json
import re
import time
from bisect import bisect_left
from contextlib import suppress
from dataclasses import asdict, fields
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_bodies import BAD, GOOD, UNKNOWN
from task_bodies.message import ACTION
from task_bodies.rows import NOW_MS, PLAIN, URL, changed
from task_bodies.shown import differences
from tocsin.domain.errors import Invalid
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.web.hood.push_task_shapes import TASK, read_order, task_view

TOKEN_LENGTH = 60
READ_ONLY = ("id", "next_execution_time", "last_execution_time", "create_time", "update_time")


def read(body: dict[str, Any]) -> Draft:
    return read_order(body, now_ms=NOW_MS, token_length=TOKEN_LENGTH).accepted()


@pytest.mark.parametrize(
    ("changes", "expected"), [pytest.param(row[1], row[2], id=row[0]) for row in GOOD]
)
def test_a_good_body_is_a_draft(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    body = changed(changes)
    draft = read(body)

    for path, value in expected.items():
        assert value == reduce(getattr, path.split("."), draft), path
    assert differences(body, task_view(task(draft))) == []


@pytest.mark.parametrize(
    ("changes", "paths", "words"),
    [pytest.param(row[1], row[2], row[3], id=row[0]) for row in BAD],
)
def test_a_bad_body_is_refused_by_field(
    changes: dict[str, Any], paths: list[str], words: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        read(changed(changes))

    assert [fault.field for fault in refusal.value.faults] == paths
    assert words in refusal.value.faults[0].message


def test_the_catalogue_is_large_and_its_names_are_single() -> None:
    names = [row[0] for row in (*GOOD, *BAD, *UNKNOWN)]

    assert len(names) >= 1200
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({f"key{n}": n for n in range(100_000)}, id="unknown keys"),
        pytest.param({"x" * 1_000_000: 1}, id="a long key"),
        pytest.param(
            {**PLAIN, "message": {"title": {f"k{n}": "" for n in range(90_000)}}}, id="map"
        ),
        pytest.param({**PLAIN, "message": {"actions": [{}] * 300_000}}, id="actions"),
        pytest.param({**PLAIN, "message": {"vibration": "1," * 500_000 + "1"}}, id="pulses"),
        pytest.param({**PLAIN, "message": {"landing_url": "https://" * 130_000}}, id="url"),
        pytest.param({**PLAIN, "ttl": "9" * 1_000_000}, id="digits"),
    ],
)
def test_a_hostile_body_costs_little_and_is_answered_shortly(body: dict[str, Any]) -> None:
    began = time.process_time()
    with pytest.raises(Invalid) as refusal:
        read(body)
    assert time.process_time() - began < 1

    assert sum(len(fault.field) + len(fault.message) for fault in refusal.value.faults) < 10_000


def over(text: str, *, body: str = "") -> int:
    """Return by how many bytes a message with *text* as its icon's path is said to be too large."""
    changes = {"message.icon": URL + text, "message.body": {"en": body}}
    try:
        read(changed(changes))
    except Invalid as refusal:
        (fault,) = refusal.faults
        assert fault.field == "message"
        found = re.fullmatch(r"is (\d+) bytes too large in language en: .*", fault.message)
        assert found, fault.message
        return int(found[1])
    return 0


def test_a_message_may_fill_its_push_to_the_last_byte() -> None:
    """Where the last byte is depends on the payload's form; that there is one, does not."""
    body = "x" * 2000
    last = bisect_left(range(2000), 1, key=lambda size: over("y" * size, body=body)) - 1

    assert 0 < last < 1999
    assert [over("y" * (last + more), body=body) for more in (0, 1, 2, 20)] == [0, 1, 2, 20]
    assert over("y" * last, body="x" * 1998 + "ž") == 0, "two bytes for two bytes"
    assert over("y" * last, body="x" * 1999 + '"') == 1, "a quote is escaped in JSON"


KEYS = st.sampled_from([*TASK, "targetting", "a.b", "\n"])
MESSAGE_KEYS = st.sampled_from([*PLAIN["message"], "body", "actions", "vibration", "silent", "tag"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(MESSAGE_KEYS | st.sampled_from(["en", "de"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    body=st.dictionaries(KEYS, VALUES).map(lambda changes: {**PLAIN, **changes}),
    message=st.none() | st.dictionaries(MESSAGE_KEYS, VALUES),
)
def test_any_object_is_a_draft_or_invalid(
    body: dict[str, Any], message: dict[str, Any] | None
) -> None:
    if message is not None:
        body["message"] = {**PLAIN["message"], **message}
    with suppress(Invalid):
        assert isinstance(read(body), Draft)


HISTORY = {"id": 1057, "account_id": 1, "root_id": 1, "create_ms": 0, "update_ms": 1000}


def task(draft: Draft, **history: Any) -> PushTask:
    ordered = {field.name: getattr(draft, field.name) for field in fields(draft)}
    return PushTask(**{**ordered, **HISTORY, **history})


def test_a_task_is_shown_with_every_field_of_the_contract() -> None:
    shown = task_view(task(read(changed({"message.actions": [ACTION], "ttl": 60}))))

    assert shown == {
        "id": "1057",
        "name": "Demo",
        "status": "1",
        "start_time": "immediately",
        "end_time": None,
        "frequency": None,
        "cron": None,
        "quiet_time": None,
        "user_time_zone": "0",
        "ttl": "60",
        "total_user": None,
        "custom_data": None,
        "urgency": "normal",
        "message": {
            "title": {"en": "Hello"},
            "body": {},
            "image": {},
            "landing_url": "https://www.example.com/",
            "icon": None,
            "badge": None,
            "tag": None,
            "actions": [ACTION],
            "require_interaction": "0",
            "renotify": "0",
            "silent": "0",
            "vibration": None,
        },
        "adex": None,
        "targeting": {},
        "next_execution_time": None,
        "last_execution_time": None,
        "create_time": "1970-01-01 00:00:00",
        "update_time": "1970-01-01 00:00:01",
    }


def test_a_finished_task_is_shown_with_its_history() -> None:
    finished = task(
        read(changed({"start_time": "2026-02-05 12:00:00", "status": 1})),
        status=Status.FINISHED,
        next_slot_ms=None,
        last_execution_ms=NOW_MS,
    )

    shown = task_view(finished)

    assert shown["status"] == "2"
    assert shown["start_time"] == "2026-02-05 12:00:00"
    assert shown["last_execution_time"] == "2026-02-05 11:00:00"


@pytest.mark.parametrize("changes", [pytest.param(row[1], id=row[0]) for row in GOOD])
def test_what_is_shown_can_be_ordered_again(changes: dict[str, Any]) -> None:
    draft = read(changed(changes))
    shown = json.loads(json.dumps(task_view(task(draft))))
    for read_only in READ_ONLY:
        del shown[read_only]

    assert asdict(read(shown)) == asdict(draft)
