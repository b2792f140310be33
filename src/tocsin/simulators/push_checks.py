"""What a push service may demand of one request, and demands here: RFC 8030, 8291, 8292."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from tocsin.simulators.virtual_subscribers import VirtualSubscriber, fingerprint
from tocsin.webpush.encryption import MAX_BODY, Undecryptable, decrypt
from tocsin.webpush.request import MAX_TTL_S, TOPIC, Urgency
from tocsin.webpush.vapid import VapidClaims, VapidRefused, check_expiry, verify

_TOKENS_KEPT: Final = 10_000
_TTL: Final = re.compile(r"[0-9]{1,10}")
_URGENCIES: Final = frozenset(Urgency)
_ONCE: Final = ("authorization", "ttl", "urgency", "topic", "content-encoding")


@dataclass(eq=False)
class Refused(Exception):
    """The request is answered with *status* and *reason*."""

    status: int
    reason: str


class Tokens:
    """VAPID headers that were verified: the signature of each is computed once."""

    def __init__(self) -> None:
        self._verified: dict[tuple[str, str], VapidClaims] = {}

    def __len__(self) -> int:
        return len(self._verified)

    def verify(self, header: str, *, audience: str, now_ms: int) -> VapidClaims:
        """Return what *header* claims. Raises VapidRefused."""
        claims = self._verified.get((header, audience))
        if claims is not None:
            check_expiry(claims, now_ms=now_ms)
            return claims
        claims = verify(header, audience=audience, now_ms=now_ms)
        if len(self._verified) >= _TOKENS_KEPT:
            self._verified.clear()
        self._verified[header, audience] = claims
        return claims


def check_headers(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Return the headers by name, lower case, after checking those that a push has.

    Raises Refused with 400 for what RFC 8030 calls malformed: a TTL that is missing or no
    number (section 5.2), an Urgency that is unknown or there twice (5.3), a Topic outside
    its alphabet or length (5.4), and for a body that is not aes128gcm (RFC 8291 section 4).
    """
    found: dict[str, str] = {}
    for name, value in headers:
        if name in found and name in _ONCE:
            raise Refused(400, f"{name} is there twice")
        found[name] = value
    if _TTL.fullmatch(found.get("ttl", "")) is None:
        raise Refused(400, "TTL is missing or not a number of seconds")
    if found.get("urgency", "normal") not in _URGENCIES:
        raise Refused(400, "Urgency is none of very-low, low, normal, high")
    if TOPIC.fullmatch(found.get("topic", "T")) is None:
        raise Refused(400, "Topic is not 1 to 32 characters of URL-safe base64")
    if found.get("content-encoding") != "aes128gcm":
        raise Refused(400, "Content-Encoding is not aes128gcm")
    return found


def check_sender(
    headers: dict[str, str], tokens: Tokens, *, origin: str, only_key: str | None, now_ms: int
) -> None:
    """Raise Refused unless the sender identifies itself, with the right key where there is one.

    origin: the push service's own, the audience. only_key: the fingerprint of the key that
    the subscription is restricted to (RFC 8292 section 4). 401 without or with a bad token,
    403 with another key.
    """
    header = headers.get("authorization")
    if header is None:
        raise Refused(401, "Authorization is missing")
    try:
        claims = tokens.verify(header, audience=origin, now_ms=now_ms)
    except VapidRefused as error:
        raise Refused(401, f"VAPID: {error}") from error
    if only_key is not None and fingerprint(claims.public_key) != only_key:
        raise Refused(403, "the subscription was made with another VAPID key")


def read_message(body: bytes, subscriber: VirtualSubscriber) -> tuple[bytes, dict[str, Any]]:
    """Return the plaintext of *body* for *subscriber*, and the JSON object that it is.

    Raises Refused: 413 over 4096 bytes, 400 when the subscriber's browser could not read it.
    """
    if len(body) > MAX_BODY:
        raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
    try:
        plaintext = decrypt(body, receiver_key=subscriber.receiver_key, auth=subscriber.auth)
    except Undecryptable as error:
        raise Refused(400, f"undecryptable: {error}") from error
    try:
        payload = json.loads(plaintext)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the message is not JSON") from error
    if not isinstance(payload, dict):
        raise Refused(400, "the message is not a JSON object")
    return plaintext, payload


def answered_ttl(headers: dict[str, str]) -> str:
    """Return the TTL that the push service grants, in seconds (RFC 8030 section 5.2)."""
    return str(min(int(headers["ttl"]), MAX_TTL_S))
