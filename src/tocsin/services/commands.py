"""What a client tells a task to do: pause, resume, cancel, run, copy, test."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.calendar import Place, is_slot, place_of
from tocsin.domain.errors import Conflict, Fault, Invalid, NotFound
from tocsin.domain.execution import Kind, Slot, order_of
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.instants import hood_text
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.domain.schedule import Schedule
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import USERS, Criterion, Targeting
from tocsin.services import ordering, planning
from tocsin.services.idempotency import Requests, once


class Tasks(planning.Tasks, Protocol):
    """The store's side of tasks."""

    def add(self, new: Sequence[tuple[Scope, Draft, Place, int]]) -> list[int]: ...
    def lock(self, scope: Scope, task_id: int) -> PushTask | None: ...
    def rewrite(self, task_id: int, draft: Draft, place: Place, *, now_ms: int) -> None: ...
    def note_execution(self, task_id: int, *, at_ms: int) -> None: ...
    def delete(self, task_id: int, *, now_ms: int) -> None: ...


class Executions(planning.Executions, Protocol):
    """The store's side of executions."""

    def add(self, slot: Slot, *, kind: Kind, now_ms: int) -> int | None: ...
    def pause(self, task_id: int) -> None: ...
    def resume(self, task_id: int) -> None: ...
    def cancel(self, task_id: int, *, now_ms: int) -> None: ...


class Parcels(Protocol):
    """The store's side of parcels."""

    def release(self, task_id: int, *, now_ms: int) -> None: ...


class Subscribers(Protocol):
    """The store's side of subscribers."""

    def seen(self, scope: Scope, ids: Collection[int]) -> Sequence[Subscriber]: ...


class Unit(ordering.Unit, Protocol):
    """One transaction."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def parcels(self) -> Parcels: ...
    @property
    def subscribers(self) -> Subscribers: ...
    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...


class Edited(Protocol):
    """What an edit makes of a task, good or not."""

    @property
    def draft(self) -> Draft: ...

    def accepted(self, more: Sequence[Fault] = ()) -> Draft:
        """Return the draft. Raises Invalid for its faults, and for *more* found elsewhere."""
        ...


class CommandService:
    """A command that asks for what is so already changes nothing, and is no error.

    Each locks the task's row first and its executions after it, as everybody does.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def edit(
        self, scope: Scope, task_id: int, edit: Callable[[PushTask], Edited], *, now_ms: int
    ) -> None:
        """Change a task to what *edit* makes of it. Raises NotFound, Conflict, Invalid.

        An execution that has begun sends what it began with; its state follows the status.
        """
        with self._store.write() as unit:
            task = _open(unit, scope, task_id, now_ms)
            edited = edit(task)
            unknown = ordering.unknown_faults(unit, _owner(task), edited.draft, keep=True)
            _rewrite(unit, task, edited.accepted(unknown), now_ms)

    def pause(
        self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Make a task inactive; its execution keeps its place. Raises NotFound, Conflict."""
        return self._set(scope, task_id, Status.INACTIVE, now_ms, claim)

    def resume(
        self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Make a task active; its execution goes on. Raises NotFound, Conflict, Invalid.

        Parcels that were parked are tried again.

        What its excludes name may have gone while it was inactive: it is then refused.
        """
        return self._set(scope, task_id, Status.ACTIVE, now_ms, claim)

    def _set(
        self, scope: Scope, task_id: int, status: Status, now_ms: int, claim: Claim | None
    ) -> Receipt:
        def act(unit: Unit) -> str:
            task = _open(unit, scope, task_id, now_ms)
            if status is Status.ACTIVE and task.schedule.start is None:
                sentence = "Push task without start_time can not be active."
                raise Invalid((Fault("start_time", sentence),))
            if status is Status.ACTIVE and task.status is not Status.ACTIVE:
                ordering.refuse_unknown(unit, _owner(task), task, keep=True)
            _rewrite(unit, task, replace(task, status=status), now_ms)
            return ""

        return self._once(claim, now_ms, act)

    def cancel(
        self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """End the task's execution; its schedule goes on. Raises NotFound."""

        def act(unit: Unit) -> str:
            _caught_up(unit, scope, task_id, now_ms)
            unit.executions.cancel(task_id, now_ms=now_ms)
            unit.tasks.finish_idle(now_ms=now_ms, task_ids=[task_id])
            return ""

        return self._once(claim, now_ms, act)

    def run(
        self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Start an execution now, beside the schedule. Raises NotFound, Conflict."""

        def act(unit: Unit) -> str:
            task = _open(unit, scope, task_id, now_ms)
            if task.status is not Status.ACTIVE:
                raise Conflict(f"push task {task_id} is inactive: resume it before you run it")
            end_ms = task.schedule.end_ms
            if end_ms is not None and end_ms < now_ms:
                raise Conflict(
                    f"the end_time of push task {task_id} was {hood_text(end_ms)} GMT: "
                    "set a later one, or none, before you run it"
                )
            # People's own hours are for slots; who asks for now means now.
            now = replace(task, schedule=Schedule(start=now_ms), active_ms=now_ms)
            begun = _execute(unit, task, now, Kind.MANUAL, now_ms)
            planning.supersede(unit, [begun])
            unit.tasks.note_execution(task_id, at_ms=now_ms)
            return ""

        return self._once(claim, now_ms, act)

    def test(
        self,
        scope: Scope,
        task_id: int,
        users: Sequence[str],
        *,
        now_ms: int,
        claim: Claim | None = None,
    ) -> Receipt:
        """Send a task to *users* and nobody else, whatever its state and its targeting.

        Raises NotFound, and Invalid for an id that is no subscriber's of the task's account, or
        of one who has unsubscribed.
        """

        def act(unit: Unit) -> str:
            task = _seen(unit, scope, task_id)
            found = unit.subscribers.seen(_owner(task), [*map(int, users)])
            active = {one.id: one.active for one in found}
            strange = [
                Fault(f"users.{number}", _STRANGE[active.get(int(id_))])
                for number, id_ in enumerate(users)
                if not active.get(int(id_))
            ]
            if strange:
                raise Invalid(tuple(strange))
            shown = replace(
                task,
                schedule=Schedule(start=now_ms),
                targeting=Targeting((Criterion(USERS, "include", tuple(users)),)),
                total_user=None,
                active_ms=now_ms,
            )
            _execute(unit, task, shown, Kind.TEST, now_ms)
            return ""

        return self._once(claim, now_ms, act)

    def copy(
        self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Make an inactive task like this one; its id is the receipt's result. Raises NotFound."""

        def act(unit: Unit) -> str:
            task = _seen(unit, scope, task_id)
            (made,) = unit.tasks.add([(_owner(task), _copied(task), Place(), now_ms)])
            return str(made)

        return self._once(claim, now_ms, act)

    def delete(self, scope: Scope, task_id: int, *, now_ms: int) -> None:
        """End what the task has under way, and take it out of sight. Raises NotFound."""
        with self._store.write() as unit:
            _caught_up(unit, scope, task_id, now_ms)
            unit.executions.cancel(task_id, now_ms=now_ms)
            unit.tasks.delete(task_id, now_ms=now_ms)

    def _once(self, claim: Claim | None, now_ms: int, act: Callable[[Unit], str]) -> Receipt:
        with self._store.write() as unit:
            return once(unit, claim, now_ms=now_ms, act=lambda: act(unit))


# What is wrong with a user that is to be sent a test, by whether they are active.
_STRANGE: Final = {
    None: "is no subscriber of the task's account",
    False: "has unsubscribed: there is nowhere to send a test to",
}


def _owner(task: PushTask) -> Scope:
    """Return what the account of a task sees: whom it reaches, and what its targeting can name."""
    return Scope(root_id=task.root_id, account_id=task.account_id)


def _seen(unit: Unit, scope: Scope, task_id: int) -> PushTask:
    task = unit.tasks.lock(scope, task_id)
    if task is None:
        raise NotFound("push task", str(task_id))
    return task


def _caught_up(unit: Unit, scope: Scope, task_id: int, now_ms: int) -> PushTask:
    """Return a task, locked, with nothing due.

    A slot that came before a command is dealt with first, by the order as it stood at the slot:
    whether a planner or the client was faster makes no difference.
    """
    task = _seen(unit, scope, task_id)
    while task.next_due_ms is not None and task.next_due_ms <= now_ms:
        planning.fire(unit, [task], now_ms=now_ms)
        task = _seen(unit, scope, task_id)
    return task


def _open(unit: Unit, scope: Scope, task_id: int, now_ms: int) -> PushTask:
    task = _caught_up(unit, scope, task_id, now_ms)
    if task.status is Status.FINISHED:
        raise Conflict(f"push task {task_id} is finished and can not be changed: copy it")
    return task


def _rewrite(unit: Unit, task: PushTask, draft: Draft, now_ms: int) -> None:
    unit.tasks.rewrite(task.id, draft, place_of(draft, before=task, now_ms=now_ms), now_ms=now_ms)
    if draft.status is Status.ACTIVE:
        unit.executions.resume(task.id)
        unit.parcels.release(task.id, now_ms=now_ms)
    else:
        unit.executions.pause(task.id)


def _execute(
    unit: Unit, task: PushTask, now: PushTask, kind: Kind, now_ms: int
) -> tuple[int, Slot]:
    """Start an execution beside the schedule of *task*; return its id and its place.

    now: the task as it is to be sent. Two of one millisecond stand one before the other, and none
    in the place of a slot, nor where an edit may yet put one: dates have whole seconds.
    """
    slot = Slot(
        task_id=task.id,
        root_id=task.root_id,
        account_id=task.account_id,
        due_ms=now_ms,
        order=order_of(now, next_slot_ms=None),
    )
    while True:
        if slot.due_ms % 1000 and not is_slot(task, slot.due_ms):
            added = unit.executions.add(slot, kind=kind, now_ms=now_ms)
            if added is not None:
                return added, slot
        slot = replace(slot, due_ms=slot.due_ms - 1)


def _copied(task: PushTask) -> Draft:
    """Return what was ordered with *task*, inactive."""
    ordered: dict[str, Any] = {name: getattr(task, name) for name in Draft.__dataclass_fields__}
    return Draft(**ordered | {"status": Status.INACTIVE})
