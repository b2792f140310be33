"""Where a task stands in its schedule: from when it counts, what is due, which slot comes next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.instants import hood_text
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.domain.schedule import (
    FORGIVEN_SKEW_MS,
    IMMEDIATELY,
    Schedule,
    acts_at_ms,
    latest_ms,
    slots,
)

GRACE_MS: Final = 60_000
"""A slot that is seen so shortly after its instant is on time, whatever the ttl."""


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
    gone by without an execution, or lies before one that has begun.
    """
    schedule = draft.schedule
    if draft.status is not Status.ACTIVE:
        same_start = before is not None and before.schedule.start == schedule.start
        return Place(anchor_ms=before.anchor_ms if before is not None and same_start else None)
    if before is not None and before.status is Status.ACTIVE and before.schedule == schedule:
        return Place(
            anchor_ms=before.anchor_ms,
            active_ms=before.active_ms,
            next_slot_ms=before.next_slot_ms,
            next_due_ms=before.next_due_ms,
        )
    anchor_ms = _anchor_ms(schedule, before, now_ms)
    last_slot_ms = None if before is None else before.last_slot_ms
    done_until_ms = _done_until_ms(schedule, before)
    slot_ms = _first_from(schedule, anchor_ms, done_until_ms, now_ms)
    if slot_ms is None and last_slot_ms is None and _has_gone_by(schedule, now_ms):
        raise Invalid((Fault("start_time", "Push task start_time can not be in the past."),))
    if slot_ms is None and done_until_ms is not None and _is_before(schedule, done_until_ms):
        sentence = (
            f"lies before {hood_text(done_until_ms)}, whose execution has begun: "
            "set a later time, or copy the task"
        )
        raise Invalid((Fault("start_time", sentence),))
    return Place(
        anchor_ms=anchor_ms,
        active_ms=now_ms,
        next_slot_ms=slot_ms,
        next_due_ms=None if slot_ms is None else acts_at_ms(schedule, slot_ms),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A slot that is due, and the slot after it. missed: why it is, None when it is executed."""

    slot_ms: int
    next_slot_ms: int | None
    missed: str | None = None


def firings(task: PushTask, *, now_ms: int, limit: int) -> Sequence[Firing]:
    """Return what is due of a task: of very many slots the first *limit*.

    contract.md 2.1, missed slots: the newest is executed while it is younger than the ttl, and
    all others are missed.
    """
    if task.next_slot_ms is None:
        return ()
    coming = []  # the due ones and the one after them: a long schedule is not read to its end
    for slot_ms in _slots_from(task, task.next_slot_ms):
        coming.append(slot_ms)
        if len(coming) > limit or acts_at_ms(task.schedule, slot_ms) > now_ms:
            break
    due = [slot_ms for slot_ms in coming if acts_at_ms(task.schedule, slot_ms) <= now_ms]
    newest_ms = due[-1] if len(due) <= limit and due else None
    return [
        Firing(
            slot_ms=slot_ms,
            next_slot_ms=next_slot_ms,
            missed=_why_missed(task, slot_ms, newest=slot_ms == newest_ms, now_ms=now_ms),
        )
        for slot_ms, next_slot_ms in zip(due[:limit], [*coming[1:], None], strict=False)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Where a task stands once some of its slots are dealt with, *slot_ms* the last of them.

    executed_ms: the last of them that is executed, None when all are missed.
    """

    task_id: int
    slot_ms: int
    executed_ms: int | None
    next_slot_ms: int | None
    next_due_ms: int | None


def moved_on(task: PushTask, due: Sequence[Firing]) -> Moved:
    """Return where *task* stands after its firings *due*, of which there is one at least."""
    executed = [firing.slot_ms for firing in due if firing.missed is None]
    next_slot_ms = due[-1].next_slot_ms
    return Moved(
        task_id=task.id,
        slot_ms=due[-1].slot_ms,
        executed_ms=executed[-1] if executed else None,
        next_slot_ms=next_slot_ms,
        next_due_ms=None if next_slot_ms is None else acts_at_ms(task.schedule, next_slot_ms),
    )


def _why_missed(task: PushTask, slot_ms: int, *, newest: bool, now_ms: int) -> str | None:
    """Return why a due slot is missed, None for one that is to be executed.

    By wall clock several may be under way when a task becomes active, each with zones that have
    yet to reach it. Then none is missed: who is past two of them is left out of the earlier.
    """
    age_ms = now_ms - latest_ms(task.schedule, slot_ms)
    if newest:
        in_time = age_ms <= GRACE_MS or age_ms < task.ttl_s * 1000
        return None if in_time else _too_late(slot_ms, task.ttl_s, now_ms)
    was_under_way = acts_at_ms(task.schedule, slot_ms) <= (task.active_ms or 0)
    return None if was_under_way and age_ms <= GRACE_MS else "a later slot was due as well"


def _too_late(slot_ms: int, ttl_s: int, now_ms: int) -> str:
    return (
        f"due at {hood_text(slot_ms)}, but nothing planned it before "
        f"{hood_text(now_ms)} GMT, when its ttl of {ttl_s} s was over"
    )


def _slots_from(task: PushTask, slot_ms: int) -> Iterator[int]:
    """Return the slots of an active task, *slot_ms* the first of them."""
    anchor_ms = task.create_ms if task.anchor_ms is None else task.anchor_ms
    return slots(task.schedule, anchor_ms=anchor_ms, after_ms=slot_ms - 1)


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


def _done_until_ms(schedule: Schedule, before: PushTask | None) -> int | None:
    """Return the last slot that was dealt with; None if it says nothing about *schedule*.

    What clocks on the wall read and instants of GMT are two things: a reading may be dealt with
    half a day before it is that time in GMT.
    """
    if before is None or before.schedule.by_wall_clock != schedule.by_wall_clock:
        return None
    return before.last_slot_ms


def _is_before(schedule: Schedule, slot_ms: int) -> bool:
    """Return whether *schedule* has one slot, and that before *slot_ms*."""
    start = schedule.start
    return not schedule.repeats and isinstance(start, int) and start < slot_ms


def _first_from(
    schedule: Schedule, anchor_ms: int, done_until_ms: int | None, now_ms: int
) -> int | None:
    """Return the first slot that some zone has yet to reach, or reached within the skew."""
    spread_ms = latest_ms(schedule, 0)
    after_ms = now_ms - FORGIVEN_SKEW_MS - spread_ms - 1
    if done_until_ms is not None:
        after_ms = max(after_ms, done_until_ms)
    return next(slots(schedule, anchor_ms=anchor_ms, after_ms=after_ms), None)


def _has_gone_by(schedule: Schedule, now_ms: int) -> bool:
    return (
        not schedule.repeats
        and isinstance(schedule.start, int)
        and latest_ms(schedule, schedule.start) < now_ms - FORGIVEN_SKEW_MS
    )
