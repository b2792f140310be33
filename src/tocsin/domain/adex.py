"""A task without a message of its own: from which demand source it draws one when a device wakes.

contract.md section 2.4. Ids are decimal text, as the API writes them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tocsin.domain import message as messages
from tocsin.domain.message import FALLBACK_LANGUAGE, Action, Message
from tocsin.domain.payload import write_payload

MOST_MESSAGES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Adex:
    """Where messages are drawn from, and what is shown when none comes in time.

    account_ids: empty when not given. fallback: in one language, which suits everybody.
    """

    zone_id: str
    account_ids: tuple[str, ...] = ()
    campaign_ids: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    default_campaign_id: str | None = None
    number_of_messages: int = 1
    repeat_on_click: bool = False
    fallback: Message | None = None


def to_json(adex: Adex) -> dict[str, Any]:
    """Return *adex* in the API's shape."""
    return {
        "zone_id": adex.zone_id,
        "account_id": list(adex.account_ids) or None,
        "campaign_id": list(adex.campaign_ids) or None,
        "group_id": list(adex.group_ids) or None,
        "default_campaign_id": adex.default_campaign_id,
        "number_of_messages": str(adex.number_of_messages),
        "repeat_on_click": "1" if adex.repeat_on_click else "0",
        "fallback_message": None if adex.fallback is None else _plain(adex.fallback),
    }


def from_json(shape: Mapping[str, Any]) -> Adex:
    """Return what to_json wrote as *shape*; not for what a client sent."""
    fallback = shape["fallback_message"]
    return Adex(
        zone_id=shape["zone_id"],
        account_ids=tuple(shape["account_id"] or ()),
        campaign_ids=tuple(shape["campaign_id"] or ()),
        group_ids=tuple(shape["group_id"] or ()),
        default_campaign_id=shape["default_campaign_id"],
        number_of_messages=int(shape["number_of_messages"]),
        repeat_on_click=shape["repeat_on_click"] == "1",
        fallback=None if fallback is None else _message(fallback),
    )


def shown_message(message: Mapping[str, Any], adex: Mapping[str, Any] | None) -> Message | None:
    """Return what the push of an order shows: its message, or the fallback of its draw.

    message, adex: as to_json of either wrote them. None: there is nothing to show.
    """
    if adex is not None:
        return from_json(adex).fallback
    return messages.from_json(message) if message else None


def shown_fallback(
    fallback: Message, token: str, *, task_id: str, values: Mapping[str, str]
) -> dict[str, Any]:
    """Return *fallback* as a draw answers it: in the shape of a push, its macros filled in.

    token: that reports of it come with. values: by the names of macros; one that is missing leaves
    the default.
    """
    shape = messages.shown_shape(
        fallback, FALLBACK_LANGUAGE, fallback_tag=messages.fallback_tag(task_id)
    )
    shown: dict[str, Any] = json.loads(write_payload(shape).fill(token, values))
    del shown["v"]
    return shown


def _plain(message: Message) -> dict[str, Any]:
    return {
        "title": message.title[FALLBACK_LANGUAGE],
        "body": message.body.get(FALLBACK_LANGUAGE),
        "image": message.image.get(FALLBACK_LANGUAGE),
        "landing_url": message.landing_url,
        "icon": message.icon,
        "badge": message.badge,
        "tag": message.tag,
        "actions": [
            {"title": action.title[FALLBACK_LANGUAGE], "icon": action.icon, "url": action.url}
            for action in message.actions
        ],
        "require_interaction": "1" if message.require_interaction else "0",
        "renotify": "1" if message.renotify else "0",
        "silent": "1" if message.silent else "0",
        "vibration": ",".join(map(str, message.vibration)) or None,
    }


def _message(plain: Mapping[str, Any]) -> Message:
    return Message(
        title={FALLBACK_LANGUAGE: plain["title"]},
        body=_in_one_language(plain["body"]),
        image=_in_one_language(plain["image"]),
        landing_url=plain["landing_url"],
        icon=plain["icon"],
        badge=plain["badge"],
        tag=plain["tag"],
        actions=tuple(
            Action({FALLBACK_LANGUAGE: action["title"]}, action["icon"], action["url"])
            for action in plain["actions"]
        ),
        require_interaction=plain["require_interaction"] == "1",
        renotify=plain["renotify"] == "1",
        silent=plain["silent"] == "1",
        vibration=tuple(int(pulse) for pulse in (plain["vibration"] or "").split(",") if pulse),
    )


def _in_one_language(text: str | None) -> dict[str, str]:
    return {} if text is None else {FALLBACK_LANGUAGE: text}
