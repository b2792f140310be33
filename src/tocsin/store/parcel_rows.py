"""How a parcel lies in the database: from what was cut and sent to a row, and back."""

from typing import Any, Final

from pyroaring import BitMap
from sqlalchemy import bindparam, update

from tocsin.domain.outcome import Outcome, tally
from tocsin.domain.parcel import Made, Parcel, pack_retries, unpack_attempts, unpack_retries
from tocsin.store.tables import parcel

HELD: Final = (
    parcel.c.id,
    parcel.c.execution_id,
    parcel.c.root_id,
    parcel.c.fence,
    parcel.c.recoveries,
    parcel.c.expires_ms,
    parcel.c.overtaken_ms,
    parcel.c.recipients,
    parcel.c.outcomes,
    parcel.c.retries,
    parcel.c.attempts,
)
_RECORDED: Final = (
    parcel.c.outcomes,
    parcel.c.retries,
    parcel.c.attempts,
    parcel.c.due_ms,
    parcel.c.lease_ms,
    parcel.c.recoveries,
    *(parcel.c[outcome.name.lower()] for outcome in Outcome),
)
RECORD: Final = (
    update(parcel)
    .where(parcel.c.id == bindparam("held_id"), parcel.c.fence == bindparam("held_fence"))
    .values({column: bindparam(f"now_{column.name}") for column in _RECORDED})
)


def row_of(made: Made) -> dict[str, Any]:
    """Return the values of a parcel that was cut."""
    size = len(made.ordinals)
    return {
        "execution_id": made.execution_id,
        "root_id": made.root_id,
        "due_ms": made.due_ms,
        "expires_ms": made.expires_ms,
        "overtaken_ms": made.overtaken_ms,
        "recipients": BitMap(made.ordinals).serialize(),
        "outcomes": bytes([made.outcome]) * size,
        "retries": b"",
        "size": size,
        "pending": 0,
        made.outcome.name.lower(): size,
    }


def record_of(held: Parcel, *, due_ms: int, keep: bool) -> dict[str, Any]:
    """Return what the statement RECORD is given."""
    counts = tally(held.outcomes)
    return {
        "held_id": held.id,
        "held_fence": held.fence,
        "now_outcomes": bytes(held.outcomes),
        "now_retries": pack_retries(held.retries),
        "now_attempts": None if held.attempts is None else bytes(held.attempts),
        "now_due_ms": due_ms,
        "now_lease_ms": due_ms if keep else None,
        "now_recoveries": 0,  # who writes has not ended
        **{f"now_{outcome.name.lower()}": count for outcome, count in counts.items()},
    }


def held_of(row: Any, now_ms: int) -> Parcel:
    """Return the parcel that a row of HELD says, as at *now_ms*."""
    overtaken_ms = row.overtaken_ms
    return Parcel(
        id=row.id,
        execution_id=row.execution_id,
        root_id=row.root_id,
        fence=row.fence,
        recoveries=row.recoveries,
        expires_ms=row.expires_ms,
        # One whose time has come without a successor: the slot had no execution, or not yet.
        overtaken_ms=overtaken_ms if (overtaken_ms or 0) > now_ms else None,
        ordinals=BitMap.deserialize(row.recipients).to_array(),
        outcomes=bytearray(row.outcomes),
        retries=unpack_retries(row.retries),
        attempts=unpack_attempts(row.attempts, retries=row.retries, size=len(row.outcomes)),
    )
