"""Which endpoints and which addresses a push may go to."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.endpoint import (
    MAX_URL_BYTES,
    BadEndpoint,
    BadPushHost,
    PushHosts,
    address_is_loopback,
    address_is_public,
    parse,
)

BUILT_IN = PushHosts()
HOSTS = PushHosts(
    [
        "push.example.org",
        "*.up.example",
        "localhost:8090",
        "127.0.0.1:8090",
        "[::1]:8090",
        "p.test:8443",
    ]
)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        pytest.param(
            "https://fcm.googleapis.com/fcm/send/a:B-c_d", "https://fcm.googleapis.com", id="FCM"
        ),
        pytest.param(
            "https://jmt17.google.com/fcm/send/a", "https://jmt17.google.com", id="FCM, staging"
        ),
        pytest.param(
            "https://updates.push.services.mozilla.com/wpush/v2/gAAA=",
            "https://updates.push.services.mozilla.com",
            id="Mozilla",
        ),
        pytest.param("https://web.push.apple.com/QGu", "https://web.push.apple.com", id="Apple"),
        pytest.param(
            "https://wns2-par02p.notify.windows.com/w/?token=BQYAA%2fb%3d%3d",
            "https://wns2-par02p.notify.windows.com",
            id="Windows",
        ),
    ],
)
def test_the_known_push_services(url: str, origin: str) -> None:
    endpoint = parse(url, BUILT_IN)

    assert (endpoint.url, endpoint.origin) == (url, origin)
    assert endpoint.host == origin.removeprefix("https://")


@pytest.mark.parametrize(
    ("url", "origin", "host", "loopback"),
    [
        pytest.param(
            "https://push.example.org/1",
            "https://push.example.org",
            "push.example.org",
            False,
            id="host",
        ),
        pytest.param(
            "https://a.b.up.example/1",
            "https://a.b.up.example",
            "a.b.up.example",
            False,
            id="depth",
        ),
        pytest.param(
            "http://localhost:8090/1", "http://localhost:8090", "localhost", True, id="http"
        ),
        pytest.param(
            "https://localhost:8090/1", "https://localhost:8090", "localhost", True, id="https"
        ),
        pytest.param(
            "http://127.0.0.1:8090/1", "http://127.0.0.1:8090", "127.0.0.1", True, id="IPv4"
        ),
        pytest.param("http://[::1]:8090/1", "http://[::1]:8090", "[::1]", True, id="IPv6"),
        pytest.param("https://p.test:8443/1", "https://p.test:8443", "p.test", True, id="port"),
    ],
)
def test_the_operators_push_hosts(url: str, origin: str, host: str, loopback: bool) -> None:
    endpoint = parse(url, HOSTS)

    port = urlsplit(url).port or 443
    assert (endpoint.origin, endpoint.host) == (origin, host)
    assert HOSTS.permits_loopback(host, port) is loopback


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fcm.googleapis.com/1",
        "//fcm.googleapis.com/1",
        "http://fcm.googleapis.com/1",
        "HTTPS://fcm.googleapis.com/1",
        "https://FCM.googleapis.com/1",
        "https://fcm.googleapis.com",
        "https://fcm.googleapis.com?x",
        "https://fcm.googleapis.com:443/1",
        "https://fcm.googleapis.com:80/1",
        "https://fcm.googleapis.com:8443/1",
        "https://fcm.googleapis.com:0443/1",
        "https://fcm.googleapis.com:/1",
        "https://fcm.googleapis.com:99999/1",
        "https://fcm.googleapis.com./1",
        "https://fcm.googleapis.com.evil.example/1",
        "https://evil.example/fcm.googleapis.com",
        "https://notify.windows.com/1",
        "https://xnotify.windows.com/1",
        "https://.notify.windows.com/1",
        "https://-a.notify.windows.com/1",
        "https://a_b.notify.windows.com/1",
        "https://" + "a" * 64 + ".notify.windows.com/1",
        "https://" + "a." * 130 + "notify.windows.com/1",
        "https://user@fcm.googleapis.com/1",
        "https://user:secret@fcm.googleapis.com/1",
        "https://fcm.googleapis.com@evil.example/1",
        "https://evil.example#@fcm.googleapis.com/1",
        "https://fcm.googleapis.com/1#fragment",
        "https://fcm.googleapis.com/1#",
        "https://fcm.googleapis.com\\@evil.example/1",
        "https:\\\\fcm.googleapis.com\\1",
        "https://fcm.googleapis.com/1\t",
        "https://fcm.goo\tgleapis.com/1",
        "https://fcm.googleapis.com/1\n",
        " https://fcm.googleapis.com/1",
        "https://fcm.googleapis.com/a b",
        "https://fcm.googleapis.com/\u00e9",
        "https://fcm.googleapis.com/\x00",
        "https://fcm%2egoogleapis.com/1",
        "https://fcm\u3002googleapis.com/1",
        "https://fcm\uff0egoogleapis\uff0ecom/1",
        "https://\u24d5cm.googleapis.com/1",
        "https://fcm.googleapis.com/a/../b",
        "https://fcm.googleapis.com/a/%2e%2E/b",
        "https://fcm.googleapis.com/.",
        "https://fcm.googleapis.com/a/..",
        "https://fcm.googleapis.com/%zz",
        "https://fcm.googleapis.com/%2",
        "https://fcm.googleapis.com/{a,b}",
        "https://fcm.googleapis.com/[1-9]",
        "https://fcm.googleapis.com/" + "a" * MAX_URL_BYTES,
        "https://127.1/1",
        "https://127.0.0.1/1",
        "https://0x7f000001/1",
        "https://2130706433/1",
        "https://0177.0.0.1/1",
        "https://\u2460\u2461\u2466.0.0.1/1",
        "https://[::ffff:127.0.0.1]/1",
        "https://[2002:7f00:1::]/1",
        "https://[64:ff9b::7f00:1]/1",
        "https://[::127.0.0.1]/1",
        "https://[::1]/1",
        "https://localhost/1",
        "http://localhost:8090/1",
        "ftp://fcm.googleapis.com/1",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(BadEndpoint):
        parse(url, BUILT_IN)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://p.test:8443/1", id="http to a name that is not loopback's"),
        pytest.param("http://localhost:8091/1", id="another port"),
        pytest.param("https://localhost/1", id="no port"),
        pytest.param("http://push.example.org/1", id="http to an entry without a port"),
        pytest.param("https://up.example/1", id="the parent of a wild card"),
        pytest.param("http://127.1:8090/1", id="the short form of a listed address"),
        pytest.param("http://[0:0:0:0:0:0:0:1]:8090/1", id="the long form of a listed address"),
    ],
)
def test_what_the_operators_list_does_not_permit(url: str) -> None:
    with pytest.raises(BadEndpoint):
        parse(url, HOSTS)


@given(
    url=st.from_regex(r"https?://[a-z.@\\:/#?%2eA\t]{0,30}", fullmatch=True) | st.text(max_size=80)
)
def test_what_passes_names_a_known_host_and_nothing_else(url: str) -> None:
    try:
        endpoint = parse(url, HOSTS)
    except BadEndpoint:
        return

    assert url.startswith((endpoint.origin + "/",))


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "*.",
        "https://push.example.org",
        "push.example.org/",
        "a b",
        "*.example.org:8090",
        "a:0",
        "a:65536",
        "a:",
        "a..b",
        "user@a",
    ],
)
def test_what_is_no_push_host(entry: str) -> None:
    with pytest.raises(BadPushHost):
        PushHosts([entry])


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "2001:4860::8888",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_public_addresses(address: str) -> None:
    assert address_is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.255.255.255",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::5",
        "2606:4700::5efe:7f00:1",
        "2606:4700::200:5efe:a00:1",
        "3fff::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "5f00::1",
        "",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "localhost",
        "8.8.8.8 ",
        "[::1]",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not address_is_public(address)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("8.8.8.8", False),
        ("::", False),
        ("fe80::1", False),
        ("", False),
    ],
)
def test_loopback(address: str, loopback: bool) -> None:
    assert address_is_loopback(address) is loopback


@pytest.mark.parametrize(
    ("url", "address", "may"),
    [
        pytest.param("https://push.example.org/1", "8.8.8.8", True, id="public"),
        pytest.param("https://push.example.org/1", "127.0.0.1", False, id="rebound to loopback"),
        pytest.param("https://push.example.org/1", "10.0.0.1", False, id="rebound to the inside"),
        pytest.param("https://p.test:8443/1", "127.0.0.1", True, id="listed with its port"),
        pytest.param("https://p.test:8443/1", "8.8.8.8", True, id="listed with its port, public"),
        pytest.param("https://p.test:8443/1", "10.0.0.1", False, id="listed with its port, inside"),
        pytest.param("http://localhost:8090/1", "::1", True, id="http on this machine"),
        pytest.param("http://localhost:8090/1", "8.8.8.8", False, id="http never leaves it"),
        pytest.param("http://[::1]:8090/1", "::1", True, id="IPv6, whose brackets are gone"),
        pytest.param("http://[::1]:8090/1", "2600::1", False, id="IPv6, and never leaves it"),
    ],
)
def test_may_connect(url: str, address: str, may: bool) -> None:
    parts = urlsplit(parse(url, HOSTS).url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    assert HOSTS.may_connect(parts.hostname or "", address, port) is may
