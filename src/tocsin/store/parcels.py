"""Parcels: what is leased, sent and accounted."""

from collections.abc import Collection, Iterable, Sequence
from itertools import takewhile

from pyroaring import BitMap
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from tocsin.domain.execution import SENDABLE, Kind, State
from tocsin.domain.outcome import Outcome, tally
from tocsin.domain.parcel import (
    MOST_RECOVERIES,
    Addressed,
    Made,
    Parcel,
    Waiting,
    fitting,
)
from tocsin.store.executions import IS_LIVE
from tocsin.store.parcel_rows import HELD, RECORD, held_of, record_of, row_of
from tocsin.store.tables import execution, parcel


class Parcels:
    """Rows of ``parcel``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, made: Sequence[Made]) -> None:
        """Add parcels that were cut."""
        # Each outcome has a column of its own, and one statement writes to the same columns.
        for outcome in {one.outcome for one in made}:
            self._connection.execute(
                insert(parcel),
                [row_of(one) for one in made if one.outcome is outcome],
            )

    def lease(
        self, *, now_ms: int, hold_ms: int, limit: int, room: int, beside: bool = False
    ) -> tuple[list[Parcel], list[Parcel]]:
        """Take up to *limit* due parcels, the longest due first, for *hold_ms*.

        One whose holder ended without a word is taken alone, and not by who has others in hand
        (beside): whatever ends the next holder too, there is one parcel that it may lie in.

        Beside those taken, return those that were parked instead: so many holders ended without a
        word that what they were about is likely to be why. They wait until their TTL is over, or
        until they are released; whoever leases one then settles it without sending.

        room: for how many pending recipients there is; the first parcel is taken all the same.
        Another taker at the same instant may leave this one others than were measured.

        The lease is the parcel's next due instant, so one that its holder never gives back
        falls due by itself. The fence rises with every lease: what an earlier holder still
        writes is refused. While somebody is to be swept up of an execution, no execution of its
        task is sent: nobody has two messages of one task under way.
        """
        due, lapsed = _due(now_ms), parcel.c.lease_ms.is_not(None)
        found = self._connection.execute(
            due.with_only_columns(parcel.c.pending, lapsed.label("lapsed")).limit(limit)
        ).all()
        is_lapsed = bool(found and found[0].lapsed)
        if not found or (is_lapsed and beside):
            return [], []
        sizes = [row.pending for row in takewhile(lambda row: not row.lapsed, found)]
        count = 1 if is_lapsed else fitting(sizes, room)
        # As a common table expression, PostgreSQL looks for them once. As a plain sub-query it may
        # do so once per row of the table, and take more with every look.
        taken = (
            due.where(lapsed if is_lapsed else ~lapsed)
            .limit(count)
            .with_for_update(skip_locked=True, of=parcel)
            .cte("due")
        )
        rows = self._connection.execute(
            update(parcel)
            .where(parcel.c.id.in_(select(taken.c.id)))
            .values(
                fence=parcel.c.fence + 1,
                due_ms=now_ms + hold_ms,
                lease_ms=now_ms + hold_ms,
                recoveries=parcel.c.recoveries + int(is_lapsed),
            )
            .returning(*HELD)
        )
        held = sorted((held_of(row, now_ms) for row in rows), key=lambda one: one.id)
        parked = [one for one in held if _is_set_aside(one, now_ms)]
        if parked:
            self._park([one.id for one in parked])
        return [one for one in held if not _is_set_aside(one, now_ms)], parked

    def _park(self, ids: Collection[int]) -> None:
        self._connection.execute(
            update(parcel)
            .where(parcel.c.id.in_(ids))
            .values(due_ms=parcel.c.expires_ms, lease_ms=None)
        )

    def release(self, task_id: int, *, now_ms: int) -> None:
        """Let parked parcels of a task that can still be sent be tried again."""
        live = select(execution.c.id).where(execution.c.task_id == task_id, IS_LIVE)
        self._connection.execute(
            update(parcel)
            .where(
                parcel.c.execution_id.in_(live),
                parcel.c.pending > 0,
                parcel.c.recoveries > MOST_RECOVERIES,
                parcel.c.lease_ms.is_(None),
            )
            .values(recoveries=0, due_ms=now_ms)
        )

    def rouse(self, parcel_ids: Iterable[int], *, due_ms: int) -> None:
        """Let parcels that nobody holds fall due at *due_ms*, if they wait for longer."""
        self._rouse(parcel.c.id.in_(list(parcel_ids)), due_ms=due_ms)

    def rouse_waiting(self, root_id: int, *, due_ms: int) -> None:
        """Let the parcels of a tenant fall due in which somebody waits for another attempt.

        They are locked first, in the order in which those who record do so: one that is being
        given back meanwhile is seen as it is then.
        """
        waiting = and_(parcel.c.root_id == root_id, parcel.c.pending > 0, parcel.c.fence > 0)
        query = select(parcel.c.id).where(waiting).order_by(parcel.c.id).with_for_update()
        self._connection.execute(query).all()
        self._rouse(waiting, due_ms=due_ms)

    def _rouse(self, some: ColumnElement[bool], *, due_ms: int) -> None:
        self._connection.execute(
            update(parcel)
            .where(
                some,
                parcel.c.pending > 0,
                parcel.c.recoveries <= MOST_RECOVERIES,
                parcel.c.lease_ms.is_(None),
                parcel.c.due_ms > due_ms,
            )
            .values(due_ms=due_ms)
        )

    def parked(self) -> list[int]:
        """Return the ids of the parcels that are parked, with somebody pending."""
        rows = self._connection.scalars(
            select(parcel.c.id)
            .where(parcel.c.pending > 0, parcel.c.recoveries > MOST_RECOVERIES)
            .order_by(parcel.c.id)
        )
        return list(rows)

    def next_due_ms(self) -> int | None:
        """Return when the next parcel that may be sent falls due, or the longest due one fell.

        None when there is none. What is paused, or waits for a sweep, comes back by a change of
        its execution.
        """
        return self._connection.scalar(
            select(parcel.c.due_ms)
            .join(execution, execution.c.id == parcel.c.execution_id)
            .where(
                parcel.c.pending > 0,
                execution.c.state.in_([state.value for state in SENDABLE]),
                execution.c.task_id.not_in(_being_swept()),
            )
            .order_by(parcel.c.due_ms)
            .limit(1)
        )

    def of_ordinal(self, execution_id: int, ordinal: int) -> Addressed | None:
        """Return how one recipient of an execution stands, None when it does not address them.

        The bitmaps of its parcels are looked through, a hundred at a time; nothing else of them is
        read but of the one that holds the ordinal.
        """
        with self._connection.execute(
            select(parcel.c.id, parcel.c.recipients)
            .where(parcel.c.execution_id == execution_id)
            .execution_options(yield_per=100)
        ) as rows:
            found = next(
                (row.id for row in rows if ordinal in BitMap.deserialize(row.recipients)), None
            )
        if found is None:
            return None
        row = self._connection.execute(
            select(*HELD, parcel.c.due_ms).where(parcel.c.id == found)
        ).one()
        held = held_of(row, 0)
        index = held.ordinals.index(ordinal)
        outcome = Outcome(held.outcomes[index])
        retry = held.retries.get(index)
        due_ms = row.due_ms if retry is None else retry.not_before_ms
        return Addressed(
            outcome=outcome,
            attempt=held.attempt_of(index),
            due_ms=due_ms if outcome is Outcome.PENDING else None,
            expires_ms=held.expires_ms,
            is_parked=held.is_parked,
        )

    def take_waiting(self, execution_id: int, *, now_ms: int) -> list[Waiting]:
        """Take away those parcels of an execution that are due later, and return them.

        One that a sender has had already is left.
        """
        rows = self._connection.execute(
            delete(parcel)
            .where(
                parcel.c.execution_id == execution_id,
                parcel.c.fence == 0,
                parcel.c.pending == parcel.c.size,
                parcel.c.due_ms > now_ms,
            )
            .returning(parcel.c.recipients, parcel.c.due_ms, parcel.c.overtaken_ms)
        )
        return [
            Waiting(BitMap.deserialize(row.recipients).to_array(), row.due_ms, row.overtaken_ms)
            for row in rows
        ]

    def take_unheld(self, execution_id: int, *, now_ms: int, limit: int) -> list[Parcel]:
        """Take parcels of an execution with somebody pending that no sender holds."""
        return self._take(
            select(parcel.c.id).where(parcel.c.execution_id == execution_id).order_by(parcel.c.id),
            now_ms,
            limit,
        )

    def any_overtaken(self, *, now_ms: int) -> bool:
        """Return whether a parcel is overtaken, with somebody pending."""
        return self._connection.execute(_overtaken(now_ms).limit(1)).first() is not None

    def next_overtaken_ms(self, *, now_ms: int) -> int | None:
        """Return when the next slot comes for somebody pending, after *now_ms*; None: never."""
        found: int | None = self._connection.scalar(
            select(func.min(parcel.c.overtaken_ms)).where(
                parcel.c.pending > 0, parcel.c.overtaken_ms > now_ms
            )
        )
        return found

    def take_overtaken(self, *, now_ms: int, limit: int) -> list[Parcel]:
        """Take parcels that are overtaken, with somebody pending, and that no sender holds."""
        longest_first = _overtaken(now_ms).order_by(parcel.c.overtaken_ms)
        return self._take(longest_first, now_ms, limit)

    def _take(self, some: Select[tuple[int]], now_ms: int, limit: int) -> list[Parcel]:
        """Take open parcels out of *some*.

        The fence rises: a sender whose lease ended while it was frozen writes no more.
        """
        unheld = (
            some.where(
                parcel.c.pending > 0,
                parcel.c.lease_ms.is_(None) | (parcel.c.lease_ms <= now_ms),
            )
            .limit(limit)
            .with_for_update(skip_locked=True, of=parcel)
            .cte("unheld")
        )
        rows = self._connection.execute(
            update(parcel)
            .where(parcel.c.id.in_(select(unheld.c.id)))
            .values(fence=parcel.c.fence + 1)
            .returning(*HELD)
        )
        return [held_of(row, now_ms) for row in rows]

    def has_pending(self, execution_id: int) -> bool:
        """Return whether somebody of an execution is pending."""
        return (
            self._connection.execute(
                select(parcel.c.id)
                .where(parcel.c.execution_id == execution_id, parcel.c.pending > 0)
                .limit(1)
            ).first()
            is not None
        )

    def record(self, entries: Sequence[tuple[Parcel, int, bool]]) -> set[int]:
        """Write what became of many parcels' recipients; return the ids of those still leased.

        Each entry is a parcel, when it falls due again, and whether that is the new end of its
        lease; else the lease is given back. A parcel whose lease was lost is left alone. The
        others' fences stay: they are locked, in one order for everybody.
        """
        fences = {
            row.id: row.fence
            for row in self._connection.execute(
                select(parcel.c.id, parcel.c.fence)
                .where(parcel.c.id.in_([held.id for held, _, _ in entries]))
                .order_by(parcel.c.id)
                .with_for_update()
            )
        }
        ours = [entry for entry in entries if fences.get(entry[0].id) == entry[0].fence]
        if ours:
            changed = self._connection.execute(
                RECORD, [record_of(held, due_ms=due_ms, keep=keep) for held, due_ms, keep in ours]
            )
            if changed.rowcount != len(ours):
                raise LookupError(f"{len(ours)} parcels were locked, {changed.rowcount} written")
        return {held.id for held, _, _ in ours}

    def disagreeing(self) -> list[int]:
        """Return the parcels whose counts are not those of their bytes: none, or a fault."""
        rows = self._connection.execute(select(parcel).execution_options(yield_per=100))
        return [
            row.id
            for row in rows
            if any(
                row._mapping[outcome.name.lower()] != count  # noqa: SLF001 - SQLAlchemy's public accessor
                for outcome, count in tally(row.outcomes).items()
            )
            or row.size != len(row.outcomes)
            or len(BitMap.deserialize(row.recipients)) != row.size
        ]


def _is_set_aside(held: Parcel, now_ms: int) -> bool:
    """Return whether a parcel is not handed out: once its TTL is over it is, to be settled."""
    return held.is_parked and held.expires_ms > now_ms


def _due(now_ms: int) -> Select[tuple[int]]:
    """Return the ids of the parcels that may be sent now, the longest due first."""
    return (
        select(parcel.c.id)
        .join(execution, execution.c.id == parcel.c.execution_id)
        .where(
            parcel.c.pending > 0,
            parcel.c.due_ms <= now_ms,
            execution.c.state.in_([state.value for state in SENDABLE]),
            execution.c.task_id.not_in(_being_swept()),
            execution.c.task_id.not_in(_being_overtaken(now_ms)),
        )
        .order_by(parcel.c.due_ms, parcel.c.id)
    )


def _being_swept() -> Select[tuple[int]]:
    """Return the tasks of which somebody is to be swept up."""
    return select(execution.c.task_id).where(execution.c.sweep.is_not(None))


def _being_overtaken(now_ms: int) -> Select[tuple[int]]:
    """Return the tasks of which somebody is overtaken and not settled yet."""
    return _overtaken(now_ms).with_only_columns(execution.c.task_id)


def _overtaken(now_ms: int) -> Select[tuple[int]]:
    """Return the ids of open parcels that the next slot has reached, and has an execution."""
    later = execution.alias("later")
    has_successor = (
        select(later.c.id)
        .where(
            later.c.task_id == execution.c.task_id,
            later.c.due_ms > execution.c.due_ms,
            later.c.kind == Kind.SCHEDULED.value,
            later.c.state != State.MISSED.value,
        )
        .exists()
    )
    return (
        select(parcel.c.id)
        .join(execution, execution.c.id == parcel.c.execution_id)
        .where(parcel.c.pending > 0, parcel.c.overtaken_ms <= now_ms, has_successor)
    )
