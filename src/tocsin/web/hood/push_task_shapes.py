"""Push tasks as JSON: what a body may say, and how a task is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tocsin.domain import adex as adex_shape
from tocsin.domain.cron import MAX_LENGTH as MAX_CRON_LENGTH
from tocsin.domain.errors import Fault, Invalid, Unreadable
from tocsin.domain.instants import hood_text
from tocsin.domain.message import message_faults, to_json
from tocsin.domain.push_task import (
    DEFAULT_TTL_S,
    DEFAULT_URGENCY,
    MAX_CUSTOM_DATA_BYTES,
    MAX_FREQUENCY_S,
    MAX_NAME_BYTES,
    MAX_TOTAL_USER,
    MAX_TTL_S,
    MIN_FREQUENCY_S,
    URGENCIES,
    Draft,
    PushTask,
    Status,
    draft_faults,
)
from tocsin.domain.schedule import IMMEDIATELY, QuietTime, Schedule, Start
from tocsin.domain.targeting import (
    TARGETING_SCHEMA,
    Targeting,
    read_targeting,
    targeting_json,
)
from tocsin.web.hood.answers import FLAG, ID, NULL_OR_TIME, NUMBER, TIME, object_of
from tocsin.web.hood.fields import (
    READ_ONLY,
    Field,
    Place,
    Reader,
    RefusedError,
    Schema,
    flag,
    instant,
    nullable,
    number_schema,
    object_schema,
    one_of,
    read_object,
    reader,
    text,
    whole_number,
)
from tocsin.web.hood.message_shapes import adex, message
from tocsin.web.hood.patching import merge, of_a_patch
from tocsin.web.strict_json import loads_text

_zero_or_one: Final = whole_number(0, 1)
_frequency_s: Final = whole_number(MIN_FREQUENCY_S, MAX_FREQUENCY_S)
_custom_data_text: Final = text(most_bytes=MAX_CUSTOM_DATA_BYTES)
_hour: Final = whole_number(0, 24)


@dataclass(frozen=True, slots=True)
class Order:
    """What was read of a body, and everything that is wrong with it.

    draft: of a faulty body, with the fields that could be read; only to look for more faults.
    """

    draft: Draft
    faults: list[Fault]
    body: Mapping[str, Any]

    def accepted(self, more: Sequence[Fault] = ()) -> Draft:
        """Return the draft. Raises Invalid for faults found here, or *more* found elsewhere.

        They are told in the body's order, and what is missing last.
        """
        faults = [*self.faults, *more]
        if faults:
            order = {key: number for number, key in enumerate(self.body)}
            raise Invalid(
                tuple(sorted(faults, key=lambda fault: order.get(_top(fault), len(order))))
            )
        return self.draft


def read_patch(task: PushTask, patch: dict[str, Any], *, now_ms: int, token_length: int) -> Order:
    """Return *task* as a merge patch (RFC 7396) leaves it.

    A null that the task has nothing for stays in what is read, so that an unknown key is
    refused even as null. A start that stays as it is may lie in the past by now.
    """
    known = {key: value for key, value in task_view(task).items() if key not in _SHOWN_ONLY}
    merged = merge(known, patch)
    for one, other in (("message", "adex"), ("adex", "message")):
        if patch.get(one) is not None and other not in patch:
            merged[other] = None
    if "start_time" not in patch or merged["start_time"] == known["start_time"]:
        now_ms = min(now_ms, task.create_ms)
    return read_order(merged, now_ms=now_ms, token_length=token_length)


def read_order(body: dict[str, Any], *, now_ms: int, token_length: int) -> Order:
    """Return the push task that *body* orders.

    token_length: characters of the message tokens that will go into its payload.
    """
    faults: list[Fault] = []
    read = read_object(body, Place("", faults), TASK)
    draft = Draft(
        name=read.get("name", ""),
        status=Status(read.get("status", Status.INACTIVE)),
        schedule=Schedule(
            start=read.get("start_time"),
            end_ms=read.get("end_time"),
            frequency_s=read.get("frequency"),
            cron=read.get("cron"),
            user_time_zone=read.get("user_time_zone", False),
            quiet_time=read.get("quiet_time"),
        ),
        ttl_s=read.get("ttl", DEFAULT_TTL_S),
        urgency=read.get("urgency", DEFAULT_URGENCY),
        total_user=read.get("total_user") or None,
        custom_data=read.get("custom_data"),
        message=read.get("message"),
        adex=read.get("adex"),
        targeting=read.get("targeting", Targeting(())),
    )
    faults += _either_faults(body)
    faulty = {_top(fault) for fault in faults}
    faults += [fault for fault in draft_faults(draft, now_ms=now_ms) if _top(fault) not in faulty]
    if draft.shown is not None or draft.adex is not None:
        faults += message_faults(
            draft.shown,
            path="message" if draft.adex is None else "adex.fallback_message",
            is_fallback=draft.adex is not None,
            name=draft.name,
            custom_data=draft.custom_data,
            token_length=token_length,
        )
    return Order(draft, faults, body)


def task_view(task: PushTask) -> dict[str, Any]:
    """Return *task* as the API shows it: ids and numbers as text, what is absent as null."""
    schedule, quiet = task.schedule, task.schedule.quiet_time
    return {
        "id": str(task.id),
        "name": task.name,
        "status": str(int(task.status)),
        "start_time": schedule.start if isinstance(schedule.start, str) else _when(schedule.start),
        "end_time": _when(schedule.end_ms),
        "frequency": _number(schedule.frequency_s),
        "cron": schedule.cron,
        "quiet_time": quiet and {"from": str(quiet.from_hour), "to": str(quiet.to_hour)},
        "user_time_zone": "1" if schedule.user_time_zone else "0",
        "ttl": str(task.ttl_s),
        "total_user": _number(task.total_user),
        "custom_data": task.custom_data,
        "urgency": task.urgency,
        "message": None if task.message is None else to_json(task.message),
        "adex": None if task.adex is None else adex_shape.to_json(task.adex),
        "targeting": targeting_json(task.targeting),
        "next_execution_time": _when(task.next_slot_ms),
        "last_execution_time": _when(task.last_execution_ms),
        "create_time": _when(task.create_ms),
        "update_time": _when(task.update_ms),
    }


_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "object", "additionalProperties": _TEXT}
_BUTTON: Final = {"title": _TEXTS, "icon": nullable(_TEXT), "url": nullable(_TEXT)}
_OPTIONAL_TEXTS: Final = ("icon", "badge", "tag", "vibration")
_FLAGS: Final = ("require_interaction", "renotify", "silent")


def _message_view(texts: Schema, optional_texts: Schema, button: Mapping[str, Schema]) -> Schema:
    return object_of(
        title=texts,
        body=optional_texts,
        image=optional_texts,
        landing_url=_TEXT,
        actions={"type": "array", "items": object_of(**button)},
        **dict.fromkeys(_OPTIONAL_TEXTS, nullable(_TEXT)),
        **dict.fromkeys(_FLAGS, FLAG),
    )


_IDS: Final = nullable({"type": "array", "items": ID})
TASK_VIEW: Final = object_of(
    id=ID,
    name=_TEXT,
    status={"enum": [str(int(status)) for status in Status]},
    start_time=nullable({"anyOf": [{"const": IMMEDIATELY}, TIME]}),
    end_time=NULL_OR_TIME,
    frequency=nullable(NUMBER),
    cron=nullable(_TEXT),
    quiet_time=nullable(object_of(**{"from": NUMBER, "to": NUMBER})),
    user_time_zone=FLAG,
    ttl=NUMBER,
    total_user=nullable(NUMBER),
    custom_data=nullable(_TEXT),
    urgency={"enum": list(URGENCIES)},
    message=nullable(
        _message_view(_TEXTS, _TEXTS, {**_BUTTON, "action": {"type": "null"}}),
    ),
    adex=nullable(
        object_of(
            zone_id=ID,
            account_id=_IDS,
            campaign_id=_IDS,
            group_id=_IDS,
            default_campaign_id=nullable(ID),
            number_of_messages=NUMBER,
            repeat_on_click=FLAG,
            fallback_message=nullable(
                _message_view(_TEXT, nullable(_TEXT), {**_BUTTON, "title": _TEXT})
            ),
        )
    ),
    targeting={"type": "object"},
    next_execution_time=NULL_OR_TIME,
    last_execution_time=NULL_OR_TIME,
    create_time=TIME,
    update_time=TIME,
)


def _when(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else hood_text(instant_ms)


def _number(number: int | None) -> str | None:
    return None if number is None else str(number)


def _top(fault: Fault) -> str:
    return fault.field.partition(".")[0]


def _either_faults(body: Mapping[str, Any]) -> list[Fault]:
    given = [key for key in ("message", "adex") if body.get(key) is not None]
    if not given:
        return [Fault("message", "is required, or adex in its place")]
    if len(given) > 1:
        return [Fault("adex", "does not go with message: a task has one or the other")]
    return []


@reader(enum=[0, 1, "0", "1"])
def _status(value: Any, at: Place) -> Status:
    if value in (2, "2") and not isinstance(value, float):
        raise RefusedError("can not be 2, finished: the server sets that")
    return Status(_zero_or_one(value, at))


@reader(anyOf=[{"const": IMMEDIATELY}, instant.schema])
def _start(value: Any, at: Place) -> Start:
    if value == IMMEDIATELY:
        return IMMEDIATELY
    if not isinstance(value, str):
        raise RefusedError(f'must be "{IMMEDIATELY}" or text such as "2026-02-05 11:00:00", GMT')
    found: int = instant(value, at)
    return found


@reader(**number_schema(MIN_FREQUENCY_S, MAX_FREQUENCY_S, multiple_of=60))
def _frequency(value: Any, at: Place) -> int:
    found: int = _frequency_s(value, at)
    if found % 60:
        raise RefusedError("must be divisible by 60: whole minutes, in seconds")
    return found


@reader(
    type="string",
    maxLength=MAX_CRON_LENGTH,
    pattern="^[0-9]{1,2}(?: [0-9*,/-]+){4}$",
    examples=["0 12 * * 1,5"],
)
def _cron(value: Any, _at: Place) -> str:
    if not isinstance(value, str):
        raise RefusedError('must be text of five fields, such as "0 12 * * 1,5"')
    return value


_QUIET: Final[Mapping[str, Field]] = {
    "from": Field(_hour, required=True),
    "to": Field(_hour, required=True),
}
_NO_QUIET: Final = {"type": "object", "maxProperties": 0}


@reader(anyOf=[object_schema(_QUIET), _NO_QUIET])
def _quiet_time(value: Any, at: Place) -> QuietTime | None:
    if value == {}:
        return None
    before = len(at.faults)
    read = read_object(value, at, _QUIET)
    if len(at.faults) > before:
        return None
    quiet = QuietTime(read["from"] % 24, read["to"] % 24)
    if quiet.from_hour == quiet.to_hour:
        raise RefusedError("begins and ends at the same hour: leave it out, or give it a length")
    return quiet


@reader(type="string", maxLength=MAX_CUSTOM_DATA_BYTES, contentMediaType="application/json")
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


targeting: Final = Reader(_targeting, TARGETING_SCHEMA)

# contract.md section 2.1, in its order
TASK: Final[Mapping[str, Field]] = {
    "name": Field(text(least_bytes=1, most_bytes=MAX_NAME_BYTES), required=True),
    "status": Field(_status, note="0 inactive (unless told), 1 active"),
    "start_time": Field(_start, note="needed with status 1; not in the past"),
    "end_time": Field(instant, note="no execution starts after it"),
    "frequency": Field(_frequency, note="seconds between executions, from start_time on"),
    "cron": Field(_cron, note="minute, hour, day, month, day of the week; not with frequency"),
    "quiet_time": Field(_quiet_time, note="hours of each recipient's day in which nothing is sent"),
    "user_time_zone": Field(flag, note="1: times are those of each recipient's own zone"),
    "ttl": Field(
        whole_number(0, MAX_TTL_S),
        note=f"seconds that a message may wait for its device; {DEFAULT_TTL_S} unless told",
    ),
    "total_user": Field(
        whole_number(0, MAX_TOTAL_USER), note="most recipients of an execution; 0: all"
    ),
    "custom_data": Field(_custom_data, note="a JSON object as text, for the service worker"),
    "urgency": Field(one_of(*URGENCIES), note=f"of RFC 8030; {DEFAULT_URGENCY} unless told"),
    "message": Field(message, note="what is shown; this or adex"),
    "adex": Field(adex, note="where the message is drawn when the device wakes"),
    "targeting": Field(targeting, note="who gets it: all criteria must hold; without any, all do"),
    "id": READ_ONLY,
    "next_execution_time": READ_ONLY,
    "last_execution_time": READ_ONLY,
    "create_time": READ_ONLY,
    "update_time": READ_ONLY,
}
_SHOWN_ONLY: Final = frozenset(key for key, field in TASK.items() if field is READ_ONLY)

_PARTS: Final = ("quiet_time", "message", "adex", "targeting")
# A merge patch may name any part of a task; null takes back what is there (RFC 7396). It is
# judged by what it leaves, so of an object any part may be sent.
PATCH: Final[Mapping[str, Field]] = {
    key: replace(field, read=Reader(field.read.read, {"type": "object"}))
    if key in _PARTS
    else field
    for key, field in of_a_patch(TASK).items()
}
