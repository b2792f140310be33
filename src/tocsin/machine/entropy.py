"""Randomness: bytes for secrets, draws for jitter, fresh keys."""

import random
import secrets
import uuid

from cryptography.hazmat.primitives.asymmetric import ec

_CURVE = ec.SECP256R1()


class SystemEntropy:
    """The operating system's entropy pool."""

    def token_bytes(self, count: int) -> bytes:
        """Return *count* unpredictable bytes."""
        return secrets.token_bytes(count)

    def draw(self) -> float:
        """Return a number in [0, 1), for jitter; never for secrets."""
        return random.random()  # noqa: S311 - jitter

    def uuid(self) -> str:
        """Return a fresh random UUID as text."""
        return str(uuid.uuid4())

    def p256_key(self) -> ec.EllipticCurvePrivateKey:
        """Return a fresh private key on P-256."""
        return ec.generate_private_key(_CURVE)
