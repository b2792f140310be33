"""Origins are written as browsers send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.container import Container, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("https://www.example.com/", "https://www.example.com"),
        ("HTTPS://WWW.Example.COM", "https://www.example.com"),
        ("https://www.example.com:443", "https://www.example.com"),
        ("http://localhost:80/", "http://localhost"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://www.example.com:80", "https://www.example.com:80"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_an_origin(url: str, origin: str) -> None:
    assert origin_of(url) == origin
    assert origin_of(origin) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "null",
        "*",
        "www.example.com",
        "//www.example.com",
        "ftp://www.example.com",
        "https://",
        "https://www.example.com/shop",
        "https://www.example.com?a",
        "https://www.example.com/#a",
        "https://me@www.example.com",
        "https://*.example.com",
        "https://www.example.com:0",
        "https://www.example.com:65536",
        "https://www.example.com:x",
        "https://[::1",
        "https://www. example.com",
        "https://www.exam\tple.com",
        "https://www.example.com\n",
        "https://a,b",
        pytest.param("https://bücher.example", id="browsers send xn--bcher-kva.example"),
    ],
)
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        origin_of(url)


@given(st.text() | st.text().map("https://{}".format))
def test_whatever_is_given_is_an_origin_or_refused(url: str) -> None:
    try:
        origin = origin_of(url)
    except ValueError:
        return
    assert origin_of(origin) == origin


def test_the_hosts_are_those_of_the_origins() -> None:
    one = Container(
        id=1,
        root_id=1,
        account_id=1,
        name="Shop",
        type="web",
        key="k",
        origins=("https://www.example.com", "http://localhost:8080"),
        vapid_key_id=1,
        vapid_public_key="P",
    )

    assert one.hosts == ("www.example.com", "localhost")
