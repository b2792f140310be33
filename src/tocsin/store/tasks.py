"""Push tasks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from tocsin.domain.account import Scope
from tocsin.domain.execution import Order, Slot, State
from tocsin.domain.message import from_json, to_json
from tocsin.domain.push_task import IMMEDIATELY, Draft, PushTask, Status
from tocsin.domain.targeting import read_targeting, targeting_json
from tocsin.store.tables import execution, push_task


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
                name=draft.name,
                status=int(draft.status),
                immediately=draft.start == IMMEDIATELY,
                start_ms=draft.start if isinstance(draft.start, int) else None,
                ttl_s=draft.ttl_s,
                urgency=draft.urgency,
                custom_data=draft.custom_data,
                message=to_json(draft.message),
                targeting=targeting_json(draft.targeting),
                next_due_ms=next_due_ms,
                create_ms=now_ms,
                update_ms=now_ms,
            )
            .returning(push_task.c.id)
        ).scalar_one()
        return found

    def find(self, scope: Scope, task_id: int) -> PushTask | None:
        """Return a task that *scope* sees."""
        row = self._connection.execute(
            select(push_task).where(push_task.c.id == task_id, *_seen_by(scope))
        ).one_or_none()
        return None if row is None else _task(row)

    def newest(self, scope: Scope, *, offset: int, limit: int) -> list[PushTask]:
        """Return tasks that *scope* sees, newest first."""
        rows = self._connection.execute(
            select(push_task)
            .where(*_seen_by(scope))
            .order_by(push_task.c.id.desc())
            .offset(offset)
            .limit(limit)
        )
        return [_task(row) for row in rows]

    def count(self, scope: Scope) -> int:
        """Return how many tasks *scope* sees."""
        found: int = self._connection.execute(
            select(func.count()).select_from(push_task).where(*_seen_by(scope))
        ).scalar_one()
        return found

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
                due_ms=row.next_due_ms,
                order=Order(
                    message=row.message,
                    targeting=row.targeting,
                    ttl_s=row.ttl_s,
                    urgency=row.urgency,
                    custom_data=row.custom_data,
                ),
            )
            for row in rows
        ]

    def mark_fired(self, task_id: int, *, due_ms: int, next_due_ms: int | None) -> None:
        """Move a task from the slot *due_ms* to its next one."""
        self._connection.execute(
            update(push_task)
            .where(push_task.c.id == task_id, push_task.c.next_due_ms == due_ms)
            .values(next_due_ms=next_due_ms, last_due_ms=due_ms)
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


def _seen_by(scope: Scope) -> list[ColumnElement[bool]]:
    seen = [push_task.c.root_id == scope.root_id]
    if not scope.is_root:
        seen.append(push_task.c.account_id == scope.account_id)
    return seen


def _task(row: Row[tuple[Any, ...]]) -> PushTask:
    targeting, _ = read_targeting(row.targeting)
    return PushTask(
        id=row.id,
        name=row.name,
        status=Status(row.status),
        start=IMMEDIATELY if row.immediately else row.start_ms,
        ttl_s=row.ttl_s,
        urgency=row.urgency,
        custom_data=row.custom_data,
        message=from_json(row.message),
        targeting=targeting,
        next_execution_ms=row.next_due_ms,
        last_execution_ms=row.last_due_ms,
        create_ms=row.create_ms,
        update_ms=row.update_ms,
    )
