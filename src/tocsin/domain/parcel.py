"""A parcel: up to 1,000 recipients of one wave, leased, sent and accounted for as one."""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tocsin.domain.attempt import NO_ATTEMPT, Attempt, reason_of
from tocsin.domain.outcome import Outcome

__all__ = (
    "MOST_RECOVERIES",
    "PARCEL_SIZE",
    "Addressed",
    "Attempt",
    "Made",
    "Parcel",
    "Retry",
    "Waiting",
    "cut",
    "fitting",
    "pack_retries",
    "reason_of",
    "unpack_attempts",
    "unpack_retries",
)

PARCEL_SIZE: Final = 1000

MOST_RECOVERIES: Final = 3
"""From so many holders in a row that recorded nothing a parcel is taken over; then it is parked."""

# index (u16), attempts (u8), not before (u64, ms): only recipients that must be tried again have
# an entry, so a parcel without trouble has none. The attempts are zero: they stand in the record
# below. Parcels that were last written before there was one have them here.
_RETRY: Final = struct.Struct("<HBQ")

# attempts (u8), answer (u16), at (u32, s): one for each recipient, zeros where nothing is known.
_ATTEMPT: Final = struct.Struct("<BHI")
_MOST_ATTEMPTS: Final = 0xFF
_LAST_SECOND: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Retry:
    """A recipient that must be tried again, not before an instant."""

    not_before_ms: int


@dataclass(frozen=True, slots=True)
class Addressed:
    """How one recipient of an execution stands.

    due_ms: not before when they are sent or tried again, None once the outcome is final.
    expires_ms: when the message's TTL is over. is_parked: their parcel is set aside until then.
    """

    outcome: Outcome
    attempt: Attempt
    due_ms: int | None
    expires_ms: int
    is_parked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A parcel that was cut. outcome: everybody's; who is suppressed has theirs from the start."""

    execution_id: int
    root_id: int
    due_ms: int
    expires_ms: int
    overtaken_ms: int | None
    ordinals: Sequence[int]
    outcome: Outcome = Outcome.PENDING


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parcel whose time is to come, as it lies there. overtaken_ms: as for Parcel."""

    ordinals: Sequence[int]
    due_ms: int
    overtaken_ms: int | None


def pack_retries(retries: Mapping[int, Retry]) -> bytes:
    """Return *retries* (by index within the parcel) as bytes."""
    return b"".join(
        _RETRY.pack(index, 0, retry.not_before_ms) for index, retry in sorted(retries.items())
    )


def unpack_retries(packed: bytes) -> dict[int, Retry]:
    """Return the retries that pack_retries wrote."""
    return {index: Retry(at_ms) for index, _, at_ms in _RETRY.iter_unpack(packed)}


def unpack_attempts(packed: bytes | None, *, retries: bytes, size: int) -> bytearray | None:
    """Return the record of attempts of a parcel of *size* recipients, None when nobody was tried.

    packed: as it is kept. retries: as they are kept; a program older than the record counted the
    attempts there, and may have done so since.
    """
    record = None if packed is None else bytearray(packed)
    for index, attempts, _ in _RETRY.iter_unpack(retries):
        if attempts:
            record = record or bytearray(size * _ATTEMPT.size)
            at = index * _ATTEMPT.size
            record[at] = max(record[at], attempts)
    return record


@dataclass(slots=True)
class Parcel:
    """A leased parcel in the hands of one sender.

    ordinals: ascending. outcomes: one byte per ordinal, in the same order. fence: the number
    of this lease; only its holder may write. expires_ms: when the message's TTL is over.
    overtaken_ms: when the next slot of the task comes for its recipients, after which they are
    not sent under this lease; None when none will. attempts: a record per ordinal, there once
    anybody was tried. recoveries: how many holders in a row ended without recording anything.
    """

    id: int
    execution_id: int
    root_id: int
    fence: int
    expires_ms: int
    ordinals: Sequence[int]
    outcomes: bytearray
    overtaken_ms: int | None = None
    retries: dict[int, Retry] = field(default_factory=dict)
    attempts: bytearray | None = None
    recoveries: int = 0

    @property
    def is_parked(self) -> bool:
        """Return whether nobody is to be sent: too many senders ended while they held it."""
        return self.recoveries > MOST_RECOVERIES

    def pending(self) -> Iterator[int]:
        """Yield the indices of the recipients without an outcome."""
        return (index for index, outcome in enumerate(self.outcomes) if not outcome)

    def attempt_of(self, index: int) -> Attempt:
        """Return what is known of the attempts to reach a recipient."""
        if self.attempts is None:
            return NO_ATTEMPT
        attempts, answer, at_s = _ATTEMPT.unpack_from(self.attempts, index * _ATTEMPT.size)
        return Attempt(attempts, answer, at_s * 1000 or None)

    def note(self, index: int, attempt: Attempt) -> None:
        """Keep what was learnt of a recipient in place of what was known before."""
        if self.attempts is None:
            self.attempts = bytearray(len(self.outcomes) * _ATTEMPT.size)
        _ATTEMPT.pack_into(
            self.attempts,
            index * _ATTEMPT.size,
            min(attempt.attempts, _MOST_ATTEMPTS),
            attempt.answer,
            min((attempt.at_ms or 0) // 1000, _LAST_SECOND),
        )

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


def fitting(sizes: Iterable[int], room: int) -> int:
    """Return how many of *sizes*, taken in their order, fit into *room*: the first always does."""
    count = 0
    for size in sizes:
        room -= size
        if room < 0:
            return max(1, count)
        count += 1
    return count
