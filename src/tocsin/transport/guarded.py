"""What every outgoing libcurl handle has: it goes to its URL and nowhere else, past a guard."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import pycurl

PermitAddress: TypeAlias = Callable[[str, str, int], bool]
"""Asked with host, numeric address and port before each connection."""

NOTHING_OF_LIBCURL: Final = ("Accept:", "Content-Type:", "Expect:")
"""Header lines without a value take libcurl's own of that name away; one that a request brings
itself stands before it and wins."""

# An option of libcurl that pycurl has no name for.
_DISALLOW_USERNAME_IN_URL: Final = 278

# Where distributions keep the roots; a libcurl from a wheel knows only its builder's place.
_SYSTEM_ROOTS: Final = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Arch, Gentoo
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, RHEL
    Path("/etc/ssl/ca-bundle.pem"),  # openSUSE
    Path("/etc/ssl/cert.pem"),  # Alpine, macOS, BSD
)


class _HandedOver(socket.socket):
    """A socket that pycurl duplicates for libcurl: ours is closed as soon as it lets go of it."""

    def __del__(self) -> None:
        self.close()


def guarded_easy(*, ca_file: str | None) -> pycurl.Curl:
    """Return a handle without redirects, proxies, netrc and whatever else would lead it elsewhere.

    ca_file: the roots (PEM); None leaves libcurl its own default. The caller sets
    OPENSOCKETFUNCTION to ask its guard.
    """
    easy = pycurl.Curl()
    easy.setopt(pycurl.NOSIGNAL, 1)
    easy.setopt(pycurl.USERAGENT, "")
    easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
    easy.setopt(pycurl.PATH_AS_IS, 1)
    easy.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    easy.setopt(_DISALLOW_USERNAME_IN_URL, 1)
    easy.setopt(pycurl.FOLLOWLOCATION, 0)
    easy.setopt(pycurl.PROXY, "")
    easy.setopt(pycurl.NOPROXY, "*")
    easy.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
    easy.setopt(pycurl.SSL_VERIFYPEER, 1)
    easy.setopt(pycurl.SSL_VERIFYHOST, 2)
    easy.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    easy.setopt(pycurl.DNS_CACHE_TIMEOUT, 60)
    if ca_file:
        easy.setopt(pycurl.CAINFO, ca_file)
    return easy


def is_permitted(permit: PermitAddress, url: str, address: pycurl.CurlSockAddr) -> bool:
    """Return whether *permit* lets the request of *url* go to *address*."""
    # libcurl's own reading of the URL: a second parser could see another host in it.
    host = (pycurl.CurlUrl(url).host or "").strip("[]")
    return permit(host, *address.addr[:2])


def open_socket(address: pycurl.CurlSockAddr) -> socket.socket | int:
    """Return a socket for *address* as OPENSOCKETFUNCTION gives it back."""
    try:
        return _HandedOver(address.family, address.socktype, address.protocol)
    except OSError:  # no descriptor left
        return pycurl.SOCKET_BAD


def system_roots() -> str | None:
    """Return the system's file of root certificates; None leaves libcurl its own default."""
    return next((str(path) for path in _SYSTEM_ROOTS if path.is_file()), None)
