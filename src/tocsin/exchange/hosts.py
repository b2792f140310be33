"""Which addresses a demand source may be asked at, looked at when the connection is made."""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import Final

from tocsin.webpush.endpoint import address_is_loopback, address_is_private, address_is_public

_ENTRY: Final = re.compile(
    r"(?P<host>[a-z0-9_](?:[a-z0-9._-]{0,252})|\[[0-9a-f:.]+\]):(?P<port>[1-9][0-9]{0,4})"
)


class BadExchangeHost(ValueError):
    """An entry of the operator's list of demand sources cannot be read; says which."""


class ExchangeHosts:
    """The demand sources that the operator has on addresses of their own.

    An entry is a host with its port: ``ads.internal:8080``, ``127.0.0.1:9000`` or ``[fd00::1]:80``.
    Private addresses and those of this machine are permitted there, and nowhere else.
    Raises BadExchangeHost.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._listed = frozenset(_read(entry.strip().lower()) for entry in entries)

    def may_connect(self, host: str, address: str, port: int) -> bool:
        """Return whether a source at *host* may be asked at *address*, an IP address as text.

        host: without the brackets of an IPv6 address. Link-local addresses, at which clouds give
        out credentials, are permitted to nobody.
        """
        if address_is_public(address):
            return True
        is_own = address_is_loopback(address) or address_is_private(address)
        return is_own and (_plain(host.lower()), port) in self._listed


def _read(entry: str) -> tuple[str, int]:
    match = _ENTRY.fullmatch(entry)
    port = int(match["port"]) if match else 0
    if match is not None and port <= 65535:
        host = match["host"]
        try:
            return (str(IPv6Address(host[1:-1])) if host.startswith("[") else host), port
        except ValueError:
            pass
    raise BadExchangeHost(f"{entry!r} is not host:port")


def _plain(host: str) -> str:
    """Return *host*, an IPv6 address in its shortest spelling."""
    try:
        return str(IPv6Address(host))
    except ValueError:
        return host
