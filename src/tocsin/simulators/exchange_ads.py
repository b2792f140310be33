"""The ads of the simulated demand source, and its answers in both protocols."""

import gzip
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from tocsin.simulators.exchange_behaviour import OPENRTB, Rule
from tocsin.simulators.exchange_checks import Asked

_BID: Final = Decimal("0.25")
_ICON_TYPE: Final = 1  # Native 1.2, section 7.4
_PRICE_MARK: Final = "@price@"
_TRUE_COLOUR: Final = 2  # PNG, section 11.2.1


@dataclass(frozen=True, slots=True)
class Ad:
    """An ad as it is sent. price: a number as JSON writes it."""

    number: int
    id: str
    title: str
    description: str
    url: str
    image: str
    icon: str
    pixel: str
    price: str


def ads_for(asked: Asked, rule: Rule, *, first: int, base_url: str) -> list[Ad]:
    """Return an ad for each slot of the question, as *rule* alters them; numbers from *first*."""
    title_bytes = rule.title_bytes
    made = []
    for number in range(first, first + len(asked.slots)):
        named = first if rule.duplicate_ids else number
        made.append(
            Ad(
                number=number,
                id=f"ad-{named}",
                title=f"Ad {number}" if title_bytes is None else "A" * title_bytes,
                description=f"What ad {number} has to say",
                url=f"{base_url}/landing/{number}" if rule.landing is None else rule.landing,
                image=f"{base_url}/image/{number}.png",
                icon=f"{base_url}/icon/{number}.png",
                pixel=f"{base_url}/pixel/{number}",
                price=format(max(_BID, asked.floor), "f") if rule.price is None else rule.price,
            )
        )
    return made


def answer_with(asked: Asked, ads: Sequence[Ad], rule: Rule) -> bytes:
    """Return the answer to *asked* that offers *ads*."""
    if asked.protocol == OPENRTB:
        shape = _bid_response(asked, ads, rule.currency or "USD")
    else:
        shape = {"items": [_item(ad) for ad in ads]}
    price = ads[0].price if ads else ""
    return json.dumps(shape).replace(f'"{_PRICE_MARK}"', price).encode()


def _item(ad: Ad) -> dict[str, object]:
    return {
        "id": ad.id,
        "title": ad.title,
        "desc": ad.description,
        "url": ad.url,
        "img": ad.image,
        "icon": ad.icon,
        "pixels": [ad.pixel],
        "bid": _PRICE_MARK,
    }


def _bid_response(asked: Asked, ads: Sequence[Ad], currency: str) -> dict[str, object]:
    """Return a BidResponse (OpenRTB 2.6 section 4.2); without ads one that says: no bid."""
    if not ads:
        return {"id": asked.id, "seatbid": []}
    bids = [
        {
            "id": f"bid-{ad.number}",
            "impid": slot,
            "price": _PRICE_MARK,
            "crid": ad.id,
            "adm": json.dumps(_native(asked, ad)),
        }
        for slot, ad in zip(asked.slots, ads, strict=True)
    ]
    seat = {"seat": "simulator", "bid": bids}
    return {"id": asked.id, "bidid": f"b-{ads[0].number}", "cur": currency, "seatbid": [seat]}


def _native(asked: Asked, ad: Ad) -> dict[str, object]:
    """Return the ad in Native 1.2, with those assets that were asked for; its pixel has the price.

    Source: section 5 there, and for the macro OpenRTB 2.6 section 4.4.
    """
    pixel = f"{ad.pixel}?price=${{AUCTION_PRICE}}"
    return {
        "native": {
            "ver": "1.2",
            "assets": [{"id": asset.get("id"), **_asset(asset, ad)} for asset in asked.assets],
            "link": {"url": ad.url},
            "eventtrackers": [{"event": 1, "method": 1, "url": pixel}],
        }
    }


def _asset(asset: Mapping[str, Any], ad: Ad) -> dict[str, object]:
    if "title" in asset:
        return {"title": {"text": ad.title}}
    if "img" in asset:
        kind = asset["img"].get("type") if isinstance(asset["img"], dict) else None
        return {"img": {"type": kind, "url": ad.icon if kind == _ICON_TYPE else ad.image}}
    return {"data": {"value": ad.description}}


def landing_page(number: int) -> bytes:
    """Return the page that ad *number* leads to."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Ad {number}</title>'
        f"<h1>Ad {number}</h1><p>This is where it leads.</p></html>\n"
    ).encode()


@lru_cache(maxsize=64)
def picture(number: int, width: int, height: int) -> bytes:
    """Return a PNG of one colour, which *number* decides."""
    colour = bytes((number * step) % 256 for step in (67, 131, 199))
    row = b"\0" + colour * width
    head = struct.pack(">IIBBBBB", width, height, 8, _TRUE_COLOUR, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(row * height)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@lru_cache(maxsize=2)
def packed_zeros(size: int) -> bytes:
    """Return *size* zeros, packed with gzip to about a thousandth."""
    return gzip.compress(bytes(size), mtime=0)
