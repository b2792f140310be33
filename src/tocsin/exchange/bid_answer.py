"""Answers in OpenRTB 2.6: a BidResponse whose markup is Native 1.2 as JSON text.

Asset by asset the native ad becomes one of ours; of its links only the one of the whole ad is
taken. Markup that is anything else, such as HTML or VAST, and ads that want a script run are unfit.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from tocsin.domain.draw import Ad
from tocsin.domain.errors import Unreadable
from tocsin.domain.strict_json import loads_text
from tocsin.domain.zone import micros_text
from tocsin.exchange.bid_request import (
    CURRENCY,
    DESCRIPTION,
    DESCRIPTION_TYPE,
    ICON,
    ICON_TYPE,
    IMAGE,
    IMAGE_TRACKER,
    IMAGE_TYPE,
    IMPRESSION,
    impression_ids,
)
from tocsin.exchange.taken import (
    MAX_TEXT_BYTES,
    MAX_TITLE_BYTES,
    MAX_URL_BYTES,
    Flaw,
    UnfitError,
    is_enough,
    items_of,
    name,
    pixels,
    plain_text,
    price_micros,
    shape_of,
    web_url,
)

_MACRO: Final = re.compile(r"\$\{AUCTION_([A-Z_]+)(?::([A-Z0-9]+))?\}")
_BASE64: Final = "B64"
_OF_AN_ANSWER: Final = ("id", "seatbid", "nbr")


class _Bid(NamedTuple):
    """A bid that may be taken, and where it stood in the answer."""

    at: int
    id: str
    impression: str
    price: int
    ad: Ad


def ads_in(
    answer: Mapping[str, Any],
    *,
    id: str,  # noqa: A002 - OpenRTB's word
    floor: int | None,
    most: int,
) -> list[Ad | Flaw]:
    """Return what *answer* offers, in its order; for each impression the highest bid.

    id, most: of the question. floor: in millionths. Bids that share an id, or a creative, with a
    higher one are left out. An answer without bids, whatever it says of the reason, offers nothing.
    Raises UnfitError when it is no answer to the question, or not in US dollars.
    Source: OpenRTB 2.6 sections 4.2 and 4.3.1.
    """
    if answer and answer.keys().isdisjoint(_OF_AN_ANSWER):
        raise UnfitError("is no BidResponse")
    seats = items_of(answer.get("seatbid"))
    if not seats:
        return []
    if answer.get("id") != id:
        raise UnfitError("answers another question")
    if answer.get("cur") not in (None, CURRENCY):
        raise UnfitError("is not in US dollars")
    flaws: list[Ad | Flaw] = []
    bids: list[_Bid] = []
    auction = {"ID": id, "CURRENCY": CURRENCY, "BID_ID": name(answer.get("bidid"))}
    for at, (seat, shape) in enumerate(_bids_in(seats)):
        try:
            bid = _bid_of(at, shape, auction | {"SEAT_ID": name(seat)}, impression_ids(most))
        except (UnfitError, Unreadable):
            flaws.append(Flaw.UNFIT)
            continue
        if is_enough(bid.price, floor):
            bids.append(bid)
        else:
            flaws.append(Flaw.TOO_CHEAP)
    return [*(bid.ad for bid in _winners(bids)), *flaws]


def _bids_in(seats: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each bid with the name of its seat; a seat without a shape counts as one bid."""
    for seat in seats:
        if not isinstance(seat, dict) or not isinstance(seat.get("bid"), list):
            yield None, None
            continue
        for bid in seat["bid"]:
            yield seat.get("seat"), bid


def _winners(bids: list[_Bid]) -> list[_Bid]:
    """Return those of *bids* that are shown, in the order of the answer."""
    won: list[_Bid] = []
    used: set[tuple[str, str]] = set()
    for bid in sorted(bids, key=attrgetter("price"), reverse=True):
        marks = {("bid", bid.id), ("impression", bid.impression), ("ad", bid.ad.id)}
        if used.isdisjoint(marks):
            used |= marks
            won.append(bid)
    return sorted(won)


def _bid_of(at: int, value: Any, auction: Mapping[str, str], impressions: frozenset[str]) -> _Bid:
    """Return the bid that *value* is. Raises UnfitError, and Unreadable for its markup."""
    shape = shape_of(value)
    bid_id, impression = name(shape.get("id")), name(shape.get("impid"))
    price = price_micros(shape.get("price"))
    if not bid_id or price is None or impression not in impressions:
        raise UnfitError("lacks an id or a price, or is for no impression of the question")
    markup = shape.get("adm")
    if not isinstance(markup, str):
        raise UnfitError("has no markup")
    wrapped = loads_text(markup, what="the markup", exact=True)
    native = shape_of(wrapped.get("native", wrapped))
    macros = {
        **auction,
        "IMP_ID": impression,
        "AD_ID": name(shape.get("adid")),
        "PRICE": micros_text(price),
    }
    creative = name(shape.get("crid")) or bid_id
    # What money hangs on comes first: of more than are called, trackers are left out.
    called = [shape.get("burl"), shape.get("nurl"), *_trackers(native)]
    return _Bid(at, bid_id, impression, price, _ad_of(native, creative, price, called, macros))


def _ad_of(
    native: Mapping[str, Any],
    creative: str,
    price: int,
    called: list[Any],
    macros: Mapping[str, str],
) -> Ad:
    title, body = "", ""
    images: dict[int, str | None] = {}
    for asset in map(shape_of, items_of(native.get("assets"))):
        if "title" in asset:
            title = plain_text(shape_of(asset["title"]).get("text"), MAX_TITLE_BYTES)
        elif "img" in asset:
            image = shape_of(asset["img"])
            images[_kind(image, asset, {ICON: ICON_TYPE, IMAGE: IMAGE_TYPE})] = web_url(
                _filled(image.get("url"), macros)
            )
        elif "data" in asset:
            data = shape_of(asset["data"])
            if _kind(data, asset, {DESCRIPTION: DESCRIPTION_TYPE}) == DESCRIPTION_TYPE:
                body = plain_text(data.get("value"), MAX_TEXT_BYTES)
    url = web_url(_filled(shape_of(native.get("link")).get("url"), macros))
    if url is None or not title:
        raise UnfitError("has no title, or leads nowhere")
    return Ad(
        id=creative,
        title=title,
        body=body or None,
        url=url,
        image=images.get(IMAGE_TYPE),
        icon=images.get(ICON_TYPE),
        pixels=pixels(_filled(one, macros) for one in called),
        price_micros=price,
    )


def _kind(inner: Mapping[str, Any], asset: Mapping[str, Any], by_id: Mapping[int, int]) -> int:
    """Return what kind of image or data *asset* is: as it says, else as its id was asked for."""
    said, asked = inner.get("type"), asset.get("id")
    if isinstance(said, int):
        return said
    return by_id.get(asked, 0) if isinstance(asked, int) else 0


def _trackers(native: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what is called when the ad is shown. Raises UnfitError when a script is among it."""
    if native.get("jstracker"):
        raise UnfitError("wants a script run")
    yield from items_of(native.get("imptrackers"))
    for tracker in map(shape_of, items_of(native.get("eventtrackers"))):
        if tracker.get("method") != IMAGE_TRACKER:
            raise UnfitError("wants a script run")
        if tracker.get("event") == IMPRESSION:
            yield tracker.get("url")


def _filled(url: Any, macros: Mapping[str, str]) -> Any:
    """Return *url* with its macros filled; one without a value is empty.

    Source: OpenRTB 2.6 section 4.4.
    """

    def value_of(match: re.Match[str]) -> str:
        text, encoding = macros.get(match[1], ""), match[2]
        if encoding == _BASE64:
            text = b64encode(text.encode()).decode()
        return quote(text if encoding in (None, _BASE64) else "", safe="")

    if not isinstance(url, str) or len(url) > MAX_URL_BYTES:  # lest macros grow it without end
        return None
    return _MACRO.sub(value_of, url)
