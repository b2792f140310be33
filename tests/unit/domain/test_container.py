"""Origins are written as browsers send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.container import (
    Container,
    ContainerDraft,
    application_of,
    origin_of,
    origin_of_application,
)


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


@pytest.mark.parametrize(
    ("application", "origin"),
    [
        ("www.example.com", "https://www.example.com"),
        ("WWW.Example.com:443", "https://www.example.com"),
        ("www.example.com:80", "https://www.example.com:80"),
        ("localhost", "http://localhost"),
        ("LocalHost:8080", "http://localhost:8080"),
        ("localhost.example", "https://localhost.example"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("127.1.2.3:80", "http://127.1.2.3"),
        ("192.168.0.1:8080", "https://192.168.0.1:8080"),
        ("[::1]", "http://[::1]"),
        ("[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_application_is_an_origin(application: str, origin: str) -> None:
    assert origin_of_application(application) == origin
    assert origin_of_application(application_of(origin)) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null/",
        "https://www.example.com",
        "//www.example.com",
        "www.example.com/",
        "www.example.com?a",
        "www.example.com#a",
        "me@www.example.com",
        "*.example.com",
        "www.example.com:",
        "www.example.com:0",
        "www.example.com:65536",
        "www.example.com:8a",
        "www.example.com:\u0665",
        "a..example",
        "-a.example",
        "a-.example",
        ".example",
        "a" * 64 + ".example",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "[::1",
        "[::1]x",
        "[::g]",
        "[127.0.0.1",
        "::1",
        "b\u00fccher.example",
        "a b.example",
        "a\tb.example",
        "a.example\n",
    ],
)
def test_what_is_no_application(text: str) -> None:
    with pytest.raises(ValueError, match="must be a host name such as"):
        origin_of_application(text)


@given(st.text() | st.from_regex(r"[a-z0-9.:\[\]-]{1,20}", fullmatch=True))
def test_whatever_is_named_is_an_application_or_refused(text: str) -> None:
    try:
        origin = origin_of_application(text)
    except ValueError:
        return
    assert origin_of(origin) == origin
    assert origin_of_application(application_of(origin)) == origin


def test_applications_are_what_clients_call_the_hosts() -> None:
    site = ContainerDraft(
        name="Site", origins=("http://a.example", "https://a.example", "https://b.example:81")
    )
    app = ContainerDraft(name="App", type="ios", bundles=("com.Example.news",))

    assert site.applications == ("a.example", "b.example:81")
    assert site.hosts == ("a.example", "a.example", "b.example")
    assert (app.applications, app.hosts) == (("com.Example.news",), ("com.example.news",))
