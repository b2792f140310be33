"""Push tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    insert,
    select,
    update,
)

from tocsin.domain import adex, message
from tocsin.domain.account import Scope
from tocsin.domain.calendar import Moved, Place
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.domain.schedule import IMMEDIATELY, QuietTime, Schedule
from tocsin.domain.targeting import read_targeting, targeting_json
from tocsin.store.executions import IS_LIVE
from tocsin.store.queries import find_page, whole_seconds
from tocsin.store.scoping import seen_by
from tocsin.store.tables import execution, push_task

_LISTED: Final[Mapping[str, ColumnElement[Any]]] = {
    "id": push_task.c.id,
    "name": push_task.c.name,
    "status": push_task.c.status,
    "start_time": whole_seconds(push_task.c.start_ms),
    "end_time": whole_seconds(push_task.c.end_ms),
    "next_execution_time": whole_seconds(push_task.c.next_slot_ms),
    "last_execution_time": whole_seconds(push_task.c.last_execution_ms),
    "create_time": whole_seconds(push_task.c.create_ms),
    "update_time": whole_seconds(push_task.c.update_ms),
}


class Tasks:
    """Rows of ``push_task``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Sequence[tuple[Scope, Draft, Place, int]]) -> list[int]:
        """Add tasks, each made at an instant; return their ids, in the same order."""
        if not new:
            return []
        return list(
            self._connection.scalars(
                insert(push_task).returning(push_task.c.id, sort_by_parameter_order=True),
                [
                    {
                        "root_id": scope.root_id,
                        "account_id": scope.account_id,
                        "create_ms": now_ms,
                        "update_ms": now_ms,
                        **_ordered(draft),
                        **asdict(place),
                    }
                    for scope, draft, place, now_ms in new
                ],
            )
        )

    def _visible(self, scope: Scope) -> Select[tuple[Any, ...]]:
        return select(push_task).where(push_task.c.delete_ms.is_(None), *seen_by(scope, push_task))

    def find(self, scope: Scope, task_id: int) -> PushTask | None:
        """Return a task that *scope* sees."""
        row = self._connection.execute(
            self._visible(scope).where(push_task.c.id == task_id)
        ).one_or_none()
        return None if row is None else _task(row)

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, list[PushTask]]:
        """Return how many tasks that *scope* sees *query* asks for, and its page of them."""
        total, rows = find_page(
            self._connection,
            self._visible(scope),
            query,
            columns=_LISTED,
            newest=push_task.c.id,
        )
        return total, [_task(row) for row in rows]

    def due(self, *, now_ms: int, limit: int) -> list[PushTask]:
        """Return due tasks, locked until commit; another planner passes over them."""
        rows = self._connection.execute(
            select(push_task)
            .where(push_task.c.next_due_ms <= now_ms)
            .order_by(push_task.c.next_due_ms, push_task.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [_task(row) for row in rows]

    def next_due_ms(self) -> int | None:
        """Return when the next task falls due, or the longest due one fell; None for none."""
        next_due_ms = push_task.c.next_due_ms
        query = select(func.min(next_due_ms)).where(next_due_ms.is_not(None))
        found: int | None = self._connection.scalar(query)
        return found

    def move_on(self, moved: Sequence[Moved]) -> None:
        """Write where tasks stand once what was due of them is dealt with."""
        if not moved:
            return
        executed: ColumnElement[Any] = func.coalesce(
            bindparam("executed_ms"), push_task.c.last_execution_ms
        )
        self._connection.execute(
            update(push_task)
            .where(push_task.c.id == bindparam("task_id"))
            .values(
                last_slot_ms=bindparam("slot_ms"),
                last_execution_ms=executed,
                next_slot_ms=bindparam("next_slot_ms"),
                next_due_ms=bindparam("next_due_ms"),
            ),
            [asdict(one) for one in moved],
        )

    def lock(self, scope: Scope, task_id: int) -> PushTask | None:
        """Return a task that *scope* sees; nobody else changes it until commit."""
        row = self._connection.execute(
            self._visible(scope).where(push_task.c.id == task_id).with_for_update()
        ).one_or_none()
        return None if row is None else _task(row)

    def rewrite(self, task_id: int, draft: Draft, place: Place, *, now_ms: int) -> None:
        """Write what a client changed of a task, and where it stands now."""
        self._connection.execute(
            update(push_task)
            .where(push_task.c.id == task_id)
            .values(update_ms=now_ms, **_ordered(draft), **asdict(place))
        )

    def note_execution(self, task_id: int, *, at_ms: int) -> None:
        """Note an execution beside the schedule."""
        self._connection.execute(
            update(push_task).where(push_task.c.id == task_id).values(last_execution_ms=at_ms)
        )

    def delete(self, task_id: int, *, now_ms: int) -> None:
        """Take a task out of sight; its executions stay."""
        self._connection.execute(
            update(push_task)
            .where(push_task.c.id == task_id)
            .values(
                delete_ms=now_ms,
                status=int(Status.INACTIVE),
                next_slot_ms=None,
                next_due_ms=None,
            )
        )

    def hold(self, task_ids: Sequence[int]) -> Sequence[int]:
        """Lock these tasks until commit; return those that nobody else has locked."""
        return self._connection.scalars(
            select(push_task.c.id)
            .where(push_task.c.id.in_(task_ids))
            .order_by(push_task.c.id)
            .with_for_update(skip_locked=True)
        ).all()

    def finish_idle(self, *, now_ms: int, task_ids: Sequence[int]) -> None:
        """Finish those of the tasks that have neither a slot nor a live execution left.

        One that never had a slot stays as it is: it may be edited until it has.
        """
        if not task_ids:
            return
        live = select(execution.c.id).where(execution.c.task_id == push_task.c.id, IS_LIVE).exists()
        self._connection.execute(
            update(push_task)
            .where(
                push_task.c.id.in_(task_ids),
                push_task.c.status == int(Status.ACTIVE),
                push_task.c.next_due_ms.is_(None),
                push_task.c.last_slot_ms.is_not(None),
                ~live,
            )
            .values(status=int(Status.FINISHED), update_ms=now_ms)
        )


def _ordered(draft: Draft) -> dict[str, Any]:
    """Return the columns of what a client orders."""
    schedule = draft.schedule
    return {
        "name": draft.name,
        "status": int(draft.status),
        "message": {} if draft.message is None else message.to_json(draft.message),
        "adex": None if draft.adex is None else adex.to_json(draft.adex),
        "targeting": targeting_json(draft.targeting),
        "ttl_s": draft.ttl_s,
        "urgency": draft.urgency,
        "custom_data": draft.custom_data,
        "total_user": draft.total_user,
        "immediately": schedule.start == IMMEDIATELY,
        "start_ms": schedule.start if isinstance(schedule.start, int) else None,
        "end_ms": schedule.end_ms,
        "frequency_s": schedule.frequency_s,
        "cron": schedule.cron,
        "user_time_zone": schedule.user_time_zone,
        "quiet_from": schedule.quiet_time and schedule.quiet_time.from_hour,
        "quiet_to": schedule.quiet_time and schedule.quiet_time.to_hour,
    }


def _schedule(row: Row[tuple[Any, ...]]) -> Schedule:
    quiet = None if row.quiet_from is None else QuietTime(row.quiet_from, row.quiet_to)
    return Schedule(
        start=IMMEDIATELY if row.immediately else row.start_ms,
        end_ms=row.end_ms,
        frequency_s=row.frequency_s,
        cron=row.cron,
        user_time_zone=row.user_time_zone,
        quiet_time=quiet,
    )


def _message(shape: Mapping[str, Any]) -> message.Message | None:
    return message.from_json(shape) if shape else None


def _task(row: Row[tuple[Any, ...]]) -> PushTask:
    targeting, _ = read_targeting(row.targeting)
    return PushTask(
        id=row.id,
        root_id=row.root_id,
        account_id=row.account_id,
        name=row.name,
        status=Status(row.status),
        schedule=_schedule(row),
        ttl_s=row.ttl_s,
        urgency=row.urgency,
        total_user=row.total_user,
        custom_data=row.custom_data,
        message=_message(row.message),
        adex=None if row.adex is None else adex.from_json(row.adex),
        targeting=targeting,
        next_slot_ms=row.next_slot_ms,
        next_due_ms=row.next_due_ms,
        last_slot_ms=row.last_slot_ms,
        last_execution_ms=row.last_execution_ms,
        anchor_ms=row.anchor_ms,
        active_ms=row.active_ms,
        create_ms=row.create_ms,
        update_ms=row.update_ms,
    )
