"""A POST that may be sent again: what its key claims, and what the first one came to."""

from dataclasses import dataclass
from typing import Final

KEPT_MS: Final = 86_400_000  # contract.md section 1, Retries by clients
MAX_KEY_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class Claim:
    """An Idempotency-Key of an account. request: a hash of the method, the path and the body."""

    account_id: int
    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What an earlier request under a key was, and came to."""

    request: bytes
    result: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a request came to. replayed: it was done before, under the same key."""

    result: str = ""
    replayed: bool = False
