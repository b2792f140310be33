"""Containers: an app or site with its tag, its key and its VAPID pair."""

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tocsin.domain.targeting import is_host

WEB: Final = "web"
TYPES: Final = (WEB, "ios", "android")
MAX_NAME_BYTES: Final = 255
MAX_APPLICATIONS: Final = 100

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+")
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerDraft:
    """A container as ordered. origins: as browsers send them, of a site; bundles: of an app."""

    name: str
    type: str = WEB
    origins: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the host names of the origins, or the names of the bundles, in their order."""
        pages = tuple(urlsplit(origin).hostname or "" for origin in self.origins)
        return pages + tuple(bundle.lower() for bundle in self.bundles)

    @property
    def applications(self) -> tuple[str, ...]:
        """Return what clients call the hosts: with the port where it is not the usual one."""
        shown = dict.fromkeys(map(application_of, self.origins))
        return (*shown, *self.bundles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(ContainerDraft):
    """One container. key is public: it stands in the tag. first_event_ms: None before any."""

    id: int
    root_id: int
    account_id: int
    key: str
    vapid_key_id: int
    vapid_public_key: str
    first_event_ms: int | None = None
    create_ms: int = 0
    update_ms: int = 0


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A VAPID pair at rest: the private half is sealed for its container."""

    id: int
    container_id: int
    public_key: str
    sealed_private: bytes


@dataclass(frozen=True, slots=True)
class RefusedKey:
    """A VAPID pair that a push service refuses: its container is paused there.

    origin: the push service's. status: of the answer that was one refusal too many.
    """

    container_id: int
    vapid_key_id: int
    origin: str
    status: int
    since_ms: int


def origin_of(url: str) -> str:
    """Return the origin of *url* in the form of a browser's Origin header (RFC 6454 section 6.2).

    Raises ValueError when *url* has no http(s) origin, or carries more than an origin.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"{url!r} is not an origin: write a name such as bücher as xn--bcher-kva")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is not an origin: write it as https://www.example.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{url!r} is more than an origin: leave out all after the host and port")
    if not _HOST.fullmatch(parts.hostname) or parts.port == 0:
        raise ValueError(f"{url!r} is not an origin: write it as https://www.example.com")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.port in (None, _PORTS[parts.scheme]):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{parts.port}"


def application_of(origin: str) -> str:
    """Return what clients call the pages of *origin*: host, and port where it is not the usual."""
    return origin.partition("://")[2]


def origin_of_application(text: str) -> str:
    """Return the origin of the pages on the host *text*, which may carry a port.

    They are https, but for those of the machine itself, where browsers trust plain http as well
    (W3C Secure Contexts section 3.1). Raises ValueError.
    """
    found = _HOST_AND_PORT.fullmatch(text)
    if found is not None:
        with suppress(ValueError):
            scheme = "http" if _is_local(found[1]) else "https"
            return origin_of(f"{scheme}://{text}")
    raise ValueError(
        "must be a host name such as www.example.com, without https:// and without a path; "
        "a port may follow, as in localhost:8080"
    )


def _is_local(host: str) -> bool:
    """Return whether *host* is this machine's own. Raises ValueError for what is no host."""
    last_label = host.rpartition(".")[2]
    if host.startswith("[") or last_label.isdigit():
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    if not is_host(host):
        raise ValueError(host)
    return host.lower() == "localhost"
