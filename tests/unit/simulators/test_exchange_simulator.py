"""The demand source as the server and devices meet it: over real connections."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import signal
import socket
import subprocess
import sys
import time
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from programs import Program
from tocsin.cli.simulate import simulate
from tocsin.domain.draw import Why
from tocsin.machine.clock import SystemClock
from tocsin.simulators.exchange import Exchange
from tocsin.simulators.exchange_checks import read_feed
from tocsin.web.hood.fields import read_body_of
from tocsin.web.hood.zones import ZONE

if TYPE_CHECKING:
    from conftest import Buyer

BOTH = pytest.mark.parametrize("protocol", ["feed", "openrtb"])


def test_a_feed_sells_ads(buyer: Buyer) -> None:
    at = buyer.exchange.base_url
    why, (first, second) = buyer.buy("feed", language="pt")

    assert why is Why.FILLED
    assert (first.id, first.title, first.url) == ("ad-1", "Ad 1", f"{at}/landing/1")
    assert (first.image, first.icon) == (f"{at}/image/1.png", f"{at}/icon/1.png")
    assert (first.pixels, first.price_micros) == ((f"{at}/pixel/1",), 250_000)
    assert (second.id, second.title) == ("ad-2", "Ad 2")


def test_openrtb_sells_ads(buyer: Buyer) -> None:
    at = buyer.exchange.base_url
    why, (first, second) = buyer.buy("openrtb")

    assert why is Why.FILLED
    assert (first.id, first.title, first.url) == ("ad-1", "Ad 1", f"{at}/landing/1")
    assert (first.image, first.icon) == (f"{at}/image/1.png", f"{at}/icon/1.png")
    assert (first.body, first.price_micros) == ("What ad 1 has to say", 250_000)
    assert first.pixels == (f"{at}/pixel/1?price=0.25",)
    assert second.id == "ad-2"


@BOTH
def test_ads_are_bid_at_the_floor_at_least(buyer: Buyer, protocol: str) -> None:
    buyer.floor = 1_500_000

    why, ads = buyer.buy(protocol, number=1)

    assert (why, [ad.price_micros for ad in ads]) == (Why.FILLED, [1_500_000])


@BOTH
def test_no_ad_comes_twice(buyer: Buyer, protocol: str) -> None:
    sold = [ad.id for _ in range(3) for ad in buyer.buy(protocol, number=10)[1]]
    assert buyer.ask("POST", "/reset").status == 204
    sold += [ad.id for ad in buyer.buy(protocol, number=10)[1]]

    assert sold == [f"ad-{number}" for number in range(1, 41)]


@BOTH
def test_what_is_shown_and_clicked_is_counted(buyer: Buyer, protocol: str) -> None:
    _, (first, second) = buyer.buy(protocol)
    for url in (first.pixels[0], first.url, second.pixels[0], first.pixels[0]):
        assert buyer.ask("GET", url.removeprefix(buyer.exchange.base_url)).status == 200

    report = buyer.report()
    assert (report["pixels"], report["landings"]) == ({"1": 2, "2": 1}, {"1": 1})
    assert report["violations"] == []


@pytest.mark.parametrize(("part", "size"), [("image", (360, 180)), ("icon", (96, 96))])
def test_pictures_are_png(buyer: Buyer, part: str, size: tuple[int, int]) -> None:
    buyer.buy("feed")
    got = buyer.ask("GET", f"/{part}/1.png")

    assert (got.status, got.headers["Content-Type"]) == (200, "image/png")
    assert got.body.startswith(b"\x89PNG\r\n\x1a\n")
    assert tuple(int.from_bytes(got.body[at : at + 4]) for at in (16, 20)) == size
    at = got.body.index(b"IDAT")
    length = int.from_bytes(got.body[at - 4 : at])
    assert len(zlib.decompress(got.body[at + 4 :][:length])) == (size[0] * 3 + 1) * size[1]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("/pixel/3", "there is no such ad", id="an ad that was never made"),
        pytest.param("/landing/999", "there is no such ad", id="a page of none"),
        pytest.param("/pixel/1?price=${AUCTION_PRICE}", "a macro was not filled", id="a macro"),
    ],
)
def test_what_no_device_may_fetch(buyer: Buyer, path: str, reason: str) -> None:
    buyer.buy("feed")

    assert buyer.ask("GET", path).status == 404
    report = buyer.report()
    assert (report["pixels"], report["landings"]) == ({}, {})
    assert [one["reason"] for one in report["violations"]] == [reason]


def test_the_report_tells_what_was_asked(buyer: Buyer) -> None:
    buyer.fetch("feed", "/feed/of/a/site")
    buyer.fetch("openrtb", number=1, campaign_ids=("11",))

    report = buyer.report()
    assert (report["asked"], report["ads"], report["violation_count"]) == (2, 3, 0)
    assert report["by_protocol"] == {"feed": 1, "openrtb": 1}
    assert report["by_campaign"] == {"11": 2, "12": 1}
    assert report["by_number"] == {"1": 1, "2": 1}
    assert report["statuses"] == {"200": 2}
    feed, openrtb = report["questions"]
    assert (feed["path"], feed["ads"], feed["status"]) == ("/feed/of/a/site", [1, 2], 200)
    assert (feed["said"]["ud_plan"], feed["said"]["cmp"]) == ("gold", "11,12")
    assert openrtb["said"]["site"]["publisher"] == {"id": "42"}
    assert openrtb["ads"] == [3]


@pytest.mark.parametrize(
    ("protocol", "how", "status", "why"),
    [
        ("feed", {"empty": True}, 200, Why.EMPTY),
        ("openrtb", {"empty": True}, 200, Why.EMPTY),
        ("feed", {"answer": 204}, 204, Why.EMPTY),
        ("feed", {"answer": 500}, 500, Why.REFUSED),
        ("feed", {"redirect": "http://127.0.0.1/elsewhere"}, 302, Why.REFUSED),
        ("feed", {"html": True}, 200, Why.MALFORMED),
        ("feed", {"title_bytes": 10_000_000}, 200, Why.MALFORMED),
        ("openrtb", {"title_bytes": 601}, 200, Why.MALFORMED),
        ("feed", {"gzip_bytes": 4_000_000}, 200, Why.MALFORMED),
        ("feed", {"landing": "javascript:alert(1)"}, 200, Why.MALFORMED),
        ("openrtb", {"landing": "javascript:alert(1)"}, 200, Why.MALFORMED),
        ("feed", {"price": "1e308"}, 200, Why.MALFORMED),
        ("openrtb", {"price": "1e308"}, 200, Why.MALFORMED),
        ("openrtb", {"price": "NaN"}, 200, Why.MALFORMED),
        ("openrtb", {"currency": "EUR"}, 200, Why.MALFORMED),
        ("feed", {"currency": "EUR"}, 200, Why.FILLED),
        ("feed", {"drip": {"pieces": 3, "every_ms": 1}}, 200, Why.FILLED),
    ],
)
def test_misbehaviour_and_what_comes_of_it(
    buyer: Buyer, protocol: str, how: dict[str, object], status: int, why: Why
) -> None:
    buyer.behave({"times": 1, **how})

    found, ads = buyer.buy(protocol)

    assert (found, bool(ads)) == (why, why is Why.FILLED)
    assert buyer.report()["statuses"] == {str(status): 1}
    assert buyer.buy(protocol, "/feed2" if protocol == "feed" else "/openrtb2")[0] is Why.FILLED


@BOTH
def test_two_ads_of_one_id_are_one(buyer: Buyer, protocol: str) -> None:
    buyer.behave({"duplicate_ids": True})

    assert len(buyer.buy(protocol)[1]) == 1
    assert buyer.report()["ads"] == 2


def test_a_title_is_as_long_as_told(buyer: Buyer) -> None:
    buyer.behave({"title_bytes": 10_000_000})

    [item] = buyer.fetch("feed", number=1).json()["items"]

    assert len(item["title"]) == 10_000_000


def test_a_bomb_unpacks_to_what_was_told(buyer: Buyer) -> None:
    buyer.behave({"gzip_bytes": 4_000_000})

    got = buyer.fetch("feed")

    assert (got.headers["Content-Encoding"], len(got.body) < 8000) == ("gzip", True)
    assert zlib.decompress(got.body, wbits=31) == bytes(4_000_000)


def test_a_redirect_names_where_to(buyer: Buyer) -> None:
    buyer.behave({"redirect": "http://169.254.169.254/"})

    assert buyer.fetch("feed").headers["Location"] == "http://169.254.169.254/"


def test_a_reset_is_a_reset(buyer: Buyer) -> None:
    buyer.behave({"times": 1, "reset": True})

    with pytest.raises(ConnectionResetError):
        buyer.fetch("feed")
    buyer.connection.close()
    assert buyer.report()["statuses"] == {"0": 1}
    assert buyer.buy("feed")[0] is Why.FILLED


def test_a_delayed_answer_comes_after_its_delay(buyer: Buyer) -> None:
    buyer.behave({"delay_ms": 50})
    began = time.monotonic()

    assert buyer.buy("feed")[0] is Why.FILLED
    assert time.monotonic() - began >= 0.05


def question(buyer: Buyer, *, last: bool) -> bytes:
    host = urlsplit(buyer.exchange.base_url).netloc
    close = "Connection: close\r\n" if last else ""
    return f"GET /feed?num=1&subid=1 HTTP/1.1\r\nHost: {host}\r\n{close}\r\n".encode()


def connected(buyer: Buyer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", buyer.exchange.port), 10)


def test_a_drip_holds_back_what_comes_later(buyer: Buyer) -> None:
    buyer.behave({"times": 1, "drip": {"pieces": 2, "every_ms": 60_000}})
    with connected(buyer) as raw:
        raw.sendall(question(buyer, last=False))
        first = raw.recv(65536)
        head, _, body = first.partition(b"\r\n\r\n")
        length = int(head.rpartition(b" ")[2])

        assert 0 < len(body) < length
        raw.sendall(question(buyer, last=True))
        assert buyer.buy("feed")[0] is Why.FILLED
        assert select.select([raw], [], [], 0) == ([], [], [])


def test_dripped_and_pipelined_answers_are_whole_and_in_order(buyer: Buyer) -> None:
    buyer.behave({"times": 1, "drip": {"pieces": 7, "every_ms": 5}})
    with connected(buyer) as raw:
        raw.sendall(question(buyer, last=False) + question(buyer, last=True))
        answer = b"".join(iter(lambda: raw.recv(65536), b""))

    titles: list[Any] = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(lines[b"Content-Length"])
        titles += [item["title"] for item in json.loads(rest[:length])["items"]]
        answer = rest[length:]
    assert titles == ["Ad 1", "Ad 2"]


def test_rules_do_not_excuse_a_bad_question(buyer: Buyer) -> None:
    buyer.behave({"answer": 500, "times": 1})

    assert buyer.ask("GET", "/feed?num=11&subid=1").status == 400
    assert buyer.fetch("feed").status == 500
    assert buyer.ask("GET", "/behaviour").json()[0]["used"] == 1


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/report"), ("GET", "/reset"), ("GET", "/pixel/0")]
)
def test_other_paths_are_unknown(buyer: Buyer, method: str, path: str) -> None:
    assert buyer.ask(method, path).status == 404


def test_the_command_says_how_a_zone_asks_it() -> None:
    command = [sys.executable, "-m", "tocsin", "simulate", "exchange", "--host", "127.0.0.1"]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE) as process:
        with contextlib.ExitStack() as at_end:
            at_end.callback(process.send_signal, signal.SIGTERM)
            assert process.stdout is not None
            where, let, _, feed, openrtb = (process.stdout.readline().decode() for _ in range(5))
            url = json.loads(feed)["url"]
            at = where.removeprefix("The exchange is listening on ").strip()
            assert at == f"http://127.0.0.1:{urlsplit(url).port}"
            for body in (feed, openrtb):
                assert read_body_of(ZONE, json.loads(body))["url"].startswith("http://localhost:")
            assert let.endswith(f"TOCSIN_EXCHANGE_HOSTS={urlsplit(url).netloc}\n")
            assert json.loads(openrtb)["protocol"] == "openrtb"
            connection = http.client.HTTPConnection(urlsplit(at).netloc, timeout=10)
            at_end.callback(connection.close)
            connection.request("GET", "/feed?num=1&subid=1")
            assert json.loads(connection.getresponse().read())["items"][0]["title"] == "Ad 1"
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [("--public-url", "ads.example"), ("--port", "70000"), ("--tls-cert", __file__)],
)
def test_what_the_command_does_not_take(option: str, value: str) -> None:
    result = CliRunner().invoke(simulate, ["exchange", option, value])

    assert (result.exit_code, option in result.output) == (2, True), result.output


def test_a_port_that_is_taken_is_named(buyer: Buyer) -> None:
    port = str(buyer.exchange.port)

    with Program.start(
        "simulate", "exchange", "--host", "127.0.0.1", "--port", port, ready=None
    ) as program:
        status = program.wait()
        printed = program.output

    assert (status, printed.count("\n")) == (1, 1), printed
    assert f"cannot serve on 127.0.0.1, port {port}: " in printed


def test_devices_may_reach_it_elsewhere() -> None:
    exchange = Exchange(clock=SystemClock(), public_url="https://ads.example/")

    body = json.loads(exchange.sell(read_feed("GET", "num=1&subid=1", b""), "/feed").body)

    assert body["items"][0]["pixels"] == ["https://ads.example/pixel/1"]
