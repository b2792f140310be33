"""What came of asking a demand source, read without trust: what may be shown of it, and why."""

from dataclasses import dataclass
from typing import Final

from tocsin.domain.draw import Ad, Why
from tocsin.domain.errors import Unreadable
from tocsin.domain.strict_json import loads
from tocsin.exchange import bid_answer, feed_answer
from tocsin.exchange.question import OPENRTB
from tocsin.exchange.taken import Flaw, UnfitError

MAX_BODY_BYTES: Final = 65_536

# What a source may call its JSON; some never say what it is.
_JSON_TYPES: Final = frozenset({"", "application/json", "text/json", "text/plain"})
_JSON_SUFFIX: Final = "+json"
_CHARSETS: Final = frozenset({"", "utf-8", "us-ascii"})


@dataclass(frozen=True, slots=True)
class Got:
    """What came of one request.

    status: 0 when no answer came. content_type, content_encoding: as they came, "" for none, with
    commas between several. body: cut one byte after the most that is read. failure: why there is
    no whole answer; None when there is one, or its body was cut here.
    """

    status: int
    content_type: str
    content_encoding: str
    body: bytes
    failure: Why | None


def read_answer(
    protocol: str,
    got: Got,
    *,
    id: str,  # noqa: A002 - OpenRTB's word
    bid_floor_micros: int | None,
    most: int,
) -> tuple[Why, tuple[Ad, ...]]:
    """Return how asking ended, and what may be shown: at most *most* ads, in the answer's order.

    id: of the question. Raises nothing, whatever came. There are ads with FILLED and no other.
    An answer of which nothing is fit to be shown is MALFORMED; one with nothing in it, or with
    something good but nothing at the floor, is EMPTY.
    """
    if got.failure is not None:
        return got.failure, ()
    if got.status == 204:
        return Why.EMPTY, ()
    if got.status != 200:
        return Why.REFUSED, ()
    if not _is_readable(got):
        return Why.MALFORMED, ()
    try:
        answer = loads(got.body, what="the answer", exact=True)
        if protocol == OPENRTB:
            offered = bid_answer.ads_in(answer, id=id, floor=bid_floor_micros, most=most)
        else:
            offered = feed_answer.ads_in(answer, floor=bid_floor_micros)
    except (Unreadable, UnfitError):
        return Why.MALFORMED, ()
    ads = tuple(ad for ad in offered if isinstance(ad, Ad))[:most]
    if ads:
        return Why.FILLED, ads
    is_unfit = bool(offered) and all(flaw is Flaw.UNFIT for flaw in offered)
    return (Why.MALFORMED if is_unfit else Why.EMPTY), ()


def _is_readable(got: Got) -> bool:
    """Return whether the body is short, is not packed, and calls itself JSON in UTF-8."""
    if len(got.body) > MAX_BODY_BYTES or got.content_encoding.lower() not in ("", "identity"):
        return False
    media_type, *parameters = (part.strip().lower() for part in got.content_type.split(";"))
    charset = "".join(
        value.strip('" ')
        for name, _, value in (parameter.partition("=") for parameter in parameters)
        if name.strip() == "charset"
    )
    is_json = media_type in _JSON_TYPES or (
        media_type.startswith("application/") and media_type.endswith(_JSON_SUFFIX)
    )
    return is_json and charset in _CHARSETS
