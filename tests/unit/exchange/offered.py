"""Answers of the tests: good ones in both protocols, to be spoilt, and the one way to read them."""

import json
from typing import Any

from tocsin.domain.draw import Ad, Why
from tocsin.exchange.answers import Got, read_answer

ID = "q1"


def got(body: bytes = b"", status: int = 200, **given: Any) -> Got:
    known = {"content_type": "application/json", "content_encoding": "", "failure": None} | given
    return Got(status=status, body=body, **known)


def read(
    answer: Got, protocol: str = "feed", *, floor: int | None = None, most: int = 10
) -> tuple[Why, tuple[Ad, ...]]:
    return read_answer(protocol, answer, id=ID, bid_floor_micros=floor, most=most)


def item(**given: Any) -> dict[str, Any]:
    return {"title": "Shoes", "url": "https://shop.example/"} | given


def read_items(*items: Any, floor: int | None = None, most: int = 10) -> tuple[Why, tuple[Ad, ...]]:
    return read(got(json.dumps({"items": items}).encode()), floor=floor, most=most)


def native(**given: Any) -> dict[str, Any]:
    return {
        "assets": [{"id": 1, "title": {"text": "Shoes"}}],
        "link": {"url": "https://shop.example/"},
    } | given


def bid(ad: Any = None, **given: Any) -> dict[str, Any]:
    """Return a bid with the markup of *ad*; text stands as it is."""
    markup = ad if isinstance(ad, str) else json.dumps(native() if ad is None else ad)
    return {"id": "b1", "impid": "1", "price": 1.5, "adm": markup} | given


def read_bids(
    *bids: Any, floor: int | None = None, most: int = 10, **given: Any
) -> tuple[Why, tuple[Ad, ...]]:
    """Read an answer whose only seat has *bids*; given are further fields of it."""
    answer = {"id": ID, "seatbid": [{"seat": "s1", "bid": list(bids)}]} | given
    return read(got(json.dumps(answer).encode()), "openrtb", floor=floor, most=most)
