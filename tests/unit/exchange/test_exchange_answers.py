"""What is the same for the answers of every demand source, and that nothing breaks their reader."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offered import ID, bid, got, item, native, read

from tocsin.domain.draw import Ad, Why
from tocsin.domain.zone import PROTOCOLS
from tocsin.exchange.answers import MAX_BODY_BYTES, Got, read_answer

BOTH = pytest.mark.parametrize("protocol", PROTOCOLS)
GOOD = {
    "feed": json.dumps({"items": [item()]}).encode(),
    "openrtb": json.dumps({"id": ID, "seatbid": [{"bid": [bid()]}]}).encode(),
}


@BOTH
@pytest.mark.parametrize(
    ("status", "why"),
    [
        (200, Why.FILLED),
        (204, Why.EMPTY),
        *((status, Why.REFUSED) for status in (100, 201, 206, 301, 302, 307, 400, 403, 429, 500)),
    ],
)
def test_only_200_is_an_answer_with_ads(protocol: str, status: int, why: Why) -> None:
    found, ads = read(got(GOOD[protocol], status), protocol)

    assert found is why
    assert bool(ads) is (why is Why.FILLED)


@BOTH
@pytest.mark.parametrize("failure", [Why.TIMEOUT, Why.UNREACHABLE])
def test_a_failure_is_told_as_it_is(protocol: str, failure: Why) -> None:
    assert read(got(GOOD[protocol], failure=failure), protocol) == (failure, ())


@BOTH
@pytest.mark.parametrize(
    ("content_type", "why"),
    [
        ("", Why.FILLED),
        ("application/json; charset=UTF-8", Why.FILLED),
        ('Application/JSON;charset="utf-8"', Why.FILLED),
        ("application/vnd.ads+json", Why.FILLED),
        ("text/json", Why.FILLED),
        ("text/plain", Why.FILLED),
        ("text/html", Why.MALFORMED),
        ("text/html; charset=utf-8", Why.MALFORMED),
        ("application/xml", Why.MALFORMED),
        ("image/svg+json", Why.MALFORMED),
        ("application/json; charset=utf-16", Why.MALFORMED),
        ("application/json; charset=utf-8; charset=latin1", Why.MALFORMED),
        ("application/json, text/html", Why.MALFORMED),
    ],
)
def test_what_calls_itself_json_is_read(protocol: str, content_type: str, why: Why) -> None:
    assert read(got(GOOD[protocol], content_type=content_type), protocol)[0] is why


@BOTH
@pytest.mark.parametrize(
    ("content_encoding", "why"),
    [
        ("identity", Why.FILLED),
        ("Identity", Why.FILLED),
        ("gzip", Why.MALFORMED),
        ("br", Why.MALFORMED),
        ("gzip, identity", Why.MALFORMED),
    ],
)
def test_what_is_packed_is_not_unpacked(protocol: str, content_encoding: str, why: Why) -> None:
    assert read(got(GOOD[protocol], content_encoding=content_encoding), protocol)[0] is why


@BOTH
def test_a_body_may_have_64_kib(protocol: str) -> None:
    body = GOOD[protocol].ljust(MAX_BODY_BYTES)

    assert read(got(body), protocol)[0] is Why.FILLED
    assert read(got(body + b" "), protocol)[0] is Why.MALFORMED


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><body>Bad gateway</body></html>", id="a page"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"items": [], "items": []}', id="a key twice"),
        pytest.param(b'{"items": [], "a": NaN}', id="NaN"),
        pytest.param(b'{"items": [], "seatbid": [], "a": ' + b"[" * 60_000, id="deep"),
        pytest.param(b'{"items": [], "a": ' + b"9" * 60_000 + b"}", id="a number of 60,000 digits"),
        pytest.param(b'{"items": [], "a": 1.' + b"9" * 60_000 + b"}", id="and behind the point"),
        pytest.param(b'{"items": [], "a": 1e' + b"9" * 30 + b"}", id="an exponent of 30 digits"),
        pytest.param(b'{"items": [], "a": "\xff"}', id="no UTF-8"),
        pytest.param(rb'{"items": [], "a": "\ud800"}', id="half a character"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param(gzip.compress(b"{}"), id="packed, and not said"),
        pytest.param(b'{"items": {}, "seatbid": {}}', id="no array"),
        pytest.param(b'{"items": "x", "seatbid": "x"}', id="text for an array"),
        pytest.param(b'{"error": "who are you?"}', id="another object"),
        pytest.param(b'{"items": [7], "id": "q1", "seatbid": [7]}', id="numbers for objects"),
        pytest.param(b'{"items": [{}], "id": "q1", "seatbid": [{"bid": [{}]}]}', id="empty offers"),
    ],
)
def test_what_cannot_be_read_is_malformed(protocol: str, body: bytes) -> None:
    assert read(got(body), protocol) == (Why.MALFORMED, ())


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"items": [], "seatbid": []}',
        b'{"items": null, "seatbid": null}',
        b'{"items": [], "nbr": 2, "more": {"a": 1e308}}',
    ],
)
def test_nothing_offered_is_empty(protocol: str, body: bytes) -> None:
    assert read(got(body), protocol) == (Why.EMPTY, ())


# Answers that are nearly good: everything that is read, with a value that may be anything.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        [
            *("https://a.example/x", "http://b.example:8080/?a=b#c", "//c.example", "javascript:1"),
            *(
                "https://u:p@d.example",
                "https://[::1",
                "https://e.example:99999/",
                "1",
                "q1",
                "0.5",
            ),
            *("${AUCTION_PRICE:B64}", "https://f.example/${AUCTION_ID}", "\u202eevil", "x" * 700),
        ]
    )
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def spoilt(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={key: st.just(good[key]) | ANYTHING for key in good})


ITEMS = spoilt(
    item(id="1", desc="x", img="https://a.example/i", icon="https://a.example/j", bid=0.5)
    | {"pixels": ["https://a.example/p"] * 12}
)
ASSET = spoilt({"id": 1, "title": {"text": "Shoes"}}) | spoilt(
    {"id": 2, "img": {"type": 1, "url": "https://a.example/i"}, "data": {"value": "x"}}
)
NATIVE = spoilt(
    native(imptrackers=["https://a.example/p"], eventtrackers=[{"event": 1, "method": 1}])
) | st.builds(lambda assets: native(assets=assets), st.lists(ASSET, max_size=4))
BIDS = st.builds(
    lambda bid, ad: bid | {"adm": json.dumps(ad)},
    spoilt(bid(nurl="https://a.example/n", crid="c", adid="d")),
    NATIVE | st.builds(lambda ad: {"native": ad}, NATIVE),
) | spoilt(bid())
FEEDS = st.builds(lambda items: {"items": items}, st.lists(ITEMS | ANYTHING, max_size=5))
RESPONSES = st.builds(
    lambda bids, cur: {"id": ID, "cur": cur, "seatbid": [{"bid": bids, "seat": "s"}]},
    st.lists(BIDS | ANYTHING, max_size=5),
    st.sampled_from([None, "USD", "USD", "EUR"]),
)
BODIES = (FEEDS | RESPONSES | ANYTHING).map(lambda value: json.dumps(value).encode())


@given(
    protocol=st.sampled_from(PROTOCOLS),
    body=BODIES | st.binary(max_size=200),
    floor=st.none() | st.integers(0, 2_000_000),
    most=st.integers(1, 10),
)
def test_whatever_comes_only_what_may_be_shown_is_taken(
    protocol: str, body: bytes, floor: int | None, most: int
) -> None:
    answer = Got(200, "application/json", "", body, None)

    why, ads = read_answer(protocol, answer, id=ID, bid_floor_micros=floor, most=most)

    assert why in (Why.FILLED, Why.EMPTY, Why.MALFORMED)
    assert bool(ads) is (why is Why.FILLED)
    assert len(ads) <= most
    ids = [ad.id for ad in ads if ad.id]
    assert len(ids) == len(set(ids))
    for ad in ads:
        check_ad(ad, floor)


def check_ad(ad: Ad, floor: int | None) -> None:
    assert ad.title
    assert len(ad.title.encode()) <= 600
    assert ad.body is None or 0 < len(ad.body.encode()) <= 2000
    for text in (ad.title, ad.body or "", ad.id):
        assert not any(ord(character) < 32 or character == "\u202e" for character in text)
    assert len(ad.pixels) <= 10
    assert len(ad.pixels) == len(set(ad.pixels))
    for url in [ad.url, ad.image, ad.icon, *ad.pixels]:
        if url is not None:
            assert url.lower().startswith(("http://", "https://"))
            assert len(url.encode()) <= 2048
            assert "@" not in url.split("/")[2]
    assert ad.price_micros is None or 0 <= ad.price_micros < 10**12
    assert floor is None or (ad.price_micros is not None and ad.price_micros >= floor)
