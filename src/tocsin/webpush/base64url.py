"""URL-safe base64 without padding (RFC 4648 section 5): the text form of every Web Push RFC."""

import base64
import binascii
import re
from typing import Final

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}")


def encode(raw: bytes) -> str:
    """Return *raw* in URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes that *text* stands for; padding may be there or not.

    Raises ValueError for a foreign character or a length that no bytes have.
    """
    if _ALPHABET.fullmatch(text) is None:
        raise ValueError("a character outside the URL-safe base64 alphabet")
    bare = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error as error:
        raise ValueError(f"no base64 text has {len(bare)} characters") from error
