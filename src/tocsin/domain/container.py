"""Containers: an app or site with its tag, its key and its VAPID pair."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class Container:
    """One container. key is public: it stands in the tag. origins: as browsers send them."""

    id: int
    root_id: int
    account_id: int
    name: str
    type: str
    key: str
    origins: tuple[str, ...]
    vapid_key_id: int
    vapid_public_key: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the host names of the origins, in their order."""
        return tuple(urlsplit(origin).hostname or "" for origin in self.origins)


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A VAPID pair at rest: the private half is sealed for its container."""

    id: int
    container_id: int
    public_key: str
    sealed_private: bytes


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
