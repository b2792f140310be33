"""Push tasks as JSON: what a create body may say, and how a task is shown."""

import re
from collections.abc import Mapping
from typing import Any, Final

from tocsin.domain.errors import Fault, Invalid, Unreadable
from tocsin.domain.instants import hood_text
from tocsin.domain.message import Action, Message, message_faults, to_json
from tocsin.domain.push_task import (
    DEFAULT_TTL_S,
    DEFAULT_URGENCY,
    IMMEDIATELY,
    MAX_CUSTOM_DATA_BYTES,
    MAX_NAME_BYTES,
    MAX_TTL_S,
    URGENCIES,
    Draft,
    PushTask,
    Start,
    Status,
    draft_faults,
)
from tocsin.domain.targeting import Targeting, read_targeting, targeting_json
from tocsin.web.hood.fields import (
    Field,
    Place,
    Reader,
    RefusedError,
    by_language,
    flag,
    instant,
    one_of,
    read_object,
    text,
    url,
    whole_number,
)
from tocsin.web.strict_json import loads_text

MAX_TITLE_BYTES: Final = 600
MAX_BODY_BYTES: Final = 2000
MAX_TAG_BYTES: Final = 64
MAX_ACTIONS: Final = 3
MAX_PULSES: Final = 10
MAX_PULSE_MS: Final = 10_000

_zero_or_one: Final = whole_number(0, 1)
_custom_data_text: Final = text(most_bytes=MAX_CUSTOM_DATA_BYTES)
_UNREAD: Final = Message(title={}, body={}, image={}, landing_url="")
_PULSES: Final = re.compile(r"[0-9]{1,5}(?:,[0-9]{1,5})*")


def read_create(body: dict[str, Any], *, now_ms: int, token_length: int) -> Draft:
    """Return the push task that *body* orders.

    token_length: characters of the message tokens that will go into its payload. Raises Invalid
    with every fault of the body: in the body's order, and what is missing last.
    """
    faults: list[Fault] = []
    read = read_object(body, Place("", faults), _TASK)
    draft = Draft(
        name=read.get("name", ""),
        status=Status(read.get("status", Status.INACTIVE)),
        start=read.get("start_time"),
        ttl_s=read.get("ttl", DEFAULT_TTL_S),
        urgency=read.get("urgency", DEFAULT_URGENCY),
        custom_data=read.get("custom_data"),
        message=read.get("message", _UNREAD),
        targeting=read.get("targeting", Targeting(())),
    )
    faulty = {_top(fault) for fault in faults}
    faults += [fault for fault in draft_faults(draft, now_ms=now_ms) if _top(fault) not in faulty]
    if "message" in read:
        faults += message_faults(
            draft.message, custom_data=draft.custom_data, token_length=token_length
        )
    if faults:
        order = {key: number for number, key in enumerate(body)}
        raise Invalid(tuple(sorted(faults, key=lambda fault: order.get(_top(fault), len(order)))))
    return draft


def task_view(task: PushTask) -> dict[str, Any]:
    """Return *task* as the API shows it: ids and numbers as text, what is absent as null."""
    return {
        "id": str(task.id),
        "name": task.name,
        "status": str(int(task.status)),
        "start_time": task.start if task.start == IMMEDIATELY else _when(task.start),
        "end_time": None,
        "frequency": None,
        "cron": None,
        "quiet_time": None,
        "user_time_zone": "0",
        "ttl": str(task.ttl_s),
        "total_user": None,
        "custom_data": task.custom_data,
        "urgency": task.urgency,
        "message": to_json(task.message),
        "adex": None,
        "targeting": targeting_json(task.targeting),
        "next_execution_time": _when(task.next_execution_ms),
        "last_execution_time": _when(task.last_execution_ms),
        "create_time": _when(task.create_ms),
        "update_time": _when(task.update_ms),
    }


def _when(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else hood_text(instant_ms)


def _top(fault: Fault) -> str:
    return fault.field.partition(".")[0]


def _read_only(_: Any, _at: Place) -> None:
    raise RefusedError("is set by the server and can not be sent")


def _not_yet(*neutral: Any) -> Reader:
    """Return a reader that takes what says nothing, and refuses what this version can not do."""

    def read(value: Any, _at: Place) -> None:
        if isinstance(value, bool | float) or value not in neutral:
            raise RefusedError("is not supported yet by this version of Tocsin")

    return read


def _status(value: Any, at: Place) -> Status:
    if value in (2, "2") and not isinstance(value, float):
        raise RefusedError("can not be 2, finished: the server sets that")
    return Status(_zero_or_one(value, at))


def _start(value: Any, at: Place) -> Start:
    if value == IMMEDIATELY:
        return IMMEDIATELY
    if not isinstance(value, str):
        raise RefusedError(f'must be "{IMMEDIATELY}" or text such as "2026-02-05 11:00:00", GMT')
    return instant(value, at)


def _custom_data(value: Any, at: Place) -> str:
    if not isinstance(value, str):
        raise RefusedError(r'must be text that holds a JSON object, such as "{\"order\": 7}"')
    _custom_data_text(value, at)
    try:
        loads_text(value, what="its text")
    except Unreadable as error:
        raise RefusedError(str(error)) from None
    return value


def _targeting(value: Any, at: Place) -> Targeting | None:
    targeting, faults = read_targeting(value, at.path)
    at.faults.extend(faults)
    return None if faults else targeting


def _message(value: Any, at: Place) -> Message | None:
    before = len(at.faults)
    read = read_object(value, at, _MESSAGE)
    if len(at.faults) > before:
        return None
    return Message(
        title=read["title"],
        body=read.get("body", {}),
        image=read.get("image", {}),
        landing_url=read["landing_url"],
        icon=read.get("icon"),
        badge=read.get("badge"),
        tag=read.get("tag"),
        actions=read.get("actions", ()),
        require_interaction=read.get("require_interaction", False),
        renotify=read.get("renotify", False),
        silent=read.get("silent", False),
        vibration=read.get("vibration", ()),
    )


def _actions(value: Any, at: Place) -> tuple[Action, ...]:
    if not isinstance(value, list):
        raise RefusedError("must be an array of buttons")
    if len(value) > MAX_ACTIONS:
        raise RefusedError(f"has {len(value)} buttons; {MAX_ACTIONS} are the most")
    read = [read_object(item, at.inside(number), _ACTION) for number, item in enumerate(value)]
    return tuple(
        Action(title=item.get("title", {}), icon=item.get("icon"), url=item.get("url"))
        for item in read
    )


def _dropped(value: Any, _at: Place) -> None:
    if not isinstance(value, str):
        raise RefusedError("must be null: it is deprecated")


def _vibration(value: Any, _at: Place) -> tuple[int, ...]:
    if not isinstance(value, str) or not _PULSES.fullmatch(value):
        raise RefusedError('must be text of milliseconds, such as "200,100,200"')
    pulses = tuple(map(int, value.split(",")))
    if len(pulses) > MAX_PULSES:
        raise RefusedError(f"has {len(pulses)} numbers; {MAX_PULSES} are the most")
    if max(pulses) > MAX_PULSE_MS:
        raise RefusedError(f"must be numbers of 0 to {MAX_PULSE_MS}")
    return pulses


_TITLE: Final = Field(
    by_language(text(least_bytes=1, most_bytes=MAX_TITLE_BYTES), required=True), required=True
)

# contract.md section 2.2
_MESSAGE: Final[Mapping[str, Field]] = {
    "title": _TITLE,
    "body": Field(by_language(text(most_bytes=MAX_BODY_BYTES))),
    "image": Field(by_language(url)),
    "landing_url": Field(url, required=True),
    "icon": Field(url),
    "badge": Field(url),
    "tag": Field(text(least_bytes=1, most_bytes=MAX_TAG_BYTES)),
    "actions": Field(_actions),
    "require_interaction": Field(flag),
    "renotify": Field(flag),
    "silent": Field(flag),
    "vibration": Field(_vibration),
}

_ACTION: Final[Mapping[str, Field]] = {
    "action": Field(_dropped),
    "title": _TITLE,
    "icon": Field(url),
    "url": Field(url),
}

# contract.md section 2.1, in its order
_TASK: Final[Mapping[str, Field]] = {
    "name": Field(text(least_bytes=1, most_bytes=MAX_NAME_BYTES), required=True),
    "status": Field(_status),
    "start_time": Field(_start),
    "end_time": Field(_not_yet()),
    "frequency": Field(_not_yet()),
    "cron": Field(_not_yet()),
    "quiet_time": Field(_not_yet({})),
    "user_time_zone": Field(_not_yet(0, "0")),
    "ttl": Field(whole_number(0, MAX_TTL_S)),
    "total_user": Field(_not_yet(0, "0")),
    "custom_data": Field(_custom_data),
    "urgency": Field(one_of(*URGENCIES)),
    "message": Field(_message, required=True),
    "adex": Field(_not_yet()),
    "targeting": Field(_targeting),
    "id": Field(_read_only, null_is_absent=False),
    "next_execution_time": Field(_read_only, null_is_absent=False),
    "last_execution_time": Field(_read_only, null_is_absent=False),
    "create_time": Field(_read_only, null_is_absent=False),
    "update_time": Field(_read_only, null_is_absent=False),
}
