"""Executions: one firing of a task each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, literal, select, update

from tocsin.domain.execution import SENDABLE, Bookmark, Execution, Kind, Order, Slot, State
from tocsin.domain.outcome import Outcome
from tocsin.store.tables import event_fold, execution, parcel
from tocsin.store.upsert import insert_new, insert_new_rows

_SENDABLE: Final = [state.value for state in SENDABLE]
_LIVE: Final = [*_SENDABLE, State.PAUSED.value]
# As the indexes ix_execution_live and ix_execution_task_id have it, letter by letter: else SQLite
# reads everything for the few that are not over.
IS_LIVE: Final = execution.c.state.in_([literal(state, literal_execute=True) for state in _LIVE])


class Executions:
    """Rows of ``execution``, and what their parcels and events add up to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, slot: Slot, *, kind: Kind, now_ms: int) -> int | None:
        """Add an execution beside the schedule; return its id, None when another stands there."""
        return insert_new(self._connection, execution, _begun(slot, now_ms) | {"kind": kind.value})

    def add_slots(
        self, due: Sequence[tuple[Slot, str | None]], *, now_ms: int
    ) -> dict[tuple[int, int], int]:
        """Add the execution of each slot, or with a reason its record of having been missed.

        Return their ids by task and slot, without those of slots that had one already.
        """
        rows = [
            _begun(slot, now_ms) if reason is None else _missed(slot, reason, now_ms)
            for slot, reason in due
        ]
        added = insert_new_rows(
            self._connection, execution, rows, execution.c.task_id, execution.c.due_ms
        )
        return {(row.task_id, row.due_ms): row.id for row in added}

    def by_id(self, execution_id: int) -> Execution | None:
        """Return one execution."""
        row = self._connection.execute(
            select(execution).where(execution.c.id == execution_id)
        ).one_or_none()
        return None if row is None else _execution(row)

    def by_ids(self, execution_ids: Iterable[int]) -> dict[int, Execution]:
        """Return executions by id."""
        rows = self._connection.execute(
            select(execution).where(execution.c.id.in_(list(execution_ids)))
        )
        return {row.id: _execution(row) for row in rows}

    def sendable(self, execution_ids: Iterable[int]) -> set[int]:
        """Return those of the ids whose parcels may be sent now."""
        return set(
            self._connection.scalars(
                select(execution.c.id).where(
                    execution.c.id.in_(list(execution_ids)),
                    execution.c.state.in_(_SENDABLE),
                    execution.c.sweep.is_(None),
                )
            )
        )

    def of_task(self, task_id: int, *, offset: int, limit: int) -> list[Execution]:
        """Return executions of a task, newest first."""
        rows = self._connection.execute(
            select(execution)
            .where(execution.c.task_id == task_id)
            .order_by(execution.c.id.desc())
            .offset(offset)
            .limit(limit)
        )
        return [_execution(row) for row in rows]

    def count_of_task(self, task_id: int) -> int:
        """Return how many executions a task has had."""
        return self._connection.execute(
            select(func.count()).select_from(execution).where(execution.c.task_id == task_id)
        ).scalar_one()

    def any_uncut(self) -> bool:
        """Return whether an execution is not cut to the end."""
        return self._any(IS_LIVE, execution.c.state == State.CUTTING.value)

    def any_sending(self) -> bool:
        """Return whether an execution is cut, and goes on until nobody of it is pending."""
        return self._any(IS_LIVE, execution.c.state == State.SENDING.value)

    def any_to_sweep(self) -> bool:
        """Return whether an execution has pending recipients who are to be given an outcome."""
        return self._any(execution.c.sweep.is_not(None))

    def any_outdated(self, rules: str) -> bool:
        """Return whether a live execution has waves of older rules than *rules*."""
        return self._any(*_outdated(rules))

    def _any(self, *conditions: ColumnElement[bool]) -> bool:
        found = self._connection.execute(select(execution.c.id).where(*conditions).limit(1))
        return found.first() is not None

    def uncut(self, *, limit: int) -> list[Execution]:
        """Return the oldest executions that are not cut to the end."""
        rows = self._connection.execute(
            select(execution)
            .where(IS_LIVE, execution.c.state == State.CUTTING.value)
            .order_by(execution.c.id)
            .limit(limit)
        )
        return [_execution(row) for row in rows]

    def take_uncut(self, execution_ids: Sequence[int]) -> dict[int, int]:
        """Return the bookmarks of those that are still to be cut, locked until commit.

        Those that another cutter has locked are passed over.
        """
        rows = self._connection.execute(
            select(execution.c.id, execution.c.next_ordinal)
            .where(
                execution.c.id.in_(execution_ids), IS_LIVE, execution.c.state == State.CUTTING.value
            )
            .order_by(execution.c.id)
            .with_for_update(skip_locked=True)
        )
        return {row.id: row.next_ordinal for row in rows}

    def call_off(self, execution_id: int, *, reason: str, now_ms: int) -> None:
        """End an execution that cannot be cut; who is pending by then is swept up."""
        self._connection.execute(
            update(execution)
            .where(execution.c.id == execution_id, execution.c.state == State.CUTTING.value)
            .values(
                state=State.CANCELLED.value,
                sweep=Outcome.CANCELLED.name.lower(),
                reason=reason,
                end_ms=now_ms,
            )
        )

    def pause(self, task_id: int) -> None:
        """Stop the executions of a task where they are.

        One that was ended already goes on to its end; so does a test, which is nobody's schedule.
        """
        self._connection.execute(
            update(execution)
            .where(
                execution.c.task_id == task_id,
                execution.c.kind != Kind.TEST.value,
                execution.c.state.in_(_SENDABLE),
                execution.c.sweep.is_(None),
            )
            .values(paused_state=execution.c.state, state=State.PAUSED.value)
        )

    def resume(self, task_id: int) -> None:
        """Let the paused executions of a task go on where they stopped."""
        self._connection.execute(
            update(execution)
            .where(execution.c.task_id == task_id, execution.c.state == State.PAUSED.value)
            .values(
                state=func.coalesce(execution.c.paused_state, State.SENDING.value),
                paused_state=None,
            )
        )

    def cancel(self, task_id: int, *, now_ms: int) -> None:
        """End the executions of a task; who is pending is swept up by and by."""
        self._connection.execute(
            update(execution)
            .where(
                execution.c.task_id == task_id,
                IS_LIVE,
                execution.c.sweep.is_(None),
            )
            .values(
                state=State.CANCELLED.value,
                paused_state=None,
                sweep=Outcome.CANCELLED.name.lower(),
                reason="cancelled on request",
                end_ms=now_ms,
            )
        )

    def live_of(self, task_ids: Sequence[int]) -> list[Execution]:
        """Return the executions of tasks that are neither over nor ended, the oldest first."""
        rows = self._connection.execute(
            select(execution)
            .where(
                execution.c.task_id.in_(task_ids),
                IS_LIVE,
                execution.c.sweep.is_(None),
            )
            .order_by(execution.c.id)
        )
        return [_execution(row) for row in rows]

    def supersede(self, ended: Sequence[tuple[int, int]]) -> None:
        """End executions, each in favour of another; who is pending is swept up by and by."""
        for execution_id, by in ended:
            self._connection.execute(
                update(execution)
                .where(execution.c.id == execution_id, IS_LIVE, execution.c.sweep.is_(None))
                .values(
                    state=State.SENDING.value,
                    paused_state=None,
                    sweep=Outcome.SUPERSEDED.name.lower(),
                    reason=f"superseded by execution {by}",
                )
            )

    def take_swept(self, *, limit: int) -> list[tuple[int, int, Outcome]]:
        """Return executions whose pending recipients are to be given an outcome, and which.

        Each as its id, its task's and the outcome.

        They stay locked until commit; another sweeper passes over them.
        """
        rows = self._connection.execute(
            select(execution.c.id, execution.c.task_id, execution.c.sweep)
            .where(execution.c.sweep.is_not(None))
            .order_by(execution.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [(row.id, row.task_id, Outcome[row.sweep.upper()]) for row in rows]

    def mark_swept(self, execution_id: int) -> None:
        """Note that nobody of an execution is pending any more."""
        self._connection.execute(
            update(execution).where(execution.c.id == execution_id).values(sweep=None)
        )

    def existing(self, execution_ids: Iterable[int]) -> set[int]:
        """Return those of the ids that there is an execution for."""
        return set(
            self._connection.scalars(
                select(execution.c.id).where(execution.c.id.in_(list(execution_ids)))
            )
        )

    def move_bookmarks(self, moved: Sequence[Bookmark]) -> None:
        """Note how far executions are cut; after the last piece there is only sending left.

        Of the rules of time zones those of the first piece stay.
        """
        if not moved:
            return
        self._connection.execute(
            update(execution)
            .where(
                execution.c.id == bindparam("execution_id"),
                execution.c.state == State.CUTTING.value,
            )
            .values(
                next_ordinal=bindparam("to_ordinal"),
                state=bindparam("to_state"),
                quotas=bindparam("drawn"),
                rules=func.coalesce(execution.c.rules, bindparam("by_rules")),
            ),
            [
                {
                    "execution_id": one.execution_id,
                    "to_ordinal": one.next_ordinal,
                    "to_state": (State.SENDING if one.complete else State.CUTTING).value,
                    "drawn": None if one.quotas is None else list(one.quotas),
                    "by_rules": one.rules,
                }
                for one in moved
            ],
        )

    def take_outdated(self, rules: str) -> tuple[Execution, str] | None:
        """Return a live execution whose waves are of older rules than *rules*, and their version.

        It is locked until commit; another process passes over it.
        """
        row = self._connection.execute(
            select(execution)
            .where(*_outdated(rules))
            .order_by(execution.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        return None if row is None else (_execution(row), row.rules)

    def mark_retimed(self, execution_id: int, *, rules: str) -> None:
        """Note which rules the waves of an execution are of."""
        self._connection.execute(
            update(execution).where(execution.c.id == execution_id).values(rules=rules)
        )

    def drained_tasks(self, *, limit: int) -> Sequence[int]:
        """Return the tasks of executions that are cut and have nobody pending."""
        return self._connection.scalars(
            select(execution.c.task_id).distinct().where(*_drained()).limit(limit)
        ).all()

    def finish_drained(self, task_ids: Sequence[int], *, now_ms: int) -> int:
        """Close those executions of the tasks that are drained; return how many."""
        if not task_ids:
            return 0
        return self._connection.execute(
            update(execution)
            .where(execution.c.task_id.in_(task_ids), *_drained())
            .values(state=State.DONE.value, end_ms=now_ms)
        ).rowcount

    def outcome_counts(self, execution_ids: Sequence[int]) -> dict[int, dict[Outcome, int]]:
        """Return, for each execution, how many recipients have each outcome."""
        sums = [
            func.coalesce(func.sum(parcel.c[outcome.name.lower()]), 0).label(outcome.name)
            for outcome in Outcome
        ]
        rows = self._connection.execute(
            select(parcel.c.execution_id, *sums)
            .where(parcel.c.execution_id.in_(execution_ids))
            .group_by(parcel.c.execution_id)
        )
        return {
            row.execution_id: {outcome: int(row._mapping[outcome.name]) for outcome in Outcome}  # noqa: SLF001 - SQLAlchemy's public accessor
            for row in rows
        }

    def live_outcome_counts(self) -> dict[Outcome, int]:
        """Return how many recipients of all executions that are not over have each outcome."""
        live = select(execution.c.id).where(IS_LIVE)
        found = self.outcome_counts(self._connection.scalars(live).all())
        return {outcome: sum(one[outcome] for one in found.values()) for outcome in Outcome}

    def event_counts(self, execution_ids: Sequence[int]) -> dict[int, dict[int, int]]:
        """Return, for each execution, how many recipients reported each kind."""
        rows = self._connection.execute(
            select(event_fold.c.execution_id, event_fold.c.kind, func.sum(event_fold.c.count))
            .where(event_fold.c.execution_id.in_(execution_ids))
            .group_by(event_fold.c.execution_id, event_fold.c.kind)
        )
        counts: dict[int, dict[int, int]] = {}
        for execution_id, kind, count in rows:
            counts.setdefault(execution_id, {})[kind] = int(count)
        return counts


def _begun(slot: Slot, now_ms: int) -> dict[str, Any]:
    """Return the row of an execution that begins now."""
    return {
        "task_id": slot.task_id,
        "root_id": slot.root_id,
        "account_id": slot.account_id,
        "due_ms": slot.due_ms,
        "state": State.CUTTING.value,
        "reason": None,
        "start_ms": now_ms,
        "end_ms": None,
        "next_ordinal": 0,
        "ordered": asdict(slot.order),
        "kind": Kind.SCHEDULED.value,
    }


def _missed(slot: Slot, reason: str, now_ms: int) -> dict[str, Any]:
    """Return the row that says of a slot that it was missed."""
    over = {"state": State.MISSED.value, "reason": reason, "start_ms": None, "end_ms": now_ms}
    return _begun(slot, now_ms) | over


def _outdated(rules: str) -> list[ColumnElement[bool]]:
    """Return the conditions under which an execution has waves of older rules."""
    return [IS_LIVE, execution.c.sweep.is_(None), execution.c.rules < rules]


def _drained() -> list[ColumnElement[bool]]:
    """Return the conditions under which an execution has nothing left to do."""
    open_parcel = select(parcel.c.id).where(
        parcel.c.execution_id == execution.c.id, parcel.c.pending > 0
    )
    return [
        IS_LIVE,
        execution.c.state == State.SENDING.value,
        execution.c.sweep.is_(None),
        ~open_parcel.exists(),
    ]


def _execution(row: Row[tuple[object, ...]]) -> Execution:
    ordered: Mapping[str, object] = row.ordered
    return Execution(
        id=row.id,
        task_id=row.task_id,
        root_id=row.root_id,
        account_id=row.account_id,
        due_ms=row.due_ms,
        state=State(row.state),
        order=Order(**ordered),  # type: ignore[arg-type]  # written by add, above
        next_ordinal=row.next_ordinal,
        kind=Kind(row.kind),
        quotas=None if row.quotas is None else tuple(row.quotas),
        sweep=None if row.sweep is None else Outcome[row.sweep.upper()],
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        reason=row.reason,
    )
