"""What became of one recipient, and how the bytes add up to the counters of the API."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Outcome(IntEnum):
    """One byte per recipient of a parcel. Every value but PENDING is final."""

    PENDING = 0
    ACCEPTED = 1
    GONE = 2
    REJECTED = 3
    FAILED = 4
    EXPIRED = 5
    SUPERSEDED = 6
    CANCELLED = 7


# contract.md section 3: each outcome counts in exactly one counter, so that
# total_user is their sum at every instant.
COUNTER_OF: Final[Mapping[Outcome, str]] = {
    Outcome.PENDING: "pending",
    Outcome.ACCEPTED: "delivered",
    Outcome.GONE: "push_unsubscriptions",
    Outcome.REJECTED: "failed",
    Outcome.FAILED: "failed",
    Outcome.EXPIRED: "expired",
    Outcome.SUPERSEDED: "suppressed",
    Outcome.CANCELLED: "cancelled",
}


def tally(outcomes: bytes | bytearray) -> dict[Outcome, int]:
    """Return how many recipients each outcome has."""
    return {outcome: outcomes.count(outcome) for outcome in Outcome}


def counters(counts: Mapping[Outcome, int]) -> dict[str, int]:
    """Return the API's counters for *counts*, with total_user as their sum."""
    summed = dict.fromkeys(COUNTER_OF.values(), 0)
    for outcome, count in counts.items():
        summed[COUNTER_OF[outcome]] += count
    return {"total_user": sum(counts.values()), **summed}
