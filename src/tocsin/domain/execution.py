"""An execution: one firing of a push task, and the machine of its states."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where an execution stands."""

    CUTTING = "cutting"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    MISSED = "missed"


# States in which parcels may be leased: the first are sent while later ones are still cut.
SENDABLE: Final = (State.CUTTING, State.SENDING)


@dataclass(frozen=True, slots=True)
class Order:
    """What an execution sends, fixed when it fell due: later edits of the task do not touch it.

    message and targeting: in the API's JSON shapes. ttl_s: seconds.
    """

    message: Mapping[str, object]
    targeting: Mapping[str, object]
    ttl_s: int
    urgency: str
    custom_data: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A due instant of a task that has no execution yet, and what is to be sent."""

    task_id: int
    root_id: int
    account_id: int
    due_ms: int
    order: Order


@dataclass(frozen=True, slots=True)
class Execution:
    """One firing. account_id is the task's and bounds the audience.

    next_shard: the cutter's bookmark; the shards below it are cut.
    """

    id: int
    task_id: int
    root_id: int
    account_id: int
    due_ms: int
    state: State
    order: Order
    next_shard: int
    start_ms: int | None = None
    end_ms: int | None = None
    reason: str | None = None


GRACE_MS: Final = 60_000


def catch_up(due_ms: int, *, ttl_s: int, now_ms: int) -> bool:
    """Return whether a slot that fell due while nobody planned is still worth sending.

    contract.md 2.1, missed slots: one catch-up execution if the slot is younger than the ttl.
    A slot seen within GRACE_MS of its instant is on time, whatever the ttl.
    """
    age_ms = now_ms - due_ms
    return age_ms <= GRACE_MS or age_ms < ttl_s * 1000
