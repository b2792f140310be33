"""The ad token: which ad of which message a browser means, as the message token names a message.

Each thing that a draw answers carries one. Reports with it count for the message and for the ad,
and a draw with it is the one that a click on the ad makes.
"""

from typing import Final

from tocsin.domain.draw import DrawRef
from tocsin.domain.message_token import last_second
from tocsin.domain.signed_token import TokenForm

# execution (u64), ordinal (u32), path (u64), last second (u32)
_FORM: Final = TokenForm(">QIQI", b"ad")

AD_TOKEN_LENGTH: Final = _FORM.length
"""Characters of a token; a message token is shorter, so the two cannot be mistaken."""


def mint(key: bytes, ref: DrawRef, *, drawn_ms: int) -> str:
    """Return the token of the ad *ref*; its age counts from the draw."""
    return _FORM.mint(key, *ref, last_second(drawn_ms))


def read(key: bytes, token: str, *, now_ms: int) -> DrawRef:
    """Return the ad that *token* names. Raises BadToken."""
    execution_id, ordinal, path, _ = _FORM.read(key, token, now_ms=now_ms)
    return DrawRef(execution_id, ordinal, path)
