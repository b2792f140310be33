"""A parcel: up to 1,000 recipients of one wave, leased, sent and accounted for as one."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tocsin.domain.outcome import Outcome

PARCEL_SIZE: Final = 1000

# index (u16), attempts (u8), not before (u64, ms): only recipients that were tried and are
# still pending have an entry, so a parcel without trouble has none.
_RETRY: Final = struct.Struct("<HBQ")


@dataclass(frozen=True, slots=True)
class Retry:
    """A recipient that was tried and must be tried again, not before an instant."""

    attempts: int
    not_before_ms: int


def pack_retries(retries: Mapping[int, Retry]) -> bytes:
    """Return *retries* (by index within the parcel) as bytes."""
    return b"".join(
        _RETRY.pack(index, min(retry.attempts, 255), retry.not_before_ms)
        for index, retry in sorted(retries.items())
    )


def unpack_retries(packed: bytes) -> dict[int, Retry]:
    """Return the retries that pack_retries wrote."""
    return {
        index: Retry(attempts, not_before_ms)
        for index, attempts, not_before_ms in _RETRY.iter_unpack(packed)
    }


@dataclass(slots=True)
class Parcel:
    """A leased parcel in the hands of one sender.

    ordinals: ascending. outcomes: one byte per ordinal, in the same order. fence: the number
    of this lease; only its holder may write. expires_ms: when the message's TTL is over.
    """

    id: int
    execution_id: int
    root_id: int
    fence: int
    expires_ms: int
    ordinals: Sequence[int]
    outcomes: bytearray
    retries: dict[int, Retry] = field(default_factory=dict)

    def pending(self) -> Iterator[int]:
        """Yield the indices of the recipients without an outcome."""
        return (index for index, outcome in enumerate(self.outcomes) if not outcome)

    def settle(self, index: int, outcome: Outcome) -> None:
        """Give a recipient its final outcome. Raises ValueError when it has one already."""
        if self.outcomes[index] != Outcome.PENDING:
            raise ValueError(f"recipient {index} of parcel {self.id} has an outcome already")
        self.outcomes[index] = outcome
        self.retries.pop(index, None)

    def next_due_ms(self) -> int | None:
        """Return when the parcel falls due again, None when every outcome is final.

        0 means at once: somebody was not tried yet.
        """
        waiting = [
            self.retries[index].not_before_ms if index in self.retries else 0
            for index in self.pending()
        ]
        return min(waiting, default=None)


def cut(ordinals: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield *ordinals* in parcels of at most PARCEL_SIZE."""
    for start in range(0, len(ordinals), PARCEL_SIZE):
        yield ordinals[start : start + PARCEL_SIZE]
