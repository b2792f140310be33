"""The headers of one push request: RFC 8030 section 5."""

import re
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from tocsin.webpush import base64url

MAX_TTL_S: Final = 2_419_200  # four weeks: what push services keep at most

# RFC 8030 section 5.4: at most 32 characters of the URL-safe base64 alphabet.
TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")

_FIXED: Final = ("Content-Type: application/octet-stream", "Content-Encoding: aes128gcm")


class Urgency(StrEnum):
    """How much a message may cost the battery (RFC 8030 section 5.3)."""

    VERY_LOW = "very-low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@lru_cache(maxsize=256)
def headers(*, authorization: str, ttl_s: int, urgency: Urgency, topic: str) -> tuple[str, ...]:
    """Return the header lines of a push, in libcurl's form ``Name: value``.

    Within a second those of a parcel's lane are the same object, whoever asks again: a handle that
    sent them before need not be given them anew.

    authorization: from vapid. ttl_s: seconds, 0 to 2419200. topic: from topic().
    Raises ValueError for a TTL or a topic outside the RFC's bounds.
    Source: RFC 8030 sections 5.2 (TTL), 5.3 (Urgency), 5.4 (Topic); RFC 8291 section 4.
    """
    if not 0 <= ttl_s <= MAX_TTL_S:
        raise ValueError(f"a TTL of {ttl_s} s is not between 0 and {MAX_TTL_S}")
    if TOPIC.fullmatch(topic) is None:
        raise ValueError(f"{topic!r} is not a topic")
    return (
        *_FIXED,
        f"TTL: {ttl_s}",
        f"Urgency: {urgency.value}",
        f"Topic: {topic}",
        f"Authorization: {authorization}",
    )


def topic(key: bytes, task_id: int, number: int) -> str:
    """Return the Topic of message *number* of a task: the same on every attempt.

    Keyed, so that a push service learns neither task ids nor which sites share one.
    key: at most 64 bytes. 32 characters.
    """
    digest = blake2b(f"{task_id}:{number}".encode(), key=key, digest_size=24, person=b"topic")
    return base64url.encode(digest.digest())
