"""What a demand source may demand of a question: that it is well-formed, and says what it must."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from tocsin.simulators.exchange_behaviour import FEED, OPENRTB

MOST_ADS: Final = 10

_MAX_URL_BYTES: Final = 8192
_MAX_USER_AGENT: Final = 512
_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_AMOUNT: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NUMBERS_OF_ADS: Final = tuple(map(str, range(1, 1 + MOST_ADS)))
_KINDS_OF_ASSETS: Final = frozenset({"title", "img", "video", "data"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was read.

    id: of the BidRequest, "" in a feed question. slots: a name for each ad that is wanted, the
    impressions' ids. assets: what a native ad is to have. floor: what a bid must reach. said: the
    parameters, or the BidRequest. flaws: what is wrong with the question, in words.
    """

    protocol: str
    id: str = ""
    slots: tuple[str, ...] = ()
    assets: tuple[Mapping[str, Any], ...] = ()
    campaigns: tuple[str, ...] = ()
    floor: Decimal = Decimal(0)
    said: Mapping[str, Any] | None = None
    flaws: tuple[str, ...] = ()


def read_feed(method: str, query: str, body: bytes) -> Asked:
    """Return the feed question that *query* is. Parameters of a zone's own are let pass."""
    flaws = []
    if method != "GET":
        flaws.append("a feed question is a GET")
    if body:
        flaws.append("a feed question has no body")
    if len(query) > _MAX_URL_BYTES:
        flaws.append(f"the query is longer than {_MAX_URL_BYTES} bytes")
    if _BROKEN_ESCAPE.search(query):
        flaws.append("a % in the query escapes nothing")
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    said = dict(pairs)
    if len(said) < len(pairs):
        flaws.append("a parameter is there twice")
    if "\ufffd" in "".join(map("".join, pairs)):
        flaws.append("the query is not UTF-8")
    flaws += [f"{name} is missing" for name in ("num", "subid") if name not in said]
    for name, text in said.items():
        is_good = _PARAMETERS.get(name)
        if is_good is not None and not is_good(text):
            flaws.append(f"{name} is {text[:100]!r}")
    number = said.get("num", "")
    return Asked(
        FEED,
        slots=tuple(map(str, range(1, 1 + int(number)))) if _is_number_of_ads(number) else (),
        campaigns=tuple(filter(None, said.get("cmp", "").split(","))),
        floor=_amount(said.get("bf")),
        said=said,
        flaws=tuple(flaws),
    )


def read_openrtb(method: str, headers: list[tuple[str, str]], body: bytes) -> Asked:
    """Return the BidRequest that *body* is: OpenRTB 2.6 section 3.2, Native 1.2 section 4."""
    flaws = [] if method == "POST" else ["a BidRequest is sent with POST"]
    named = dict(headers)
    if named.get("content-type", "").partition(";")[0].strip() != "application/json":
        flaws.append("Content-Type is not application/json")
    if named.get("x-openrtb-version") != "2.6":
        flaws.append("X-OpenRTB-Version is not 2.6")
    try:
        said = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Asked(OPENRTB, flaws=(*flaws, "the body is no JSON object"))
    impressions = _objects(said.get("imp"))
    slots = tuple(str(one.get("id")) for one in impressions)
    assets: list[Mapping[str, Any]] = []
    for impression in impressions:
        assets = _native(impression).get("assets", [])
        flaws += _flaws_of_impression(impression)
    if len(set(slots)) < len(slots):
        flaws.append("two impressions share an id")
    ext = _object(said.get("ext"))
    floors = [_amount(str(one.get("bidfloor", 0))) for one in impressions]
    return Asked(
        OPENRTB,
        id=str(said.get("id", "")),
        slots=slots,
        assets=tuple(_objects(assets)),
        campaigns=tuple(map(str, _list(ext.get("campaign_ids")))),
        floor=max(floors, default=Decimal(0)),
        said=said,
        flaws=(*flaws, *_flaws_of_request(said)),
    )


def _flaws_of_request(said: Mapping[str, Any]) -> Iterator[str]:
    if not (isinstance(said.get("id"), str) and said["id"]):
        yield "id is missing"
    if not 1 <= len(_objects(said.get("imp"))) <= MOST_ADS:
        yield f"imp is not a list of 1 to {MOST_ADS}"
    if ("site" in said) == ("app" in said):
        yield "site or app is there, and not both"
    if not _is_count(said.get("tmax")):
        yield "tmax is no number of milliseconds"
    if said.get("at") not in (1, 2):
        yield "at is not 1 or 2"
    if "USD" not in _list(said.get("cur")):
        yield "cur does not name USD"
    site = _object(said.get("site"))
    if "page" in site and not _is_page(str(site["page"])):
        yield "site.page is no URL"
    if not _NUMBER.fullmatch(str(_object(site.get("publisher")).get("id"))):
        yield "site.publisher.id is no number"
    yield from _flaws_of_device(_object(said.get("device")))


def _flaws_of_device(device: Mapping[str, Any]) -> Iterator[str]:
    if "ip" in device and not _is_address(str(device["ip"]), IPv4Address):
        yield "device.ip is no IPv4 address"
    if "ipv6" in device and not _is_address(str(device["ipv6"]), IPv6Address):
        yield "device.ipv6 is no IPv6 address"
    if "language" in device and len(str(device["language"])) != 2:
        yield "device.language has not two letters"
    if {"language", "langb"} <= device.keys():
        yield "device has both language and langb"


def _flaws_of_impression(impression: Mapping[str, Any]) -> Iterator[str]:
    if not (isinstance(impression.get("id"), str) and impression["id"]):
        yield "imp.id is missing"
    floor = impression.get("bidfloor", 0)
    if not isinstance(floor, int | float) or floor < 0:
        yield "imp.bidfloor is no amount"
    if _object(impression.get("native")).get("ver") != "1.2":
        yield "imp.native.ver is not 1.2"
    native = _native(impression)
    assets = _objects(native.get("assets"))
    if not assets:
        yield "imp.native.request is no text of JSON that asks for assets"
    if len({str(asset.get("id")) for asset in assets}) < len(assets):
        yield "two assets share an id"
    if any(len(_KINDS_OF_ASSETS & asset.keys()) != 1 for asset in assets):
        yield "an asset is not one of title, img, video and data"
    if not any(tracker.get("event") == 1 for tracker in _objects(native.get("eventtrackers"))):
        yield "no way to be told of an impression is named"


def _native(impression: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _object(json.loads(_object(impression.get("native")).get("request", "")))
    except (ValueError, TypeError, RecursionError):
        return {}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _amount(text: str | None) -> Decimal:
    return Decimal(text) if text and _AMOUNT.fullmatch(text) else Decimal(0)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number_of_ads(text: str) -> bool:
    return text in _NUMBERS_OF_ADS


def _is_address(text: str, kind: type = object) -> bool:
    try:
        return isinstance(ip_address(text), kind)
    except ValueError:
        return False


def _is_page(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname)


def _are_numbers(text: str) -> bool:
    return all(map(_NUMBER.fullmatch, text.split(",")))


_PARAMETERS: Final[Mapping[str, Callable[[str], object]]] = {
    "ua": lambda text: 1 <= len(text) <= _MAX_USER_AGENT,
    "ip": _is_address,
    "lang": _LANGUAGE.fullmatch,
    "page": _is_page,
    "num": _is_number_of_ads,
    "subid": _NUMBER.fullmatch,
    "bf": _AMOUNT.fullmatch,
    "cmp": _are_numbers,
    "vas": _are_numbers,
    "acc": _are_numbers,
}
