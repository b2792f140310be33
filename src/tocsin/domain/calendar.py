"""Where a task stands in its schedule: from when it counts, and which slot comes next."""

from dataclasses import dataclass
from itertools import islice

from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.domain.schedule import (
    FORGIVEN_SKEW_MS,
    IMMEDIATELY,
    Schedule,
    acts_at_ms,
    latest_ms,
    slots,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A task's place in its schedule, as domain.push_task.PushTask names its parts."""

    anchor_ms: int | None = None
    active_ms: int | None = None
    next_slot_ms: int | None = None
    next_due_ms: int | None = None


def place_of(draft: Draft, *, before: PushTask | None, now_ms: int) -> Place:
    """Return where *draft* stands from now on.

    before: the task as it was, None for a new one. An active task whose schedule stays as it is
    keeps its place; one that becomes active, or is given another schedule, begins now: what it
    missed while it was inactive is not made up for. Raises Invalid for a single start that has
    gone by without an execution.
    """
    schedule = draft.schedule
    if draft.status is not Status.ACTIVE:
        return Place(anchor_ms=None if before is None else before.anchor_ms)
    if before is not None and before.status is Status.ACTIVE and before.schedule == schedule:
        return Place(
            anchor_ms=before.anchor_ms,
            active_ms=before.active_ms,
            next_slot_ms=before.next_slot_ms,
            next_due_ms=before.next_due_ms,
        )
    anchor_ms = _anchor_ms(schedule, before, now_ms)
    last_slot_ms = None if before is None else before.last_slot_ms
    slot_ms = _first_from(schedule, anchor_ms, last_slot_ms, now_ms)
    if slot_ms is None and last_slot_ms is None and _has_gone_by(schedule, now_ms):
        raise Invalid((Fault("start_time", "Push task start_time can not be in the past."),))
    return Place(
        anchor_ms=anchor_ms,
        active_ms=now_ms,
        next_slot_ms=slot_ms,
        next_due_ms=None if slot_ms is None else acts_at_ms(schedule, slot_ms),
    )


def slots_from(task: PushTask, *, slot_ms: int, count: int) -> list[int]:
    """Return up to *count* slots of an active task, *slot_ms* the first of them."""
    anchor_ms = task.create_ms if task.anchor_ms is None else task.anchor_ms
    return list(islice(slots(task.schedule, anchor_ms=anchor_ms, after_ms=slot_ms - 1), count))


def is_slot(task: PushTask, at_ms: int) -> bool:
    """Return whether *at_ms* is a slot of the task's schedule, gone by or to come."""
    start = task.schedule.start
    anchor_ms = start if isinstance(start, int) else task.anchor_ms
    if start is None or anchor_ms is None:
        return False
    return next(slots(task.schedule, anchor_ms=anchor_ms, after_ms=at_ms - 1), None) == at_ms


def _anchor_ms(schedule: Schedule, before: PushTask | None, now_ms: int) -> int:
    """Return what the slots are counted from; "immediately" is the first time it was active."""
    if isinstance(schedule.start, int):
        return schedule.start
    has_begun = (
        before is not None
        and before.last_slot_ms is not None
        and before.schedule.start == IMMEDIATELY
    )
    if before is not None and before.anchor_ms is not None and has_begun:
        return before.anchor_ms
    return now_ms


def _first_from(
    schedule: Schedule, anchor_ms: int, last_slot_ms: int | None, now_ms: int
) -> int | None:
    """Return the first slot that some zone has yet to reach, or reached within the skew."""
    spread_ms = latest_ms(schedule, 0)
    after_ms = now_ms - FORGIVEN_SKEW_MS - spread_ms - 1
    if last_slot_ms is not None:
        after_ms = max(after_ms, last_slot_ms)
    return next(slots(schedule, anchor_ms=anchor_ms, after_ms=after_ms), None)


def _has_gone_by(schedule: Schedule, now_ms: int) -> bool:
    return (
        not schedule.repeats
        and isinstance(schedule.start, int)
        and latest_ms(schedule, schedule.start) < now_ms - FORGIVEN_SKEW_MS
    )
