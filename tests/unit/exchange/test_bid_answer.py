"""Answers in OpenRTB with Native markup, bid by bid."""

from typing import Any

import pytest
from offered import bid, native, read_bids

from tocsin.domain.draw import Ad, Why
from tocsin.exchange.taken import MAX_PIXELS

SHOP = "https://shop.example/"
CDN = "https://cdn.example"
TITLE = {"id": 1, "title": {"text": "Shoes"}}


def test_a_whole_bid_becomes_an_ad() -> None:
    ad = native(
        ver="1.2",
        assets=[
            TITLE,
            {"id": 2, "img": {"type": 1, "url": f"{CDN}/icon", "w": 96, "h": 96}},
            {"id": 3, "img": {"type": 3, "url": f"{CDN}/main"}},
            {"id": 4, "data": {"type": 2, "value": "All of them"}},
        ],
        imptrackers=["https://t.example/imp?p=${AUCTION_PRICE}"],
        eventtrackers=[
            {"event": 1, "method": 1, "url": "https://t.example/event"},
            {"event": 2, "method": 1, "url": "https://t.example/viewable"},
        ],
    )

    won = bid(
        {"native": ad},
        crid="c1",
        price=1.2345678,
        nurl="https://t.example/win?i=${AUCTION_ID}&b=${AUCTION_IMP_ID}",
        burl="https://t.example/bill",
    )

    assert read_bids(won) == (
        Why.FILLED,
        (
            Ad(
                id="c1",
                title="Shoes",
                body="All of them",
                url=SHOP,
                image=f"{CDN}/main",
                icon=f"{CDN}/icon",
                pixels=(
                    "https://t.example/bill",
                    "https://t.example/win?i=q1&b=1",
                    "https://t.example/imp?p=1.234567",
                    "https://t.example/event",
                ),
                price_micros=1_234_567,
            ),
        ),
    )


def test_assets_without_a_kind_are_known_by_the_ids_that_were_asked_for() -> None:
    assets = [
        TITLE,
        {"id": 3, "img": {"url": f"{CDN}/main"}},
        {"id": 2, "img": {"url": f"{CDN}/icon"}},
        {"id": 4, "data": {"value": "All of them"}},
        {"id": 9, "img": {"url": f"{CDN}/logo"}},
        {"id": 9, "data": {"value": "4.5 stars"}},
        {"id": 9, "video": {"vasttag": "<VAST/>"}},
    ]

    _, [ad] = read_bids(bid(native(assets=assets)))

    assert (ad.image, ad.icon, ad.body) == (f"{CDN}/main", f"{CDN}/icon", "All of them")


@pytest.mark.parametrize(
    ("macro", "value"),
    [
        ("${AUCTION_ID}", "q1"),
        ("${AUCTION_BID_ID}", "r%261"),
        ("${AUCTION_IMP_ID}", "1"),
        ("${AUCTION_SEAT_ID}", "s1"),
        ("${AUCTION_AD_ID}", "a%201"),
        ("${AUCTION_PRICE}", "1.5"),
        ("${AUCTION_PRICE:B64}", "MS41"),
        ("${AUCTION_PRICE:BF}", ""),
        ("${AUCTION_CURRENCY}", "USD"),
        ("${AUCTION_LOSS}", ""),
        ("${AUCTION_MBR}${AUCTION_PRICE}", "1.5"),
        ("${OTHER}", "${OTHER}"),
    ],
)
def test_macros_are_filled_wherever_a_url_stands(macro: str, value: str) -> None:
    shown = native(
        assets=[TITLE, {"id": 3, "img": {"url": f"{CDN}/{macro}"}}],
        link={"url": f"{SHOP}?x={macro}"},
        imptrackers=[f"https://t.example/{macro}"],
    )

    _, [ad] = read_bids(bid(shown, adid="a 1"), bidid="r&1")

    assert ad.url == f"{SHOP}?x={value}"
    assert ad.image == f"{CDN}/{value}"
    assert ad.pixels == (f"https://t.example/{value}",)


def test_macros_can_not_grow_a_url_beyond_its_length() -> None:
    trackers = ["https://t.example/" + "${AUCTION_BID_ID}" * 100]

    _, [ad] = read_bids(bid(native(imptrackers=trackers)), bidid="x" * 255)

    assert ad.pixels == ()


def test_many_trackers_do_not_push_out_the_notices_of_billing_and_of_winning() -> None:
    trackers = [f"https://t.example/{number}" for number in range(MAX_PIXELS)]
    notices = {"nurl": "https://t.example/win", "burl": "https://t.example/bill"}

    _, [ad] = read_bids(bid(native(imptrackers=trackers), **notices))

    assert set(notices.values()) < set(ad.pixels)
    assert len(ad.pixels) == MAX_PIXELS


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(bid("<html><script>1</script></html>"), id="HTML"),
        pytest.param(bid("<VAST version='4.2'/>"), id="VAST"),
        pytest.param(bid('{"native": 7}'), id="no native ad"),
        pytest.param(bid('{"native": {}, "native": {}}'), id="a key twice"),
        pytest.param(bid("[" * 5000), id="deep"),
        pytest.param(bid(adm=None), id="no markup"),
        pytest.param(bid(adm=native()), id="markup that is no text"),
        pytest.param(bid(native(jstracker="<script>")), id="a script to run"),
        pytest.param(
            bid(native(eventtrackers=[{"event": 1, "method": 2, "url": SHOP}])), id="another"
        ),
        pytest.param(bid(native(assets=[])), id="no title"),
        pytest.param(bid(native(assets=[{"title": {"text": "x" * 601}}])), id="a long title"),
        pytest.param(bid(native(assets=[{"title": "Shoes"}])), id="a title that is no object"),
        pytest.param(bid(native(assets={"title": "x"})), id="assets that are no array"),
        pytest.param(bid(native(link=None)), id="no link"),
        pytest.param(bid(native(link={"url": "javascript:1"})), id="a link to a script"),
        pytest.param(bid(native(imptrackers="https://x.example")), id="trackers in no array"),
        pytest.param(bid(price=None), id="no price"),
        pytest.param(bid(price=-1), id="a price below nothing"),
        pytest.param(bid(price=1e308), id="a price of 1e308"),
        pytest.param(bid(id=None), id="no id"),
        pytest.param(bid(impid="3"), id="an impression that nobody asked for"),
        pytest.param(bid(impid=["1"]), id="an impression that is no text"),
        pytest.param(bid(impid=None), id="no impression"),
        pytest.param(None, id="null"),
    ],
)
def test_a_bid_that_is_not_fit_is_refused_alone(spoilt: Any) -> None:
    assert read_bids(spoilt, most=2) == (Why.MALFORMED, ())

    why, ads = read_bids(spoilt, bid(id="b2", impid="2"), most=2)
    assert why is Why.FILLED
    assert [ad.id for ad in ads] == ["b2"]


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ({"cur": "USD"}, Why.FILLED),
        ({"cur": None}, Why.FILLED),
        ({"cur": "EUR"}, Why.MALFORMED),
        ({"cur": ["USD"]}, Why.MALFORMED),
        ({"id": "q2"}, Why.MALFORMED),
        ({"id": None}, Why.MALFORMED),
        ({"bidid": ["x"]}, Why.MALFORMED),
        ({"seatbid": [7]}, Why.MALFORMED),
        ({"seatbid": [{"bid": []}]}, Why.EMPTY),
        ({"seatbid": [], "cur": "EUR"}, Why.EMPTY),
        ({"seatbid": [], "nbr": 2}, Why.EMPTY),
    ],
)
def test_the_answer_must_be_one_to_the_question(field: dict[str, Any], why: Why) -> None:
    assert read_bids(bid(), **field)[0] is why


def test_the_highest_bid_wins_an_impression_and_the_order_is_the_answers() -> None:
    why, ads = read_bids(
        bid(id="low", impid="2", price=1),
        bid(id="other", impid="1", price=0.5),
        bid(id="high", impid="2", price=2),
        bid(id="as high", impid="2", price=2),
        bid("<html>", id="highest, but unfit", impid="2", price=9),
        most=2,
    )

    assert why is Why.FILLED
    assert [ad.id for ad in ads] == ["other", "high"]


def test_ids_and_creatives_are_taken_once() -> None:
    _, ads = read_bids(
        bid(id="b1", impid="1", price=3, crid="shoes"),
        bid(id="b2", impid="2", price=2, crid="shoes"),
        bid(id="b1", impid="2", price=1, crid="boots"),
        bid(id="b3", impid="2", price=1, crid="socks"),
        most=2,
    )

    assert [ad.id for ad in ads] == ["shoes", "socks"]


def test_a_bid_below_the_floor_is_left_out() -> None:
    assert read_bids(bid(price=0.2499999), floor=250_000) == (Why.EMPTY, ())
    assert read_bids(bid(price=0.25), floor=250_000)[0] is Why.FILLED
