"""Endpoints: which URLs and which addresses a push may be sent to."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple

BUILT_IN: Final = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "updates.push.services.mozilla.com",
    "web.push.apple.com",
    "*.notify.windows.com",
)
MAX_URL_BYTES: Final = 2048

_NAME: Final = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = rf"{_NAME}|\[[0-9a-f:]+\]"
_PORT: Final = r"[1-9][0-9]{0,4}"
# The only form that is read: what RFC 3986 allows, in the one spelling a browser writes.
# Without user-info, fragment, capitals in the host, non-ASCII, backslashes or blanks,
# there is nothing left that two parsers could read differently.
# The quantifiers are possessive: no URL makes the search go back, and most need one step.
_PATH: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]++|%[0-9A-Fa-f]{2})*+"
_QUERY: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]++|%[0-9A-Fa-f]{2})*+"
_URL: Final = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>{_PORT}))?"
    rf"(?P<path>/{_PATH})(?:\?{_QUERY})?"
)
_DOT_SEGMENT: Final = re.compile(r"/(?:\.|%2[Ee]){1,2}(?:/|$)")
_ENTRY: Final = re.compile(rf"(?P<wild>\*\.)?(?P<host>{_HOST})(?::(?P<port>{_PORT}))?")
_DEFAULT_PORT: Final = {"https": 443, "http": 80}


class BadEndpoint(ValueError):
    """The URL is none that a push may be sent to; says why."""


class BadPushHost(ValueError):
    """An entry of the operator's list of push hosts cannot be read; says which."""


class Endpoint(NamedTuple):
    """A URL that a push may be sent to.

    origin: scheme, host and a port that is not the default one: VAPID's audience.
    host: lower-case.
    """

    url: str
    origin: str
    host: str


class PushHosts:
    """The push services that are known: the built-in ones and the operator's.

    An entry is ``push.example.org``, ``*.example.org`` (any depth below) or, with a port,
    ``localhost:8090``: https on that port, and loopback addresses are permitted; plain
    http too when the name itself is one of loopback. Raises BadPushHost.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._parents: set[str] = set()
        self._with_port: set[tuple[str, int]] = set()
        for entry in (*BUILT_IN, *entries):
            self._add(entry.strip().lower())

    def _add(self, entry: str) -> None:
        match = _ENTRY.fullmatch(entry)
        port = int(match["port"] or 0) if match else 0
        if match is None or port > 65535 or (port and match["wild"]):
            raise BadPushHost(f"{entry!r} is not a host, *.host or host:port")
        if port:
            self._with_port.add((match["host"], port))
        elif match["wild"]:
            self._parents.add(match["host"])
        else:
            self._names.add(match["host"])

    def permits(self, host: str, port: int) -> bool:
        """Return whether pushes may go to *host* on *port*."""
        if port == 443 and host in self._names:
            return True
        if self.permits_loopback(host, port):
            return True
        if port != 443:
            return False
        labels = host.split(".")
        return any(".".join(labels[start:]) in self._parents for start in range(1, len(labels)))

    def permits_loopback(self, host: str, port: int) -> bool:
        """Return whether the operator listed *host* with this very *port*."""
        return (host, port) in self._with_port

    def may_connect(self, host: str, address: str, port: int) -> bool:
        """Return whether a push to *host* may go to *address*, an IP address as text.

        Asked when the connection is made, for a name may lead elsewhere by then. host: without
        the brackets of an IPv6 address. A public address is good for every name but those of
        loopback, which alone may be spoken to in plain http; one of this machine's own only
        where the operator listed host and port.
        """
        spelt = f"[{host}]" if ":" in host else host
        if address_is_loopback(address):
            return self.permits_loopback(spelt, port)
        return address_is_public(address) and not _is_loopback_name(spelt)


def parse(url: str, hosts: PushHosts) -> Endpoint:
    """Return the endpoint that *url* names.

    Raises BadEndpoint, with a sentence, for anything but the canonical spelling of an
    https URL on port 443 of a known push service; PushHosts says what an operator may add.
    Source: RFC 8030 section 8.3 (endpoints are capability URLs), RFC 3986 section 3.
    """
    if len(url) > MAX_URL_BYTES:
        raise BadEndpoint(f"the endpoint is longer than {MAX_URL_BYTES} bytes")
    match = _URL.fullmatch(url)
    if match is None:
        raise BadEndpoint("the endpoint is not an absolute https URL in its canonical spelling")
    if _DOT_SEGMENT.search(match["path"]):
        raise BadEndpoint("the endpoint's path has dot segments")
    scheme, host = match["scheme"], match["host"]
    port = int(match["port"] or _DEFAULT_PORT[scheme])
    if len(host) > 253 or port > 65535:
        raise BadEndpoint("the endpoint's host or port is longer than the internet allows")
    if match["port"] and port == _DEFAULT_PORT[scheme]:
        raise BadEndpoint("the endpoint names the port that its scheme has anyway")
    if not hosts.permits(host, port):
        raise BadEndpoint(
            f"{host} port {port} is not a known push service (TOCSIN_PUSH_HOSTS adds one)"
        )
    if scheme == "http" and not (_is_loopback_name(host) and hosts.permits_loopback(host, port)):
        raise BadEndpoint("the endpoint is not https")
    origin = f"{scheme}://{host}" + (f":{port}" if match["port"] else "")
    return Endpoint(url, origin, host)


# IANA special-purpose registries, what is not globally reachable by unicast. The standard
# library's is_global is of no use here: on Python 3.11 it calls multicast, ::127.0.0.1,
# 2002:7f00:1:: and 64:ff9b::7f00:1 global.
_DENIED_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")  # all that IANA has given out for global unicast
_DENIED_V6: Final = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "3fff::/20")
)
# Where an IPv6 address carries an IPv4 one, and how far to shift to get it.
_EMBEDDED: Final = (
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped (RFC 4291 section 2.5.5.2)
    (IPv6Network("::/96"), 0),  # compatible (section 2.5.5.1)
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052)
    (IPv6Network("2002::/16"), 80),  # 6to4 (RFC 3056)
)
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214 section 6.1
_LOOPBACK_V4: Final = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6: Final = IPv6Address("::1")
_PRIVATE_V4: Final = tuple(
    IPv4Network(network)  # RFC 1918, and RFC 6598 for carriers
    for network in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
)
_PRIVATE_V6: Final = IPv6Network("fc00::/7")  # RFC 4193


def address_is_public(address: str) -> bool:
    """Return whether *address* is a unicast address of the public internet.

    An IPv4 address inside an IPv6 one is judged as itself. What is no address, or has
    a zone, is not public.
    """
    found = _read_address(address)
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _DENIED_V4)
    if found is None or found not in _GLOBAL_V6:
        return False
    if (int(found) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return address_is_public(str(IPv4Address(int(found) & 0xFFFF_FFFF)))
    return not any(found in network for network in _DENIED_V6)


def address_is_loopback(address: str) -> bool:
    """Return whether *address* is one of this machine's loopback addresses."""
    found = _read_address(address)
    if isinstance(found, IPv4Address):
        return found in _LOOPBACK_V4
    return found == _LOOPBACK_V6


def address_is_private(address: str) -> bool:
    """Return whether *address* is one of a private network, which only a site's own hosts reach."""
    found = _read_address(address)
    if isinstance(found, IPv4Address):
        return any(found in network for network in _PRIVATE_V4)
    return found is not None and found in _PRIVATE_V6


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that *text* names, unwrapped, or None."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv4Address) or found in (_LOOPBACK_V6, IPv6Address("::")):
        return found
    if found.scope_id is not None:
        return None
    for network, shift in _EMBEDDED:
        if found in network:
            return IPv4Address((int(found) >> shift) & 0xFFFF_FFFF)
    return found


def _is_loopback_name(host: str) -> bool:
    return host == "localhost" or address_is_loopback(host.strip("[]"))
