"""Virtual subscribers: browsers that exist only as arithmetic on a seed and a number.

Keys, auth secret, path and attributes of subscriber *n* all follow from the seed, so a
push service that is started again with the same seed knows every subscriber without
having stored one.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from typing import Final, Generic, TextIO, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from tocsin.webpush import base64url, vapid

T = TypeVar("T")

PATH_PREFIX: Final = "/push/"
_PATH: Final = re.compile(
    r"/push/(?P<n>0|[1-9][0-9]{0,17})/(?P<token>[A-Za-z0-9_-]{16})(?:/(?P<key>[A-Za-z0-9_-]{16}))?"
)
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CURVE: Final = ec.SECP256R1()
_KEYS_KEPT: Final = 65_536


class Weighted(Generic[T]):
    """Values with weights, to be picked from by a number."""

    def __init__(self, weights: Mapping[T, int]) -> None:
        self._values = list(weights)
        self._ends = list(accumulate(weights.values()))
        if not self._ends or self._ends[-1] <= 0 or min(weights.values()) < 0:
            raise ValueError("weights must be whole numbers, not all of them 0")

    def pick(self, number: int) -> T:
        """Return the value that *number*, any natural number, falls on."""
        return self._values[bisect_right(self._ends, number % self._ends[-1])]


# Country, time zone and language go together; browser and operating system too.
PLACES: Final = Weighted(
    {
        ("US", "America/New_York", "en"): 18,
        ("US", "America/Los_Angeles", "en"): 10,
        ("US", "America/Chicago", "es"): 4,
        ("GB", "Europe/London", "en"): 8,
        ("DE", "Europe/Berlin", "de"): 12,
        ("FR", "Europe/Paris", "fr"): 9,
        ("ES", "Europe/Madrid", "es"): 7,
        ("BR", "America/Sao_Paulo", "pt-BR"): 9,
        ("RS", "Europe/Belgrade", "sr"): 6,
        ("IN", "Asia/Kolkata", "en"): 9,
        ("JP", "Asia/Tokyo", "ja"): 6,
        ("AU", "Australia/Sydney", "en"): 2,
    }
)
MACHINES: Final = Weighted(
    {
        ("Chrome", "Android"): 44,
        ("Chrome", "Windows"): 24,
        ("Chrome", "macOS"): 7,
        ("Safari", "iOS"): 8,
        ("Safari", "macOS"): 4,
        ("Firefox", "Windows"): 5,
        ("Firefox", "Linux"): 2,
        ("Edge", "Windows"): 6,
    }
)
APPLICATIONS: Final = {"www.example.com": 7, "news.example.com": 2, "shop.example.com": 1}


@dataclass(frozen=True, slots=True)
class VirtualSubscriber:
    """One browser's half of a subscription."""

    n: int
    receiver_key: ec.EllipticCurvePrivateKey
    auth: bytes
    token: str

    def path(self, vapid_public_key: str | None = None) -> str:
        """Return the path of its endpoint; with a key, one that takes only that key."""
        bound = f"/{fingerprint(vapid_public_key)}" if vapid_public_key else ""
        return f"{PATH_PREFIX}{self.n}/{self.token}{bound}"

    def subscription(self, base_url: str, vapid_public_key: str | None = None) -> dict[str, object]:
        """Return the PushSubscription as a browser would send it to the server."""
        return {
            "endpoint": base_url.rstrip("/") + self.path(vapid_public_key),
            "keys": {
                "p256dh": vapid.public_key_text(self.receiver_key.public_key()),
                "auth": base64url.encode(self.auth),
            },
        }


class VirtualSubscribers:
    """All the subscribers of one *seed*."""

    def __init__(self, seed: str) -> None:
        self._key = blake2b(seed.encode(), digest_size=32).digest()
        self.get = lru_cache(_KEYS_KEPT)(self._derive)

    def _derive(self, n: int) -> VirtualSubscriber:
        """Return subscriber *n*."""
        raw = blake2b(b"%d" % n, key=self._key, digest_size=60, person=b"subscriber").digest()
        scalar = int.from_bytes(raw[:32], "big") % (_ORDER - 1) + 1
        key = ec.derive_private_key(scalar, _CURVE)
        return VirtualSubscriber(n, key, raw[32:48], base64url.encode(raw[48:]))

    def at(self, path: str) -> tuple[VirtualSubscriber, str | None] | None:
        """Return who lives at *path*, and the fingerprint of the only key they take, if any."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        subscriber = self.get(int(match["n"]))
        return (subscriber, match["key"]) if subscriber.token == match["token"] else None

    def draws(self, n: int) -> tuple[int, int, int, int]:
        """Return four numbers that belong to subscriber *n*, for choosing attributes."""
        raw = blake2b(b"%d" % n, key=self._key, digest_size=32, person=b"attributes").digest()
        first, second, third, fourth = (
            int.from_bytes(raw[at : at + 8], "big") for at in (0, 8, 16, 24)
        )
        return first, second, third, fourth


def fingerprint(vapid_public_key: str) -> str:
    """Return 16 characters that stand for a VAPID public key in an endpoint's path."""
    return base64url.encode(blake2b(vapid_public_key.encode(), digest_size=12).digest())


def write_import_file(
    stream: TextIO,
    *,
    count: int,
    container: str,
    base_url: str,
    seed: str,
    first: int = 0,
    languages: Mapping[str, int] | None = None,
    applications: Mapping[str, int] | None = None,
    vapid_public_key: str | None = None,
) -> None:
    """Write *count* subscribers, from number *first*, as lines of ``subscribers import``.

    container: its id or key. base_url: of the push service. languages, applications:
    weights in place of the built-in ones. vapid_public_key: bind the endpoints to it.
    Two calls with the same arguments write the same bytes.
    """
    subscribers = VirtualSubscribers(seed)
    tongues = Weighted(languages) if languages else None
    hosts = Weighted(applications or APPLICATIONS)
    for n in range(first, first + count):
        place, machine, host, tongue = subscribers.draws(n)
        country, time_zone, language = PLACES.pick(place)
        browser, system = MACHINES.pick(machine)
        line = {
            "subscription": subscribers.get(n).subscription(base_url, vapid_public_key),
            "container": container,
            "remote_user_id": f"virtual-{n}",
            "language": tongues.pick(tongue) if tongues else language,
            "timezone": time_zone,
            "country": country,
            "browser": browser,
            "os": system,
            "application": hosts.pick(host),
        }
        stream.write(json.dumps(line, separators=(",", ":")) + "\n")
