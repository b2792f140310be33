"""Questions in OpenRTB 2.6: a POST of a BidRequest with Native 1.2 impressions."""

import json
from ipaddress import IPv4Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from tocsin.exchange.question import Ask, Question, Source, header_lines, said

CURRENCY: Final = "USD"

TITLE, ICON, IMAGE, DESCRIPTION = 1, 2, 3, 4
"""Ids of the assets that are asked for; an answer's assets bear them."""

ICON_TYPE, IMAGE_TYPE = 1, 3
"""Kinds of images (Native 1.2, section 7.4)."""

DESCRIPTION_TYPE: Final = 2
"""The kind of data that is a text under the title (Native 1.2, section 7.3)."""

_HEADERS: Final = {
    "accept": "application/json",
    "content-type": "application/json",
    "x-openrtb-version": "2.6",
}
IMPRESSION, IMAGE_TRACKER = 1, 1
"""An event, and a way to be told of it (Native 1.2, sections 7.6 and 7.7)."""

# Sizes are those that browsers show at least; the lengths are what they show without an ellipsis.
_NATIVE: Final = json.dumps(
    {
        "ver": "1.2",
        "assets": [
            {"id": TITLE, "required": 1, "title": {"len": 90}},
            {"id": ICON, "required": 0, "img": {"type": ICON_TYPE, "wmin": 96, "hmin": 96}},
            {"id": IMAGE, "required": 0, "img": {"type": IMAGE_TYPE, "wmin": 360, "hmin": 180}},
            {"id": DESCRIPTION, "required": 0, "data": {"type": DESCRIPTION_TYPE, "len": 140}},
        ],
        "eventtrackers": [{"event": IMPRESSION, "methods": [IMAGE_TRACKER]}],
    },
    separators=(",", ":"),
)


def ask_of(source: Source, question: Question, *, id: str) -> Ask:  # noqa: A002 - OpenRTB's word
    """Return the request for the draw of *question*, with an impression for each ad.

    The publisher's id is the push task's, and the ids that the task names stand in ``ext``.
    Source: OpenRTB 2.6 section 3.2, Native 1.2 section 4.
    """
    shape = {
        "id": id,
        "imp": [_impression(source, str(at + 1)) for at in range(question.number)],
        "site": _site(question),
        "device": _device(question),
        "user": _user(question),
        "tmax": source.timeout_ms,
        "at": 1,
        "cur": [CURRENCY],
        "ext": _without_blanks(
            campaign_ids=list(question.campaign_ids),
            group_ids=list(question.group_ids),
            account_ids=list(question.account_ids),
        ),
    }
    body = json.dumps(_without_blanks(**shape), separators=(",", ":")).encode()
    return Ask("POST", source.url, header_lines(source, _HEADERS), body)


def impression_ids(number: int) -> frozenset[str]:
    """Return the ids of the impressions in a question for *number* ads."""
    return frozenset(str(at + 1) for at in range(number))


def _impression(source: Source, id: str) -> dict[str, Any]:  # noqa: A002 - OpenRTB's word
    shape: dict[str, Any] = {
        "id": id,
        "native": {"request": _NATIVE, "ver": "1.2"},
        "secure": 1,
    }
    if source.bid_floor_micros is not None:
        # Twelve digits are fewer than a float holds: it is written as the decimal that it is.
        shape |= {"bidfloor": source.bid_floor_micros / 1_000_000, "bidfloorcur": CURRENCY}
    return shape


def _site(question: Question) -> dict[str, Any]:
    page = question.page or ""
    return _without_blanks(
        page=page,
        domain=urlsplit(page).hostname if page else None,
        publisher={"id": str(question.task_id)},
    )


def _device(question: Question) -> dict[str, Any]:
    """Return the Device (section 3.2.18); of its two fields for a language one may be there."""
    language = question.language or ""
    return _without_blanks(
        ua=question.user_agent,
        **_address(question.address),
        **{"language" if len(language) == 2 else "langb": language},
    )


def _address(text: str) -> dict[str, str]:
    try:
        found = ip_address(text)
    except ValueError:  # a request by a socket of the file system has none
        return {}
    if isinstance(found, IPv4Address):
        return {"ip": str(found)}
    mapped = found.ipv4_mapped
    return {"ipv6": str(found)} if mapped is None else {"ip": str(mapped)}


def _user(question: Question) -> dict[str, Any]:
    data = said(question.user_data)
    return _without_blanks(id=question.subscriber_id, ext={"user_data": data} if data else None)


def _without_blanks(**shape: Any) -> dict[str, Any]:
    return {key: value for key, value in shape.items() if value not in (None, "", [], {})}
