"""Answers of feeds, item by item."""

from typing import Any

import pytest
from offered import item, read_items

from tocsin.domain.draw import Ad, Why

SHOP = "https://shop.example/"


def test_a_whole_item_becomes_an_ad() -> None:
    why, ads = read_items(
        item(
            id=17,
            desc="All  of\nthem",
            img="https://cdn.example/i.png",
            icon="http://cdn.example:8080/j.png?a=b#c",
            pixels=["https://p.example/1", "https://p.example/2"],
            bid=0.25,
            more={"unknown": [1]},
        )
    )

    assert (why, ads) == (
        Why.FILLED,
        (
            Ad(
                id="17",
                title="Shoes",
                body="All of them",
                url=SHOP,
                image="https://cdn.example/i.png",
                icon="http://cdn.example:8080/j.png?a=b#c",
                pixels=("https://p.example/1", "https://p.example/2"),
                price_micros=250_000,
            ),
        ),
    )


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"title": None}, id="no title"),
        pytest.param({"title": " \n\u202e\x07"}, id="a title of nothing that is seen"),
        pytest.param({"title": "x" * 601}, id="a title of 601 bytes"),
        pytest.param({"title": "ž" * 301}, id="a title of 602 bytes"),
        pytest.param({"title": ["Shoes"]}, id="a title that is no text"),
        pytest.param({"title": 7}, id="a number for a title"),
        pytest.param({"desc": "x" * 2001}, id="a text of 2001 bytes"),
        pytest.param({"desc": {"en": "x"}}, id="a text that is none"),
        pytest.param({"url": None}, id="no url"),
        pytest.param({"url": "javascript:alert(1)"}, id="a script"),
        pytest.param({"url": "data:text/html,x"}, id="data"),
        pytest.param({"url": "//shop.example/"}, id="a url without a scheme"),
        pytest.param({"url": "https:shop.example"}, id="a url without slashes"),
        pytest.param({"url": "https://"}, id="a url without a host"),
        pytest.param({"url": "https://a@shop.example/"}, id="a user name"),
        pytest.param({"url": "https://shop.example\\@evil.example/"}, id="a backslash"),
        pytest.param({"url": "https://shop.example/\n"}, id="a line end"),
        pytest.param({"url": " https://shop.example/"}, id="a blank in front"),
        pytest.param({"url": "https://shop.example/a b"}, id="a blank inside"),
        pytest.param({"url": "https://shop.example/\u202ea"}, id="text that runs backwards"),
        pytest.param({"url": "https://shöp.example/"}, id="a host beyond ASCII"),
        pytest.param({"url": "https://shop.example:0/"}, id="port 0"),
        pytest.param({"url": "https://shop.example:65536/"}, id="port 65536"),
        pytest.param({"url": "https://[fe80::1%25eth0]/"}, id="an address with a zone"),
        pytest.param({"url": "https://[::1/"}, id="half a bracket"),
        pytest.param({"url": "https://[1::2::3]/"}, id="no address in brackets"),
        pytest.param({"url": SHOP.ljust(2049, "x")}, id="2049 bytes"),
        pytest.param({"bid": -0.01}, id="a price below nothing"),
        pytest.param({"bid": 1e308}, id="a price of 1e308"),
        pytest.param({"bid": 1_000_000}, id="a price of a million"),
        pytest.param({"bid": "1e308"}, id="and as text"),
        pytest.param({"bid": "0x10"}, id="a hexadecimal price"),
        pytest.param({"bid": "NaN"}, id="no number"),
        pytest.param({"bid": "Infinity"}, id="infinity"),
        pytest.param({"bid": "٣"}, id="digits of another script"),
        pytest.param({"bid": ""}, id="an empty price"),
        pytest.param({"bid": True}, id="true for a price"),
        pytest.param({"bid": [1]}, id="an array for a price"),
        pytest.param({"id": True}, id="true for an id"),
        pytest.param({"id": {}}, id="an object for an id"),
        pytest.param({"id": "x" * 256}, id="an id of 256 bytes"),
    ],
)
def test_an_item_that_is_not_fit_is_refused_alone(spoilt: dict[str, Any]) -> None:
    assert read_items(item(**spoilt)) == (Why.MALFORMED, ())

    why, ads = read_items(item(**spoilt), item(title="Boots"))
    assert why is Why.FILLED
    assert [ad.title for ad in ads] == ["Boots"]


@pytest.mark.parametrize(
    "url",
    [
        SHOP.ljust(2048, "x"),
        "HTTPS://Shop.Example/",
        "https://shop.example",
        "https://shop.example?a=b",
        "https://shop.example:8443/ž?ü#ß",
        "http://192.0.2.7/",
        "https://[2001:db8::1]:8443/",
        "https://xn--shp-sna.example/${macro}",
    ],
)
def test_urls_that_browsers_open_are_taken_as_they_are(url: str) -> None:
    _, ads = read_items(item(url=url))

    assert [ad.url for ad in ads] == [url]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>Shoes</b> &amp; more", "<b>Shoes</b> &amp; more"),
        ("a\r\n\tb\u2028c\u00a0 d", "a b c d"),
        ("a\x00b".replace("\x00", "\x08"), "ab"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("x" * 600, "x" * 600),
        (f"{'x' * 600} \n", "x" * 600),
    ],
)
def test_a_title_is_one_line_of_what_is_seen(text: str, shown: str) -> None:
    _, ads = read_items(item(title=text, desc=text))

    assert [(ad.title, ad.body) for ad in ads] == [(shown, shown)]


def test_pictures_and_pixels_that_are_not_fit_are_left_out_and_the_ad_stays() -> None:
    good = [f"https://p.example/{number}" for number in range(12)]
    fired = ["javascript:1", good[0], good[0], 7, None, *good]

    why, ads = read_items(
        item(img="data:image/png;base64,x", icon=["https://a.example"], pixels=fired),
        item(id="2", pixels="https://p.example/alone"),
    )

    assert why is Why.FILLED
    assert [(ad.image, ad.icon) for ad in ads] == [(None, None), (None, None)]
    assert [ad.pixels for ad in ads] == [tuple(good[:10]), ()]


@pytest.mark.parametrize(
    ("bid", "micros"),
    [
        (None, None),
        (0, 0),
        (2, 2_000_000),
        (0.1, 100_000),
        ("0.25", 250_000),
        ("7", 7_000_000),
        ("25e-2", 250_000),
        ("0.1234567", 123_456),
        ("999999.9999999999", 999_999_999_999),
        ("0." + "9" * 30, 999_999),
        (1e-300, 0),
    ],
)
def test_money_is_read_to_the_millionth_and_never_up(bid: Any, micros: int | None) -> None:
    _, ads = read_items(item(bid=bid))

    assert [ad.price_micros for ad in ads] == [micros]


@pytest.mark.parametrize(
    ("bid", "why"),
    [
        (0.25, Why.FILLED),
        ("0.250000", Why.FILLED),
        (0.2499999, Why.EMPTY),
        (0, Why.EMPTY),
        (None, Why.EMPTY),
    ],
)
def test_a_bid_must_come_up_to_the_floor(bid: Any, why: Why) -> None:
    assert read_items(item(bid=bid), floor=250_000)[0] is why


def test_an_answer_with_something_good_below_the_floor_is_empty_and_not_malformed() -> None:
    assert read_items(item(bid=0.1), item(url="javascript:1"), floor=250_000) == (Why.EMPTY, ())


def test_of_those_that_share_an_id_the_first_is_taken() -> None:
    _, ads = read_items(
        item(id="1"), item(id=1, title="Boots"), item(title="Socks"), item(title="Hats")
    )

    assert [ad.title for ad in ads] == ["Shoes", "Socks", "Hats"]


def test_at_most_as_many_as_asked_are_taken_from_the_front() -> None:
    items = [item(id=number, title=f"Shoe {number}", bid=number) for number in range(5)]

    _, ads = read_items(*items, most=2, floor=1_000_000)

    assert [ad.title for ad in ads] == ["Shoe 1", "Shoe 2"]
