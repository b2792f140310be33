"""When a task fires (contract.md sections 2.1 and 2.5, Schedule)."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tocsin.domain.errors import Fault

IMMEDIATELY: Final = "immediately"
Start: TypeAlias = int | Literal["immediately"] | None  # an instant in ms, now, or not yet said
FORGIVEN_SKEW_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class QuietTime:
    """Hours of the recipient's day, 0-23, in which nobody is disturbed: [from, to), wrapping."""

    from_hour: int
    to_hour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The fields that say when. With user_time_zone the start is a wall-clock time, as if GMT."""

    start: Start = None
    end_ms: int | None = None
    frequency_s: int | None = None
    cron: str | None = None
    user_time_zone: bool = False
    quiet_time: QuietTime | None = None


def schedule_faults(schedule: Schedule, *, now_ms: int) -> list[Fault]:
    """Return where the fields of *schedule* do not go together, or not with the present."""
    if isinstance(schedule.start, int) and schedule.start < now_ms - FORGIVEN_SKEW_MS:
        return [Fault("start_time", "Push task start_time can not be in the past.")]
    return []
