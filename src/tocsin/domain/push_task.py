"""A push task: what was ordered, and the rules that bind its fields to one another."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from tocsin.domain.adex import Adex
from tocsin.domain.errors import Fault
from tocsin.domain.message import Message
from tocsin.domain.schedule import Schedule, schedule_faults
from tocsin.domain.targeting import Targeting

MAX_NAME_BYTES: Final = 255
MAX_CUSTOM_DATA_BYTES: Final = 4000
DEFAULT_TTL_S: Final = 3600
MAX_TTL_S: Final = 2_419_200  # four weeks
MIN_FREQUENCY_S: Final = 3600
MAX_FREQUENCY_S: Final = 94_608_000  # three years
MAX_TOTAL_USER: Final = 2**32 - 1  # as many as there can be ordinals
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
    """A push task as ordered, read and in bounds field by field (contract.md section 2.1).

    One of message and adex is there. total_user: the cap on recipients, None for none.
    """

    name: str
    message: Message | None = None
    adex: Adex | None = None
    targeting: Targeting = field(default_factory=Targeting)
    status: Status = Status.INACTIVE
    schedule: Schedule = field(default_factory=Schedule)
    ttl_s: int = DEFAULT_TTL_S
    urgency: str = DEFAULT_URGENCY
    total_user: int | None = None
    custom_data: str | None = None

    @property
    def shown(self) -> Message | None:
        """Return the message that a push carries: the task's own, or the fallback of a draw."""
        return self.message if self.adex is None else self.adex.fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTask(Draft):
    """A draft that was taken: it has an id and a history. Instants are ms since 1970 UTC.

    next_slot_ms: as the API prints it, a wall-clock time when the schedule is one; next_due_ms:
    when the planner acts on it. last_slot_ms: the last slot that was dealt with, missed ones too;
    last_execution_ms: the last that was executed, or when somebody asked for an execution since.
    anchor_ms: the instant that "immediately" stands for, once the task was active; active_ms:
    when it last became active.
    """

    id: int
    root_id: int
    account_id: int
    create_ms: int
    update_ms: int
    next_slot_ms: int | None = None
    next_due_ms: int | None = None
    last_slot_ms: int | None = None
    last_execution_ms: int | None = None
    anchor_ms: int | None = None
    active_ms: int | None = None


def draft_faults(draft: Draft, *, now_ms: int) -> list[Fault]:
    """Return where the fields of *draft* do not go together, or not with the present instant.

    Sentences that end in a full stop are the vendor's.
    """
    faults = []
    if draft.schedule.start is None and draft.status is Status.ACTIVE:
        faults.append(Fault("start_time", "Push task without start_time can not be active."))
    return faults + schedule_faults(draft.schedule, now_ms=now_ms)
