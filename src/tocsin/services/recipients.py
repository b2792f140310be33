"""What became of one person in an execution, or why they were not in it."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.attempt import Unanswered
from tocsin.domain.book import DrawnAd, DrawRow
from tocsin.domain.errors import NotFound
from tocsin.domain.execution import Execution, State, schedule_of
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Addressed, reason_of
from tocsin.domain.push_task import PushTask
from tocsin.domain.schedule import wave_of
from tocsin.domain.subscription import Subscriber
from tocsin.services import reaching


class Tasks(Protocol):
    """The store's side of tasks."""

    def find(self, scope: Scope, task_id: int) -> PushTask | None: ...


class Executions(Protocol):
    """The store's side of executions."""

    def by_id(self, execution_id: int) -> Execution | None: ...


class Subscribers(Protocol):
    """The store's side of subscribers."""

    def seen(self, scope: Scope, ids: Collection[int]) -> Sequence[Subscriber]: ...


class Parcels(Protocol):
    """The store's side of parcels."""

    def of_ordinal(self, execution_id: int, ordinal: int) -> Addressed | None: ...


class Draws(Protocol):
    """The store's side of draws."""

    def of_recipient(
        self, execution_id: int, ordinal: int
    ) -> Sequence[tuple[DrawRow, Sequence[DrawnAd]]]: ...


class Unit(reaching.Unit, Protocol):
    """One transaction."""

    @property
    def draws(self) -> Draws: ...

    @property
    def tasks(self) -> Tasks: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def subscribers(self) -> Subscribers: ...
    @property
    def parcels(self) -> Parcels: ...


class Store(Protocol):
    """Where transactions come from."""

    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one person. outcome: None for one who was not addressed.

    at_ms: of the last attempt. answer: the HTTP status of the push service's last answer. draws:
    each with what it answered; None where the task does not draw.
    """

    outcome: Outcome | None
    reason: str
    attempts: int = 0
    at_ms: int | None = None
    answer: int | None = None
    draws: Sequence[tuple[DrawRow, Sequence[DrawnAd]]] | None = None


class RecipientService:
    """Sees the executions and the people that its scope sees."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def account(
        self, scope: Scope, task_id: int, execution_id: int, user_id: int, *, now_ms: int
    ) -> Account:
        """Return what became of one person. Raises NotFound."""
        with self._store.read() as unit:
            if unit.tasks.find(scope, task_id) is None:
                raise NotFound("push task", str(task_id))
            execution = unit.executions.by_id(execution_id)
            if execution is None or execution.task_id != task_id:
                raise NotFound("execution", str(execution_id))
            found = unit.subscribers.seen(scope, [user_id])
            if not found:
                raise NotFound("user", str(user_id))
            subscriber = found[0]
            draws = (
                None
                if execution.order.adex is None
                else unit.draws.of_recipient(execution_id, subscriber.ordinal)
            )
            addressed = unit.parcels.of_ordinal(execution_id, subscriber.ordinal)
            if addressed is None:
                why_not = _why_not(unit, execution, subscriber, now_ms)
                return Account(None, why_not, draws=draws)
        return Account(
            outcome=addressed.outcome,
            reason=_why(execution, subscriber, addressed),
            attempts=addressed.attempt.attempts,
            at_ms=addressed.attempt.at_ms,
            answer=addressed.attempt.status,
            draws=draws,
        )


def _why(execution: Execution, subscriber: Subscriber, addressed: Addressed) -> str:
    """Return why somebody who was addressed has their outcome.

    The suppressed of an execution in waves are those whom its next one overtakes, and those whose
    turn would come after its end (domain.schedule.wave_of).
    """
    if addressed.outcome is Outcome.SUPERSEDED and execution.reason is None:
        alone = wave_of(
            schedule_of(execution.order),
            subscriber.attributes.time_zone,
            slot_ms=execution.due_ms,
            next_slot_ms=None,
            active_ms=execution.order.active_ms,
        )
        if alone is None:
            return "their own hour for it would have come after the task's end_time"
    if addressed.outcome is Outcome.PENDING and addressed.is_parked:
        return reason_of(addressed.outcome, Unanswered.PARKED)
    return reason_of(addressed.outcome, addressed.attempt.answer)


def _why_not(unit: Unit, execution: Execution, subscriber: Subscriber, now_ms: int) -> str:
    if execution.state is State.MISSED:
        return f"nobody was addressed: {execution.reason}"
    if subscriber.ordinal >= execution.next_ordinal:
        if execution.state in (State.CUTTING, State.PAUSED):
            return "not addressed yet: the execution is still being cut"
        if execution.reason is not None:
            return f"not addressed: the execution was ended before their turn, {execution.reason}"
    criterion = reaching.why_not(unit, execution, subscriber, now_ms=now_ms)
    if criterion is not None:
        return f"left out by the criterion {criterion}"
    if not subscriber.active:
        return "left out: they had unsubscribed"
    if subscriber.attributes.subscribed_ms > (execution.start_ms or 0):
        return "left out: they subscribed after the execution had begun"
    if execution.order.total_user is not None:
        return f"left out by total_user, the cap of {execution.order.total_user} recipients"
    return "left out: they did not match when the execution was cut, though they do now"
