"""Signed tokens: a few numbers that a browser carries for us and cannot alter."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from typing import Final

_SIGNATURE_BYTES: Final = 16


class BadToken(ValueError):
    """The token is malformed, forged, or over its age."""


class TokenForm:
    """One form of token: what its numbers are, and what they are signed for.

    layout: of the numbers, in the language of struct; the last is the second, since 1970, after
    which the token is no good. purpose: one signed for another is refused.
    """

    def __init__(self, layout: str, purpose: bytes) -> None:
        self._claims = Struct(layout)
        self._purpose = purpose
        self._bytes = self._claims.size + _SIGNATURE_BYTES
        self.length = -(-self._bytes * 4 // 3)  # in characters: every token is as long as the next

    def mint(self, key: bytes, *claims: int) -> str:
        """Return the token of *claims*, in unpadded base64url."""
        packed = self._claims.pack(*claims)
        signed = packed + self._sign(key, packed)
        return urlsafe_b64encode(signed).rstrip(b"=").decode("ascii")

    def read(self, key: bytes, token: str, *, now_ms: int) -> tuple[int, ...]:
        """Return the claims of *token*. Raises BadToken."""
        if len(token) != self.length or not token.isascii():
            raise BadToken("the token is not of the form that this server makes")
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise BadToken("the token is not base64url") from None
        packed, signature = raw[: self._claims.size], raw[self._claims.size :]
        # There is one spelling of a token: what decodes to the same bytes is refused.
        if urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != token:
            raise BadToken("the token is not in its canonical form")
        if not compare_digest(self._sign(key, packed), signature):
            raise BadToken("the token was not signed by this server")
        claims: tuple[int, ...] = self._claims.unpack(packed)
        if now_ms // 1000 > claims[-1]:
            raise BadToken("the token is over its age")
        return claims

    def _sign(self, key: bytes, packed: bytes) -> bytes:
        """Return a keyed BLAKE2b of *packed* (RFC 7693 section 2.5): a third of an HMAC's time."""
        return blake2b(packed, key=key, digest_size=_SIGNATURE_BYTES, person=self._purpose).digest()
