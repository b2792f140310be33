"""An execution: one firing of a push task, and the machine of its states."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from tocsin.domain import adex, message
from tocsin.domain.outcome import Outcome
from tocsin.domain.push_task import PushTask
from tocsin.domain.schedule import QuietTime, Schedule
from tocsin.domain.targeting import targeting_json


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


class Kind(StrEnum):
    """Why an execution is there: its slot came, somebody asked for one, or for a test."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an execution sends, fixed when it fell due: later edits of the task do not touch it.

    message, adex and targeting: in the API's JSON shapes; message is empty with adex. ttl_s:
    seconds. total_user: the cap, None for none. schedule: in the form of schedule_json.
    next_slot_ms: the slot after this one. active_ms: when the task became active.
    """

    message: Mapping[str, object]
    targeting: Mapping[str, object]
    ttl_s: int
    urgency: str
    custom_data: str | None
    adex: Mapping[str, object] | None = None
    name: str = ""
    total_user: int | None = None
    schedule: Mapping[str, Any] = field(default_factory=dict)
    next_slot_ms: int | None = None
    active_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A due instant of a task that has no execution yet, and what is to be sent."""

    task_id: int
    root_id: int
    account_id: int
    due_ms: int
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One firing. account_id is the task's and bounds the audience.

    due_ms: its slot, a wall-clock time where the schedule is one. next_ordinal: the cutter's
    bookmark; whoever is below it is dealt with. quotas: with a cap, how many of each shard the
    sample takes; None until it is drawn. sweep: the execution was ended, and this is the
    outcome for everybody who is still pending.
    """

    id: int
    task_id: int
    root_id: int
    account_id: int
    due_ms: int
    state: State
    order: Order
    next_ordinal: int
    kind: Kind = Kind.SCHEDULED
    quotas: tuple[int, ...] | None = None
    sweep: Outcome | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """How far an execution is cut: whoever is below next_ordinal is, and if complete, all.

    quotas: as for Execution. rules: of one in waves, the rules of time zones that they are
    reckoned by.
    """

    execution_id: int
    next_ordinal: int
    complete: bool
    quotas: Sequence[int] | None
    rules: str | None


def order_of(task: PushTask, *, next_slot_ms: int | None) -> Order:
    """Return what an execution of *task* sends, were it to start now."""
    return Order(
        message={} if task.message is None else message.to_json(task.message),
        adex=None if task.adex is None else adex.to_json(task.adex),
        targeting=targeting_json(task.targeting),
        ttl_s=task.ttl_s,
        urgency=task.urgency,
        custom_data=task.custom_data,
        name=task.name,
        total_user=task.total_user,
        schedule=schedule_json(task.schedule),
        next_slot_ms=next_slot_ms,
        active_ms=task.active_ms or 0,
    )


def schedule_json(schedule: Schedule) -> dict[str, Any]:
    """Return *schedule* in the form in which an order keeps it."""
    return asdict(schedule)


def schedule_of(order: Order) -> Schedule:
    """Return the schedule that *order* keeps."""
    kept = dict(order.schedule)
    quiet = kept.pop("quiet_time", None)
    return Schedule(**kept, quiet_time=None if quiet is None else QuietTime(**quiet))


def is_spread(order: Order) -> bool:
    """Return whether an execution's recipients are sent at instants that differ: in waves."""
    schedule = schedule_of(order)
    return schedule.by_wall_clock or schedule.quiet_time is not None


def is_outdone(earlier: Execution, by: Order) -> bool:
    """Return whether a live execution ends as a whole when another of its task begins.

    Not if both are of one schedule and spread over people's own hours: then each is overtaken
    where the next slot reaches them (domain.schedule.overtaken_ms), and others are yet to come.
    When a schedule ends is not what it is: an end that was moved leaves the slots where they were,
    but for an execution that was the last, whose recipients nothing overtakes. A test is nobody's
    schedule.
    """
    if earlier.kind is Kind.TEST:
        return False
    before, now = schedule_of(earlier.order), schedule_of(by)
    if before != now and earlier.order.next_slot_ms is None:
        return True
    return not is_spread(by) or replace(before, end_ms=None) != replace(now, end_ms=None)
