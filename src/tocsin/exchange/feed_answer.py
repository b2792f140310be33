"""Answers in the feed protocol: ``{"items": [...]}`` (contract.md section 2.4)."""

from collections.abc import Mapping
from typing import Any

from tocsin.domain.draw import Ad
from tocsin.exchange.taken import (
    MAX_TEXT_BYTES,
    MAX_TITLE_BYTES,
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


def ads_in(answer: Mapping[str, Any], *, floor: int | None) -> list[Ad | Flaw]:
    """Return what *answer* offers, in its order; an item whose id came before is left out.

    floor: in millionths. Raises UnfitError when it is no answer of a feed; an empty object is one.
    """
    if answer and "items" not in answer:
        raise UnfitError("has no items")
    found: list[Ad | Flaw] = []
    ids: set[str] = set()
    for item in items_of(answer.get("items")):
        try:
            ad = _ad_of(shape_of(item))
        except UnfitError:
            found.append(Flaw.UNFIT)
            continue
        if ad.id in ids:
            continue
        if ad.id:
            ids.add(ad.id)
        found.append(ad if is_enough(ad.price_micros, floor) else Flaw.TOO_CHEAP)
    return found


def _ad_of(item: Mapping[str, Any]) -> Ad:
    url, title = web_url(item.get("url")), plain_text(item.get("title"), MAX_TITLE_BYTES)
    if url is None or not title:
        raise UnfitError("has no title, or leads nowhere")
    fired = item.get("pixels")
    return Ad(
        id=name(item.get("id")),
        title=title,
        body=plain_text(item.get("desc"), MAX_TEXT_BYTES) or None,
        url=url,
        image=web_url(item.get("img")),
        icon=web_url(item.get("icon")),
        pixels=pixels(fired if isinstance(fired, list) else ()),
        price_micros=price_micros(item.get("bid")),
    )
