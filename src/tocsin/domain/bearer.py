"""Bearer tokens of the API: how they look, and what is kept of them."""

import hashlib
import zlib
from base64 import urlsafe_b64encode
from typing import Final

PREFIX: Final = "tocsin_"
SECRET_BYTES: Final = 30  # 240 bits, 40 characters without padding
_CHECK_CHARACTERS: Final = 6
_LENGTH: Final = len(PREFIX) + SECRET_BYTES * 4 // 3 + _CHECK_CHARACTERS


def make(secret: bytes) -> str:
    """Return the token of *secret*: a prefix that scanners know, the secret, and a check sum."""
    text = PREFIX + urlsafe_b64encode(secret).decode("ascii")
    return text + _check(text)


def is_well_formed(token: str) -> bool:
    """Return whether *token* could be one of ours: a mistyped one costs no look-up."""
    text, check = token[:-_CHECK_CHARACTERS], token[-_CHECK_CHARACTERS:]
    return (
        len(token) == _LENGTH
        and token.isascii()
        and token.startswith(PREFIX)
        and check == _check(text)
    )


def hash_of(token: str) -> bytes:
    """Return what is stored of *token*. It is random, so one fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def _check(text: str) -> str:
    crc = zlib.crc32(text.encode()).to_bytes(4, "big")
    return urlsafe_b64encode(crc).decode("ascii")[:_CHECK_CHARACTERS]
