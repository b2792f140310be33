"""What demand sources are asked, in both protocols."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from asked import question, quiet_question, source
from hypothesis import given
from hypothesis import strategies as st

from tocsin.exchange.asking import ask_of
from tocsin.exchange.feed_request import MAX_URL_BYTES


def query_of(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)


def bid_request(**asked: Any) -> dict[str, Any]:
    ask = ask_of(source("openrtb"), question(**asked), id="q1")
    assert ask.body is not None
    found: dict[str, Any] = json.loads(ask.body)
    return found


def test_a_feed_is_asked_everything_that_is_known() -> None:
    zone = source(bid_floor_micros=250_000, headers={"authorization": "Bearer key"})
    ask = ask_of(zone, question(), id="q1")

    assert (ask.method, ask.body) == ("GET", None)
    assert ask.headers == ("accept: application/json", "authorization: Bearer key")
    assert ask.url.startswith("https://ads.example/feed?ua=Mozilla%2F5.0%20%28Linux")
    assert query_of(ask.url) == [
        ("ua", "Mozilla/5.0 (Linux; Android 14)"),
        ("ip", "198.51.100.7"),
        ("lang", "pt-BR"),
        ("page", "https://www.example.com/"),
        ("num", "2"),
        ("subid", "42"),
        ("bf", "0.25"),
        ("cmp", "11,12"),
        ("vas", "21"),
        ("acc", "31,32"),
        ("ud_plan", "gold"),
        ("ud_ages", "30,31.5,true"),
    ]


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert ask_of(source(), quiet_question(), id="q1").url == (
        "https://ads.example/feed?num=1&subid=42"
    )


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://a.example", "https://a.example?num=1&subid=42"),
        ("https://a.example/f?", "https://a.example/f?num=1&subid=42"),
        ("https://a.example/f?key=a%20b", "https://a.example/f?key=a%20b&num=1&subid=42"),
        ("https://a.example/f?subid=mine", "https://a.example/f?subid=mine&num=1"),
        ("https://a.example/f?num", "https://a.example/f?num&subid=42"),
    ],
)
def test_the_query_of_the_zone_stays_and_wins(url: str, asked: str) -> None:
    assert ask_of(source(url=url), quiet_question(), id="q1").url == asked


def test_user_data_can_not_pass_for_anything_else() -> None:
    data = {"a&num=9": "x&ip=1.1.1.1", "späť": "ž", "b": False, "c": 0, "d": ""}

    url = ask_of(source(), quiet_question(user_data=data), id="q1").url

    assert query_of(url)[2:] == [
        ("ud_a&num=9", "x&ip=1.1.1.1"),
        ("ud_späť", "ž"),
        ("ud_b", "false"),
        ("ud_c", "0"),
        ("ud_d", ""),
    ]


def test_user_data_is_left_out_from_its_end_where_the_url_grew_too_long() -> None:
    data = {"a": "x" * 4000, "b": "y" * 5000, "c": "z" * 300, "d": "w"}

    url = ask_of(source(), question(user_data=data), id="q1").url

    assert [name for name, _ in query_of(url) if name.startswith("ud_")] == ["ud_a"]
    assert len(url) <= MAX_URL_BYTES


def test_a_user_agent_of_any_length_is_cut() -> None:
    url = ask_of(source(), quiet_question(user_agent="ž" * 9000), id="q1").url

    assert dict(query_of(url))["ua"] == "ž" * 512


@given(
    user_agent=st.text(max_size=2000),
    data=st.dictionaries(st.text(min_size=1), st.text(max_size=3000), max_size=5),
)
def test_a_feed_url_is_short_ascii_without_blanks(user_agent: str, data: dict[str, str]) -> None:
    asked = question(user_agent=user_agent, user_data=data)

    url = ask_of(source(), asked, id="q1").url

    assert len(url) <= MAX_URL_BYTES
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


def test_openrtb_is_asked_with_an_impression_for_each_ad() -> None:
    zone = source(
        "openrtb", "https://ads.example/bid", bid_floor_micros=1, headers={"x-key": "secret"}
    )
    ask = ask_of(zone, question(), id="q1")

    assert (ask.method, ask.url) == ("POST", "https://ads.example/bid")
    assert ask.headers == (
        "accept: application/json",
        "content-type: application/json",
        "x-openrtb-version: 2.6",
        "x-key: secret",
    )
    found = json.loads(ask.body or b"")
    native = json.loads(found["imp"][0]["native"]["request"])
    assert found == {
        "id": "q1",
        "imp": [
            {
                "id": number,
                "native": {"request": json.dumps(native, separators=(",", ":")), "ver": "1.2"},
                "secure": 1,
                "bidfloor": 0.000001,
                "bidfloorcur": "USD",
            }
            for number in ("1", "2")
        ],
        "site": {
            "page": "https://www.example.com/",
            "domain": "www.example.com",
            "publisher": {"id": "42"},
        },
        "device": {
            "ua": "Mozilla/5.0 (Linux; Android 14)",
            "ip": "198.51.100.7",
            "langb": "pt-BR",
        },
        "user": {"id": "7", "ext": {"user_data": {"plan": "gold", "ages": [30, 31.5, True]}}},
        "tmax": 300,
        "at": 1,
        "cur": ["USD"],
        "ext": {
            "campaign_ids": ["11", "12"],
            "group_ids": ["21"],
            "account_ids": ["31", "32"],
        },
    }
    assert native["ver"] == "1.2"
    assert [asset["id"] for asset in native["assets"]] == [1, 2, 3, 4]
    assert native["eventtrackers"] == [{"event": 1, "methods": [1]}]


def test_openrtb_hears_nothing_of_what_is_not_known() -> None:
    ask = ask_of(source("openrtb"), quiet_question(), id="q1")

    found = json.loads(ask.body or b"")
    assert found.keys() == {"id", "imp", "site", "tmax", "at", "cur"}
    assert found["imp"][0].keys() == {"id", "native", "secure"}
    assert found["site"] == {"publisher": {"id": "42"}}


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("198.51.100.7", {"ip": "198.51.100.7"}),
        ("2001:DB8::1", {"ipv6": "2001:db8::1"}),
        ("::ffff:198.51.100.7", {"ip": "198.51.100.7"}),
        ("unix:", {}),
    ],
)
def test_the_address_goes_where_its_kind_belongs(address: str, field: dict[str, str]) -> None:
    device = bid_request(address=address, user_agent="x", language="de")["device"]

    assert device == {"ua": "x", "language": "de"} | field


@pytest.mark.parametrize("micros", [1, 10, 100_000, 123_456_789_012, 999_999_999_999])
def test_a_floor_is_written_as_the_decimal_that_it_is(micros: int) -> None:
    zone = source("openrtb", bid_floor_micros=micros)
    ask = ask_of(zone, quiet_question(), id="q1")

    floor = json.loads(ask.body or b"", parse_float=Decimal)["imp"][0]["bidfloor"]
    assert floor * 1_000_000 == micros


def test_a_header_of_the_zone_stands_in_for_ours() -> None:
    zone = source("openrtb", headers={"x-openrtb-version": "2.5"})

    assert ask_of(zone, quiet_question(), id="q1").headers == (
        "accept: application/json",
        "content-type: application/json",
        "x-openrtb-version: 2.5",
    )
