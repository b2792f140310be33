"""Messages as JSON: what a body may say of a message, and of a fallback, which is in one language.

contract.md sections 2.2 and 2.4.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from tocsin.domain.adex import MOST_MESSAGES, Adex
from tocsin.domain.message import FALLBACK_LANGUAGE, Action, Message
from tocsin.domain.targeting import MAX_ID, is_id
from tocsin.web.hood.arrays import array_of
from tocsin.web.hood.fields import (
    Field,
    Place,
    Reader,
    RefusedError,
    by_language,
    flag,
    object_schema,
    read_object,
    reader,
    text,
    url,
    whole_number,
)

MAX_TITLE_BYTES: Final = 600
MAX_BODY_BYTES: Final = 2000
MAX_TAG_BYTES: Final = 64
MAX_ACTIONS: Final = 3
MAX_PULSES: Final = 10
MAX_PULSE_MS: Final = 10_000
MAX_IDS: Final = 100

_PULSES: Final = re.compile(r"[0-9]{1,5}(?:,[0-9]{1,5})*")


@reader(type="string", deprecated=True, description="dropped")
def _dropped(value: Any, _at: Place) -> None:
    """Take the vendor's deprecated ``action`` of a button, whatever text it is, and drop it."""
    if not isinstance(value, str):
        raise RefusedError("must be null: it is deprecated")


@reader(
    type="string",
    pattern=rf"^[0-9]{{1,5}}(?:,[0-9]{{1,5}}){{0,{MAX_PULSES - 1}}}$",
    description=f"milliseconds, each 0 to {MAX_PULSE_MS}",
    examples=["200,100,200"],
)
def _vibration(value: Any, _at: Place) -> tuple[int, ...]:
    if not isinstance(value, str) or not _PULSES.fullmatch(value):
        raise RefusedError('must be text of milliseconds, such as "200,100,200"')
    pulses = tuple(map(int, value.split(",")))
    if len(pulses) > MAX_PULSES:
        raise RefusedError(f"has {len(pulses)} numbers; {MAX_PULSES} are the most")
    if max(pulses) > MAX_PULSE_MS:
        raise RefusedError(f"must be numbers of 0 to {MAX_PULSE_MS}")
    return pulses


def _buttons(button: Mapping[str, Field]) -> Reader:
    """Return a reader of an array of buttons with the fields *button*."""

    def read(value: Any, at: Place) -> tuple[Action, ...]:
        if not isinstance(value, list):
            raise RefusedError("must be an array of buttons")
        if len(value) > MAX_ACTIONS:
            raise RefusedError(f"has {len(value)} buttons; {MAX_ACTIONS} are the most")
        read = [read_object(item, at.inside(number), button) for number, item in enumerate(value)]
        return tuple(
            Action(title=item.get("title", {}), icon=item.get("icon"), url=item.get("url"))
            for item in read
        )

    return Reader(read, {"type": "array", "maxItems": MAX_ACTIONS, "items": object_schema(button)})


def _plain(of: Reader) -> Reader:
    """Return *of* reading a value without languages, as a map of one."""
    return Reader(lambda value, at: {FALLBACK_LANGUAGE: of(value, at)}, of.schema)


def _message_reader(fields: Mapping[str, Field]) -> Reader:
    def read(value: Any, at: Place) -> Message | None:
        before = len(at.faults)
        read = read_object(value, at, fields)
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

    return Reader(read, object_schema(fields))


def _fields(title: Reader, body: Reader, image: Reader) -> dict[str, Field]:
    """Return the fields of a message whose texts are read so; a button's title as the title."""
    button = {
        "action": Field(_dropped),
        "title": Field(title, required=True),
        "icon": Field(url),
        "url": Field(url),
    }
    return {
        "title": Field(title, required=True),
        "body": Field(body),
        "image": Field(image),
        "landing_url": Field(url, required=True, note="opens on a click"),
        "icon": Field(url),
        "badge": Field(url),
        "tag": Field(
            text(least_bytes=1, most_bytes=MAX_TAG_BYTES), note="takes the place of the same tag"
        ),
        "actions": Field(_buttons(button)),
        "require_interaction": Field(flag, note="1: stays until it is dealt with"),
        "renotify": Field(flag, note="1: alerts again in place of one with the same tag"),
        "silent": Field(flag, note="1: no sound, no vibration"),
        "vibration": Field(_vibration),
    }


_title: Final = text(least_bytes=1, most_bytes=MAX_TITLE_BYTES)
_body: Final = text(most_bytes=MAX_BODY_BYTES)

message: Final = _message_reader(
    _fields(by_language(_title, required=True), by_language(_body), by_language(url))
)
_fallback: Final = _message_reader(_fields(_plain(_title), _plain(_body), _plain(url)))


@reader(
    anyOf=[
        {"type": "integer", "minimum": 0, "maximum": MAX_ID},
        {"type": "string", "pattern": "^(?:0|[1-9][0-9]{0,19})$"},
    ]
)
def identifier(value: Any, _at: Place) -> str:
    """Return an unsigned 64-bit id as decimal text; it may come as a number or as text."""
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(found, str) or not is_id(found):
        raise RefusedError(f"must be an id: a whole number of 0 to {MAX_ID}")
    return found


identifiers: Final = array_of(identifier, most=MAX_IDS)


@reader(anyOf=[identifiers.schema, identifier.schema])
def _one_or_more(value: Any, at: Place) -> tuple[str, ...]:
    """Return the ids of an array, or a single id as the only one."""
    if not isinstance(value, list):
        return (identifier(value, at),)
    found: tuple[str, ...] = identifiers(value, at)
    return found


# contract.md section 2.4
_ADEX: Final[Mapping[str, Field]] = {
    "zone_id": Field(identifier, required=True, note="the demand source"),
    "account_id": Field(_one_or_more),
    "campaign_id": Field(identifiers),
    "group_id": Field(identifiers),
    "default_campaign_id": Field(identifier),
    "number_of_messages": Field(whole_number(1, MOST_MESSAGES)),
    "repeat_on_click": Field(flag, note="1: a click shows the next message"),
    "fallback_message": Field(_fallback, note="shown when none comes in time"),
}


@reader(**object_schema(_ADEX))
def adex(value: Any, at: Place) -> Adex | None:
    """Return the draw that *value* describes."""
    before = len(at.faults)
    read = read_object(value, at, _ADEX)
    if len(at.faults) > before:
        return None
    return Adex(
        zone_id=read["zone_id"],
        account_ids=read.get("account_id", ()),
        campaign_ids=read.get("campaign_id", ()),
        group_ids=read.get("group_id", ()),
        default_campaign_id=read.get("default_campaign_id"),
        number_of_messages=read.get("number_of_messages", 1),
        repeat_on_click=read.get("repeat_on_click", False),
        fallback=read.get("fallback_message"),
    )
