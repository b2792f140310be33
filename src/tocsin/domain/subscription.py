"""A subscriber with the subscription that reaches them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tocsin.domain.subscriber import Attributes


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where and how one browser is reached (RFC 8030 section 4, RFC 8291 section 3.2).

    generation rises whenever the endpoint or its keys change, so that an answer about the old
    one cannot touch the new one. vapid_key_id: the pair that the browser subscribed with.
    """

    endpoint: str
    p256dh: bytes
    auth: bytes
    vapid_key_id: int
    generation: int = 0

    @property
    def endpoint_hash(self) -> bytes:
        """Return what identifies the endpoint in look-ups."""
        return endpoint_hash(self.endpoint)


def endpoint_hash(endpoint: str) -> bytes:
    """Return 32 bytes that stand for *endpoint*, itself a secret (RFC 8030 section 8.3)."""
    return hashlib.sha256(endpoint.encode()).digest()


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One person's browser.

    id: unsigned 64-bit, the API's user id. ordinal: dense in the tenant.
    """

    root_id: int
    ordinal: int
    id: int
    active: bool
    attributes: Attributes
    subscription: Subscription
    last_seen_ms: int


class Recipient(NamedTuple):
    """What the sender needs of a subscriber. known: the attributes that it asked for beyond."""

    ordinal: int
    language: str | None
    endpoint: str
    p256dh: bytes
    auth: bytes
    vapid_key_id: int
    generation: int
    known: Mapping[str, Any] | None = None
