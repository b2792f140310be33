"""Where a demand source may be, and which headers it may be sent."""

from typing import Any

import jsonschema_rs
import pytest

from tocsin.domain.errors import Fault
from tocsin.web.hood.fields import Place, Reader, RefusedError
from tocsin.web.hood.zone_fields import MASK, headers, source


def read(reader: Reader, value: Any) -> tuple[Any, list[Fault]]:
    """Return what is read of *value*, and what is wrong with it."""
    faults: list[Fault] = []
    try:
        return reader(value, Place("at", faults)), faults
    except RefusedError as refusal:
        return None, [Fault("at", str(refusal)), *faults]


@pytest.mark.parametrize(
    "url",
    [
        "https://ads.example.com/feed",
        "http://ads.example.com",
        "HTTPS://Ads.Example.COM:8443/feed?zone=1&key=a%20b",
        "https://xn--bcher-kva.example/x",
        "https://my_feed.example/",
        "http://exchange:8080/bid",
        "https://93.184.216.34/feed",
        "https://[2606:4700::1111]/feed",
    ],
)
def test_a_url_that_a_demand_source_may_be_at(url: str) -> None:
    assert read(source, url) == (url, [])
    assert jsonschema_rs.is_valid(source.schema, url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "absolute"),
        (7, "must be text"),
        ("ads.example.com/feed", "absolute"),
        ("//ads.example.com/feed", "absolute"),
        ("ftp://ads.example.com/feed", "absolute"),
        ("https:///feed", "absolute"),
        ("https://me:5ecret@ads.example.com/", "user name"),
        ("https://me@ads.example.com/", "user name"),
        ("https://ads.example.com/#top", "fragment"),
        ("https://ads.example.com/a b", "blanks"),
        ("https://ads.example.com/\r\nHost: x", "blanks"),
        ("https://ads.example.com/\x00", "blanks"),
        ("https://ads.example.com\\@x.example/", "backslashes"),
        ("https://bücher.example/", "ASCII"),
        ("https://ads.example.com/ž", "ASCII"),
        ("https://ads。example.com/", "ASCII"),
        ("https://ads.example.com:99999/", "port"),
        ("https://ads.example.com/" + "a" * 2025, "2048 bytes"),
        ("https://127.0.0.1/", "public internet"),
        ("https://10.1.2.3/", "public internet"),
        ("https://169.254.169.254/latest", "public internet"),
        ("https://[::1]/", "public internet"),
        ("https://[::ffff:10.0.0.1]/", "public internet"),
        ("https://[64:ff9b::7f00:1]/", "public internet"),
        ("https://127.1/", "public internet"),
        ("https://2130706433/", "public internet"),
        ("https://0x7f000001/", "public internet"),
        ("https://0177.0.0.1/", "public internet"),
        ("https://ads.example.com./", "public internet"),
        ("https://-ads.example.com/", "public internet"),
        ("https://ads..example.com/", "public internet"),
        ("https://" + "a." * 127 + "com/", "public internet"),
    ],
)
def test_a_url_that_it_may_not_be_at(url: Any, words: str) -> None:
    found, (fault,) = read(source, url)

    assert found is None
    assert words in fault.message


def test_headers_come_back_in_lower_case() -> None:
    sent = {"Authorization": "Bearer a b", "X-Empty": None, "x_odd!": "~", "Cookie": "a=1;\tb=2"}

    assert read(headers(), sent) == (
        {"authorization": "Bearer a b", "x_odd!": "~", "cookie": "a=1;\tb=2"},
        [],
    )
    assert jsonschema_rs.is_valid(headers().schema, sent)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "x.example"),
        ("CONTENT-LENGTH", "5"),
        ("Connection", "close"),
        ("Transfer-Encoding", "chunked"),
        ("Proxy-Authorization", "x"),
        ("", "x"),
        ("X Key", "x"),
        ("X-Key:", "x"),
        ("X-Key\r\nHost", "x"),
        ("Ключ", "x"),
        ("X-\u212aey", "x"),  # the sign of kelvins, which is a k in lower case
        ("Host", None),
        ("X-Key", ""),
        ("X-Key", " 5ecret"),
        ("X-Key", "5ecret "),
        ("X-Key", "5ecret\r\nHost: x"),
        ("X-Key", "5ecret\n"),
        ("X-Key", "5ecret\x00"),
        ("X-Key", "5ecret\x7f"),
        ("X-Key", "5ecretž"),
        ("X-Key", 5),
        ("X-Key", True),
        ("X-Key", ["5ecret"]),
        ("X-Key", MASK),
    ],
)
def test_a_header_that_is_refused_without_its_value(name: str, value: Any) -> None:
    found, (fault,) = read(headers(), {name: value})

    assert found == {}
    assert fault.field.startswith("at.")
    assert "5ecret" not in fault.message


def test_of_two_spellings_of_a_name_one_is_refused() -> None:
    _, faults = read(headers(), {"X-Key": "a", "x-key": "b"})

    assert [fault.field for fault in faults] == ["at.x-key"]


@pytest.mark.parametrize("value", [[], "X-Key: a", 5, True])
def test_headers_that_are_none(value: Any) -> None:
    assert len(read(headers(), value)[1]) == 1


def test_there_are_bounds_to_number_and_length() -> None:
    twenty = {f"x-{number}": "a" for number in range(20)}
    longest = {"x-key": "a" * (4096 - 5)}

    assert read(headers(), {**twenty, "x-20": None}) == (twenty, [])
    assert "21 headers" in read(headers(), {**twenty, "x-20": "a"})[1][0].message
    assert read(headers(), longest) == (longest, [])
    assert "4097 bytes" in read(headers(), {"x-key": "a" * (4096 - 4)})[1][0].message


def test_a_hostile_body_gets_a_short_answer() -> None:
    _, faults = read(headers(), {f"no name {number}": "x" for number in range(1000)})

    assert len(faults) == 21
    assert faults[-1] == Fault("at", "has 980 more faults like these")


def test_the_mask_keeps_what_is_there_and_its_length_counts() -> None:
    kept = headers({"x-key": 4000})

    assert read(kept, {"X-Key": MASK, "Y": "b"}) == ({"x-key": None, "y": "b"}, [])
    assert "4107 bytes" in read(kept, {"X-Key": MASK, "Y": "b" * 101})[1][0].message
    assert [fault.field for fault in read(kept, {"Y": MASK})[1]] == ["at.Y"]
