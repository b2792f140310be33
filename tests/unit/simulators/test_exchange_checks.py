"""What the demand source refuses to be asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tocsin.exchange.asking import ask_of
from tocsin.exchange.question import Question, Source
from tocsin.simulators.exchange_checks import read_feed, read_openrtb

HEADERS = [("content-type", "application/json"), ("x-openrtb-version", "2.6")]
TWINS = '{"assets": [{"id": [1], "title": {}, "img": {}}, {"id": [1], "data": {}}]}'


def quiet_question(**said: Any) -> Question:
    known: dict[str, Any] = {"user_agent": "", "address": "", "language": None, "page": None}
    return Question(**(known | {"number": 1, "task_id": 42} | said))


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(quiet_question(), id="nothing said"),
        pytest.param(quiet_question(user_agent="é" * 600, address="2001:db8::1"), id="long"),
        pytest.param(quiet_question(user_data={"k": "v" * 9000, "a": [1, "b"]}), id="user data"),
        pytest.param(quiet_question(language="zh-Hant-TW", page="https://bücher.example/"), id="x"),
    ],
)
def test_what_the_server_asks_is_well_formed(question: Question) -> None:
    feed = ask_of(Source("feed", "https://a.example/feed?key=1", {}, 300, 10), question, id="q")
    openrtb = ask_of(Source("openrtb", "https://a.example/", {}, 300, 10), question, id="q")

    asked = read_feed("GET", feed.url.partition("?")[2], b"")
    assert (asked.flaws, asked.slots, str(asked.floor)) == ((), ("1",), "0.00001")
    headers = [tuple(line.split(": ", 1)) for line in openrtb.headers]
    asked = read_openrtb("POST", headers, openrtb.body or b"")  # type: ignore[arg-type] # pairs
    assert (asked.flaws, asked.slots) == ((), ("1",))


@pytest.mark.parametrize(
    ("query", "flaws"),
    [
        ("num=1&subid=1", []),
        ("num=1&subid=1&zone=x&zone_2=%20", []),
        ("", ["num is missing", "subid is missing"]),
        ("num=0&subid=1", ["num is '0'"]),
        ("num=01&subid=1", ["num is '01'"]),
        ("num=11&subid=x", ["num is '11'", "subid is 'x'"]),
        ("num=1&subid=1&num=2", ["a parameter is there twice"]),
        ("num=1&subid=1&ip=1.2.3", ["ip is '1.2.3'"]),
        ("num=1&subid=1&page=ftp://a/", ["page is 'ftp://a/'"]),
        ("num=1&subid=1&lang=&ua=", ["lang is ''", "ua is ''"]),
        ("num=1&subid=1&bf=1e3", ["bf is '1e3'"]),
        ("num=1&subid=1&cmp=1,,2", ["cmp is '1,,2'"]),
        ("num=1&subid=1&k=%zz", ["a % in the query escapes nothing"]),
        ("num=1&subid=1&k=%ff", ["the query is not UTF-8"]),
        ("num=1&subid=1&k=" + "x" * 8192, ["the query is longer than 8192 bytes"]),
        ("num=1&subid=1&ua=" + quote("x" * 513), [f"ua is {'x' * 100!r}"]),
    ],
)
def test_flaws_of_a_feed_question(query: str, flaws: list[str]) -> None:
    assert list(read_feed("GET", query, b"").flaws) == flaws


def test_a_feed_is_asked_with_get() -> None:
    assert read_feed("POST", "num=1&subid=1", b"x").flaws == (
        "a feed question is a GET",
        "a feed question has no body",
    )


def put(*path: Any, value: Any = None) -> Callable[[Any], None]:
    def alter(request: Any) -> None:
        *inner, last = path
        for key in inner:
            request = request[key]
        if value is None:
            del request[last]
        else:
            request[last] = value

    return alter


@pytest.mark.parametrize(
    ("alter", "flaw"),
    [
        (put("id"), "id is missing"),
        (put("imp", value=[]), "imp is not a list of 1 to 10"),
        (put("imp", 1, "id", value="1"), "two impressions share an id"),
        (put("imp", 0, "id"), "imp.id is missing"),
        (put("imp", 0, "bidfloor", value="1"), "imp.bidfloor is no amount"),
        (put("imp", 0, "native", "ver"), "imp.native.ver is not 1.2"),
        (put("imp", 0, "native", "request", value="{"), "imp.native.request is no text of JSON"),
        (put("imp", 0, "native", "request", value=TWINS), "two assets share an id"),
        (put("imp", 0, "native", "request", value=TWINS), "is not one of title, img"),
        (put("imp", 0, "native", "request", value=TWINS), "no way to be told"),
        (put("app", value={}), "site or app"),
        (put("tmax"), "tmax"),
        (put("at", value=3), "at is not 1 or 2"),
        (put("cur", value=["EUR"]), "cur does not name USD"),
        (put("site", "page", value="x"), "site.page is no URL"),
        (put("site", "publisher"), "site.publisher.id is no number"),
        (put("device", "ip", value="::1"), "device.ip is no IPv4 address"),
        (put("device", "ipv6", value="1.2.3.4"), "device.ipv6 is no IPv6 address"),
        (put("device", "language", value="pt-BR"), "device.language has not two letters"),
        (put("device", "langb", value="pt"), "both language and langb"),
    ],
)
def test_flaws_of_a_bid_request(alter: Callable[[Any], None], flaw: str) -> None:
    source = Source("openrtb", "https://a.example/", {}, 300, None)
    said = quiet_question(
        number=2, address="192.0.2.1", language="pt", page="https://www.example.com/"
    )
    request = json.loads(ask_of(source, said, id="q").body or b"")
    assert read_openrtb("POST", HEADERS, json.dumps(request).encode()).flaws == ()

    alter(request)

    flaws = read_openrtb("POST", HEADERS, json.dumps(request).encode()).flaws
    assert any(flaw in one for one in flaws), flaws


@pytest.mark.parametrize("body", [b"", b"[1]", b"\xff", b'{"tmax":NaN}', b"[" * 100_000])
def test_what_is_no_bid_request(body: bytes) -> None:
    assert read_openrtb("PUT", [], body).flaws == (
        "a BidRequest is sent with POST",
        "Content-Type is not application/json",
        "X-OpenRTB-Version is not 2.6",
        "the body is no JSON object",
    )
