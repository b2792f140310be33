"""The message token: what a browser shows to say which message it is talking about.

It travels inside the encrypted payload and comes back with every event. It names the
execution and the recipient, and it is signed, so an event cannot be made up, moved to another
message, or told after its age is over.
"""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

# execution (u64), ordinal (u32), last second at which events count (u32), signature (16 bytes)
_CLAIMS: Final = struct.Struct(">QII")
_SIGNATURE_BYTES: Final = 16
_TOKEN_BYTES: Final = _CLAIMS.size + _SIGNATURE_BYTES

TOKEN_LENGTH: Final = -(-_TOKEN_BYTES * 4 // 3)
"""Characters of a token; every token is as long as the next."""

EVENTS_COUNT_FOR_S: Final = 30 * 86_400
"""Seconds after the end of a message's TTL during which its events still count."""


class BadToken(ValueError):
    """The token is malformed, forged, or over its age."""


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Which message: an execution and a recipient of it."""

    execution_id: int
    ordinal: int


def mint(key: bytes, ref: MessageRef, *, expires_ms: int) -> str:
    """Return the token of the message *ref*, whose TTL is over at *expires_ms*."""
    claims = _CLAIMS.pack(
        ref.execution_id, ref.ordinal, min(expires_ms // 1000 + EVENTS_COUNT_FOR_S, 0xFFFF_FFFF)
    )
    signature = _sign(key, claims)
    return urlsafe_b64encode(claims + signature).rstrip(b"=").decode("ascii")


def read(key: bytes, token: str, *, now_ms: int) -> MessageRef:
    """Return the message that *token* names. Raises BadToken."""
    if len(token) != TOKEN_LENGTH or not token.isascii():
        raise BadToken("the token is not of the form that this server makes")
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise BadToken("the token is not base64url") from None
    claims, signature = raw[: _CLAIMS.size], raw[_CLAIMS.size :]
    # One message has one spelling of its token: what decodes to the same bytes is refused.
    if urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != token:
        raise BadToken("the token is not in its canonical form")
    if not hmac.compare_digest(_sign(key, claims), signature):
        raise BadToken("the token was not signed by this server")
    execution_id, ordinal, last_s = _CLAIMS.unpack(claims)
    if now_ms // 1000 > last_s:
        raise BadToken("the token is over its age")
    return MessageRef(execution_id, ordinal)


def _sign(key: bytes, claims: bytes) -> bytes:
    """Return a keyed BLAKE2b of *claims* (RFC 7693 section 2.5): a third of an HMAC's time."""
    return blake2b(claims, key=key, digest_size=_SIGNATURE_BYTES, person=b"message").digest()
