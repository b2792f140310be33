"""Push tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from tocsin.domain import adex, message
from tocsin.domain.account import Scope
from tocsin.domain.execution import Order, Slot, State, schedule_json
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import Draft, PushTask, Status
from tocsin.domain.schedule import IMMEDIATELY, QuietTime, Schedule
from tocsin.domain.targeting import read_targeting, targeting_json
from tocsin.store.queries import find_page
from tocsin.store.scoping import seen_by
from tocsin.store.tables import execution, push_task

_LISTED: Final[Mapping[str, ColumnElement[Any]]] = {
    "id": push_task.c.id,
    "name": push_task.c.name,
    "status": push_task.c.status,
    "start_time": push_task.c.start_ms,
    "end_time": push_task.c.end_ms,
    "next_execution_time": push_task.c.next_slot_ms,
    "last_execution_time": push_task.c.last_due_ms,
    "create_time": push_task.c.create_ms,
    "update_time": push_task.c.update_ms,
}


class Tasks:
    """Rows of ``push_task``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, scope: Scope, draft: Draft, *, next_due_ms: int | None, now_ms: int) -> int:
        """Add a task; return its id."""
        found: int = self._connection.execute(
            insert(push_task)
            .values(
                root_id=scope.root_id,
                account_id=scope.account_id,
                next_due_ms=next_due_ms,
                next_slot_ms=next_due_ms,
                create_ms=now_ms,
                update_ms=now_ms,
                **_ordered(draft),
            )
            .returning(push_task.c.id)
        ).scalar_one()
        return found

    def find(self, scope: Scope, task_id: int) -> PushTask | None:
        """Return a task that *scope* sees."""
        row = self._connection.execute(
            select(push_task).where(
                push_task.c.id == task_id,
                push_task.c.delete_ms.is_(None),
                *seen_by(scope, push_task),
            )
        ).one_or_none()
        return None if row is None else _task(row)

    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, list[PushTask]]:
        """Return how many tasks that *scope* sees *query* asks for, and its page of them."""
        total, rows = find_page(
            self._connection,
            select(push_task).where(push_task.c.delete_ms.is_(None), *seen_by(scope, push_task)),
            query,
            columns=_LISTED,
            newest=push_task.c.id,
        )
        return total, [_task(row) for row in rows]

    def due(self, *, now_ms: int, limit: int) -> list[Slot]:
        """Return due slots, their tasks locked until commit; another planner passes over them."""
        rows = self._connection.execute(
            select(push_task)
            .where(push_task.c.next_due_ms <= now_ms)
            .order_by(push_task.c.next_due_ms, push_task.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [
            Slot(
                task_id=row.id,
                root_id=row.root_id,
                account_id=row.account_id,
                due_ms=row.next_slot_ms,
                order=Order(
                    message=row.message,
                    targeting=row.targeting,
                    ttl_s=row.ttl_s,
                    urgency=row.urgency,
                    custom_data=row.custom_data,
                    adex=row.adex,
                    name=row.name,
                    total_user=row.total_user,
                    schedule=schedule_json(_schedule(row)),
                    active_ms=row.active_ms or 0,
                ),
            )
            for row in rows
        ]

    def mark_fired(self, task_id: int, *, due_ms: int, next_due_ms: int | None) -> None:
        """Move a task from the slot *due_ms* to its next one."""
        self._connection.execute(
            update(push_task)
            .where(push_task.c.id == task_id, push_task.c.next_slot_ms == due_ms)
            .values(next_due_ms=next_due_ms, next_slot_ms=next_due_ms, last_due_ms=due_ms)
        )

    def finish_idle(self, *, now_ms: int, task_ids: Sequence[int]) -> None:
        """Finish those of the tasks that have neither a slot nor a live execution left."""
        over = [State.DONE.value, State.CANCELLED.value, State.MISSED.value]
        live = (
            select(execution.c.id)
            .where(execution.c.task_id == push_task.c.id, execution.c.state.not_in(over))
            .exists()
        )
        self._connection.execute(
            update(push_task)
            .where(
                push_task.c.id.in_(task_ids),
                push_task.c.status == int(Status.ACTIVE),
                push_task.c.next_due_ms.is_(None),
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
        last_slot_ms=row.last_due_ms,
        anchor_ms=row.anchor_ms,
        active_ms=row.active_ms,
        create_ms=row.create_ms,
        update_ms=row.update_ms,
    )
