"""The message token: what a browser shows to say which message it is talking about.

It travels inside the encrypted payload and comes back with every event. It names the
execution and the recipient, and it is signed, so an event cannot be made up, moved to another
message, or told after its age is over.
"""

from dataclasses import dataclass
from typing import Final

from tocsin.domain.signed_token import TokenForm

# execution (u64), ordinal (u32), last second at which events count (u32)
_FORM: Final = TokenForm(">QII", b"message")

TOKEN_LENGTH: Final = _FORM.length
"""Characters of a token; every token is as long as the next."""

EVENTS_COUNT_FOR_S: Final = 30 * 86_400
"""Seconds after the end of a message's TTL during which its events still count."""


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Which message: an execution and a recipient of it."""

    execution_id: int
    ordinal: int


def last_second(expires_ms: int) -> int:
    """Return the last second at which events of a message count whose TTL is over then."""
    return min(expires_ms // 1000 + EVENTS_COUNT_FOR_S, 0xFFFF_FFFF)


def mint(key: bytes, ref: MessageRef, *, expires_ms: int) -> str:
    """Return the token of the message *ref*, whose TTL is over at *expires_ms*."""
    return _FORM.mint(key, ref.execution_id, ref.ordinal, last_second(expires_ms))


def read(key: bytes, token: str, *, now_ms: int) -> MessageRef:
    """Return the message that *token* names. Raises BadToken."""
    execution_id, ordinal, _ = _FORM.read(key, token, now_ms=now_ms)
    return MessageRef(execution_id, ordinal)
