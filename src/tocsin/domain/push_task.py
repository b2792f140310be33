"""A push task: what was ordered, and the rules that bind its fields to one another."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, TypeAlias

from tocsin.domain.errors import Fault
from tocsin.domain.message import Message
from tocsin.domain.targeting import Targeting

IMMEDIATELY: Final = "immediately"
Start: TypeAlias = int | Literal["immediately"] | None  # an instant in ms, now, or not yet said

MAX_NAME_BYTES: Final = 255
MAX_CUSTOM_DATA_BYTES: Final = 4000
DEFAULT_TTL_S: Final = 3600
MAX_TTL_S: Final = 2_419_200  # four weeks
FORGIVEN_SKEW_MS: Final = 60_000
# RFC 8030 section 5.3, from the least to the most pressing.
URGENCIES: Final = ("very-low", "low", "normal", "high")
DEFAULT_URGENCY: Final = "normal"


class Status(IntEnum):
    """Whether a task runs. A client sets the first two; the last sets itself."""

    INACTIVE = 0
    ACTIVE = 1
    FINISHED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A push task as ordered, read and in bounds field by field (contract.md section 2.1)."""

    name: str
    message: Message
    targeting: Targeting
    status: Status = Status.INACTIVE
    start: Start = None
    ttl_s: int = DEFAULT_TTL_S
    urgency: str = DEFAULT_URGENCY
    custom_data: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTask(Draft):
    """A draft that was taken: it has an id and a history. Instants are ms since 1970 UTC."""

    id: int
    create_ms: int
    update_ms: int
    next_execution_ms: int | None = None
    last_execution_ms: int | None = None


def draft_faults(draft: Draft, *, now_ms: int) -> list[Fault]:
    """Return where the fields of *draft* do not go together, or not with the present instant.

    Sentences that end in a full stop are the vendor's.
    """
    faults = []
    if draft.start is None and draft.status is Status.ACTIVE:
        faults.append(Fault("start_time", "Push task without start_time can not be active."))
    if isinstance(draft.start, int) and draft.start < now_ms - FORGIVEN_SKEW_MS:
        faults.append(Fault("start_time", "Push task start_time can not be in the past."))
    return faults
