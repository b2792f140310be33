"""Where demand sources may be asked: the public internet, and what the operator lists."""

import pytest

from tocsin.exchange.hosts import BadExchangeHost, ExchangeHosts

OWN = ExchangeHosts(["Ads.Internal:8080", "127.0.0.1:9000", "[FD00:0::1]:80", "localhost:9000"])


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("ads.example", "93.184.215.14", 443),
        ("ads.example", "93.184.215.14", 8080),
        ("ads.example", "2606:4700::6810:84e5", 80),
        ("ads.internal", "10.1.2.3", 8080),
        ("ADS.internal", "192.168.7.1", 8080),
        ("ads.internal", "172.16.0.1", 8080),
        ("ads.internal", "100.64.0.1", 8080),
        ("ads.internal", "fd12::1", 8080),
        ("ads.internal", "127.0.0.1", 8080),
        ("ads.internal", "::1", 8080),
        ("ads.internal", "93.184.215.14", 8080),
        ("127.0.0.1", "127.0.0.1", 9000),
        ("fd00::1", "fd00::1", 80),
        ("localhost", "::1", 9000),
    ],
)
def test_what_may_be_connected_to(host: str, address: str, port: int) -> None:
    assert OWN.may_connect(host, address, port)


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        pytest.param("ads.example", "10.1.2.3", 8080, id="another name on a private address"),
        pytest.param("ads.internal", "10.1.2.3", 80, id="another port"),
        pytest.param("localhost", "127.0.0.1", 80, id="another port of this machine"),
        pytest.param("ads.example", "127.0.0.1", 9000, id="another name for this machine"),
        pytest.param("ads.internal", "169.254.169.254", 8080, id="link-local"),
        pytest.param("ads.internal", "fe80::1", 8080, id="link-local of IPv6"),
        pytest.param("ads.internal", "::", 8080, id="this host by its unset address"),
        pytest.param("ads.internal", "224.0.0.1", 8080, id="multicast"),
        pytest.param("ads.internal", "255.255.255.255", 8080, id="broadcast"),
        pytest.param("ads.example", "::ffff:127.0.0.1", 443, id="loopback, mapped"),
        pytest.param("ads.example", "::ffff:10.0.0.1", 443, id="private, mapped"),
        pytest.param("ads.example", "64:ff9b::7f00:1", 443, id="loopback behind NAT64"),
        pytest.param("ads.internal", "no address", 8080, id="no address"),
    ],
)
def test_what_may_not(host: str, address: str, port: int) -> None:
    assert not OWN.may_connect(host, address, port)


def test_nothing_of_ones_own_is_asked_unlisted() -> None:
    assert not ExchangeHosts().may_connect("localhost", "127.0.0.1", 80)
    assert ExchangeHosts().may_connect("ads.example", "93.184.215.14", 80)


@pytest.mark.parametrize(
    "entry",
    [
        *("ads.internal", "*.internal:80", "ads.internal:0", "ads.internal:65536", ":80", "a b:80"),
        *("http://ads.internal:80", "ads.internal:80/feed", "[::1]", "[1::2::3]:80", "::1:80", ""),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(entry: str) -> None:
    with pytest.raises(BadExchangeHost, match="is not host:port"):
        ExchangeHosts([entry])
