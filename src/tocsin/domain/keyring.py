"""The keys that grow out of the server's one secret, and what they seal."""

import hmac
from base64 import urlsafe_b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRET_BYTES: Final = 32
NONCE_BYTES: Final = 12
SEAL_BYTES: Final = NONCE_BYTES + 16  # what a sealed value is longer by: nonce and tag


class CannotUnseal(RuntimeError):
    """A sealed value was made with another secret key, for another place, or is damaged."""


class Keyring:
    """Keys derived from the server's secret, one per purpose (RFC 5869, expand step)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"the secret key has {len(secret)} bytes, not {SECRET_BYTES}")
        self._secret = secret
        self._sealing = AESGCM(self._derive("seal"))
        self.message_token = self._derive("message-token")
        self.topic = self._derive("topic")
        self._subscriber = self._derive("subscriber")

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, b"tocsin/" + purpose.encode() + b"\x01", "sha256")

    def subscriber_secret(self, subscriber_id: int) -> str:
        """Return what a browser shows to change or end its own subscription; 24 characters."""
        digest = hmac.digest(self._subscriber, subscriber_id.to_bytes(8, "big"), "sha256")
        return urlsafe_b64encode(digest[:18]).decode("ascii")

    def seal(self, plain: bytes, *, place: str, nonce: bytes) -> bytes:
        """Return *plain* encrypted for *place*, such as ``vapid/17``: it opens nowhere else."""
        if len(nonce) != NONCE_BYTES:  # the cipher would take it, and nothing could open it
            raise ValueError(f"a nonce has {NONCE_BYTES} bytes, not {len(nonce)}")
        return nonce + self._sealing.encrypt(nonce, plain, place.encode())

    def unseal(self, sealed: bytes, *, place: str) -> bytes:
        """Return what seal was given. Raises CannotUnseal."""
        try:
            return self._sealing.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise CannotUnseal(
                f"the key of {place} cannot be opened: is this the secret key it was made with?"
                " TOCSIN_SECRET_KEY_FILE names its file"
            ) from None
