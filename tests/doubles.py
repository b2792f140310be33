"""Stand-ins for the machine: a clock that moves only when told, and seeded randomness."""

import random
import threading
import uuid
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

# 2026-02-05 11:00:00 UTC
START_MS: Final = 1_770_289_200_000
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class FakeClock:
    """Wall time and monotonic time that stand still until somebody moves them."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._start_ms = self._now_ms = now_ms
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_ms(self) -> int:
        return self._now_ms - self._start_ms

    def forward(self, milliseconds: int) -> int:
        """Move both clocks; return the new wall time."""
        with self._lock:
            self._now_ms += milliseconds
            return self._now_ms


class SeededEntropy:
    """The same bytes, draws and keys in every run. Safe to use from several threads."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def token_bytes(self, count: int) -> bytes:
        with self._lock:
            return self._random.randbytes(count)

    def draw(self) -> float:
        with self._lock:
            return self._random.random()

    def uuid(self) -> str:
        return str(uuid.UUID(bytes=self.token_bytes(16), version=4))

    def p256_key(self) -> ec.EllipticCurvePrivateKey:
        number = int.from_bytes(self.token_bytes(32), "big")
        return ec.derive_private_key(number % (_P256_ORDER - 1) + 1, ec.SECP256R1())
