"""When to try again: back-off with full jitter, inside the message's TTL."""

from typing import Final

FIRST_MS: Final = 4_000
LONGEST_MS: Final = 600_000
SHORTEST_MS: Final = 1_000
_DOUBLINGS: Final = 8  # past this LONGEST_MS rules anyway, and no power can overflow
MOST_ATTEMPTS: Final = 255  # as many as one byte counts


def next_attempt_ms(
    *, made: int, now_ms: int, expires_ms: int, asked_ms: int, draw: float
) -> int | None:
    """Return when to try again, or None when no attempt is left.

    made: attempts so far, from 0 (a throttled request uses none up). asked_ms: the push
    service's Retry-After (RFC 9110 section 10.2.3), 0 if none; ours never undercuts it.
    draw: in [0, 1). contract.md 2.5, Delivery: from 1-4 s with full jitter, doubling to a cap
    of 10 minutes, while the TTL lasts.
    """
    if made >= MOST_ATTEMPTS:
        return None
    ceiling = min(LONGEST_MS, FIRST_MS * 2 ** min(max(made - 1, 0), _DOUBLINGS))
    backoff = SHORTEST_MS + draw * (ceiling - SHORTEST_MS)
    at_ms = now_ms + int(max(backoff, asked_ms + draw * SHORTEST_MS if asked_ms else 0))
    return at_ms if at_ms < expires_ms else None
