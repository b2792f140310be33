"""A judge of calendars: from what clients did and when planners acted, what there must be.

It shares no code with the product, and reads nothing of it but rows. Its rules are those of
contract.md 2.1 and 2.5, and the planner's promise that nothing that was due vanishes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from walked_slots import EPOCH, MINUTE_MS, Order, Slots

SKEW_MS: Final = MINUTE_MS
PROMPT_MS: Final = 1000  # a planner that nothing has kept is no later than this


class Turn(NamedTuple):
    """A planner acted on whatever was due. late: something had kept it.

    left: if it was killed, and did not do all of it, the slot that each task had next by then.
    """

    now_ms: int
    late: bool
    left: Mapping[int, int | None] | None = None


class Step(NamedTuple):
    """A client did something: create, edit, pause, resume, run, cancel or delete.

    order: as it is from then on. refused: the name of the error, if it was. preview: the slots
    that were foreseen.
    """

    task_id: int
    kind: str
    now_ms: int
    order: Order
    refused: str | None = None
    preview: Sequence[int] | None = None


class Look(NamedTuple):
    """What a task said of itself at some instant.

    status: 0, 1 or 2, as the API has it. closed: what it had under way was closed before.
    """

    task_id: int
    now_ms: int
    status: int
    next_slot_ms: int | None
    last_slot_ms: int | None
    last_execution_ms: int | None
    closed: bool = False


class Row(NamedTuple):
    """An execution as it is in the database; stamp_ms: when it was made."""

    due_ms: int
    missed: bool
    reason: str | None
    stamp_ms: int | None
    name: str
    following_ms: int | None
    active_ms: int


Entry = Turn | Step | Look


class Expected(NamedTuple):
    """What the row of a slot must be. why: the rule by which it is missed, or it is not."""

    missed: bool
    stamp_ms: int
    name: str
    following_ms: int | None
    active_ms: int
    why: str


def shown(instant_ms: int | None) -> str:
    """Return an instant so that a person can read it, to the millisecond."""
    if instant_ms is None:
        return "never"
    return f"{EPOCH + timedelta(milliseconds=instant_ms):%Y-%m-%d %H:%M:%S.%f}"[:-3]


@dataclass
class Calendar:
    """What the calendar of one task must be, from entry to entry of the log."""

    task_id: int
    rows: Mapping[int, Row]
    faults: list[str] = field(default_factory=list)
    expected: dict[int, Expected] = field(default_factory=dict)
    manual: int = 0
    order: Order | None = None
    slots: Slots | None = None
    anchor_ms: int | None = None
    active_ms: int = 0
    next_ms: int | None = None
    came_to_its_end: bool = False
    last_slot_ms: int | None = None
    last_execution_ms: int | None = None

    def take(self, entry: Entry) -> None:
        """Go on to the next entry of the log."""
        match entry:
            case Turn():
                self._turn(entry)
            case Step():
                self._step(entry)
            case Look():
                self._look(entry)

    # -- planners -------------------------------------------------------------------------------

    def _turn(self, turn: Turn) -> None:
        if self.next_ms is None or self.order is None:
            return
        acts_ms = self.next_ms - self.order.east_ms
        if acts_ms > turn.now_ms:
            return
        lag_ms = turn.now_ms - max(acts_ms, self.active_ms)
        if not turn.late and lag_ms > PROMPT_MS:
            self._fault(
                f"slot {shown(self.next_ms)} was slept over: a planner was up and acted on it "
                f"{lag_ms} ms late, at {shown(turn.now_ms)}"
            )
        until_ms = None if turn.left is None else turn.left.get(self.task_id)
        self._settle(turn.now_ms, until_ms=until_ms)

    def _settle(self, now_ms: int, *, until_ms: int | None = None) -> None:
        """Deal with what is due, at an instant; or only with the slots before another one.

        No row tells which those were: a slot that had one keeps it, though it is due anew after
        an edit of user_time_zone.
        """
        order, slots = self.order, self.slots
        if order is None or slots is None:
            return
        due = []
        slot_ms = self.next_ms
        while slot_ms is not None and slot_ms - order.east_ms <= now_ms:
            due.append(slot_ms)
            slot_ms = slots.after(slot_ms)
        done = [slot_ms for slot_ms in due if until_ms is None or slot_ms < until_ms]
        for slot_ms in done:
            why = self._why_missed(slot_ms, due[-1], now_ms)
            following_ms = self.next_ms = slots.after(slot_ms)
            missed = not why.startswith("executed")
            # A slot is one by what it reads: after an edit of user_time_zone noon in GMT is not
            # executed beside everybody's noon of that day.
            self.expected.setdefault(
                slot_ms, Expected(missed, now_ms, order.name, following_ms, self.active_ms, why)
            )
            self.last_slot_ms = slot_ms
            if not missed:
                self.last_execution_ms = slot_ms
            self.came_to_its_end = following_ms is None

    def _why_missed(self, slot_ms: int, newest_ms: int, now_ms: int) -> str:
        """Return the rule for a slot that is dealt with at an instant, and others with it."""
        order = self.order
        assert order is not None
        age_ms = now_ms - (slot_ms + order.west_ms)
        if slot_ms == newest_ms:
            if age_ms <= SKEW_MS:
                return "executed: it is the newest, and on time"
            if age_ms < order.ttl_s * 1000:
                return "executed: it is the newest, and younger than the ttl"
            return "missed: it is the newest, but no younger than the ttl"
        if slot_ms - order.east_ms <= self.active_ms and age_ms <= SKEW_MS:
            return "executed: it was under way when the task became active"
        return "missed: a newer one was due as well"

    # -- clients --------------------------------------------------------------------------------

    def _step(self, step: Step) -> None:
        before = self.order
        if step.refused is not None:
            self._refused(step)
            return
        if before is not None and before.active:
            # Whether a planner or the client was faster makes no difference.
            self._settle(step.now_ms)
        if step.kind == "run":
            self._run(before, step.now_ms)
        elif step.kind == "delete":
            self.next_ms, self.slots = None, None
        elif step.kind != "cancel":
            self._rewrite(before, step.order, step.now_ms)
        if step.preview is not None:
            self._preview(step)

    def _run(self, before: Order | None, now_ms: int) -> None:
        self.manual += 1
        self.last_execution_ms = now_ms
        if before is None or not before.active or self._is_over(now_ms):
            self._fault(f"was run at {shown(now_ms)}, though inactive or over")

    def _refused(self, step: Step) -> None:
        """See that there was a reason to refuse a step."""
        order = self.order
        assert order is not None
        active_and_out = order.active and self._is_out(step.now_ms)
        if step.kind == "run":
            fits = not order.active or self._is_over(step.now_ms) or active_and_out
        else:
            fits = active_and_out or self._has_gone_by(step)
        if not fits:
            self._fault(f"{step.kind} at {shown(step.now_ms)} was refused: {step.refused}")

    def _has_gone_by(self, step: Step) -> bool:
        """Return whether a single start is past without an execution, or one has begun after it."""
        start_ms, order = step.order.start_ms, self.order
        assert order is not None
        single = step.order.cron is None and step.order.frequency_s is None
        if not single or start_ms is None or not step.order.active:
            return False
        done_ms, slot_ms = self.last_slot_ms, self.next_ms
        while slot_ms is not None and self.slots and slot_ms - order.east_ms <= step.now_ms:
            done_ms, slot_ms = slot_ms, self.slots.after(slot_ms)
        if done_ms is None:
            return start_ms + step.order.west_ms + SKEW_MS < step.now_ms
        return step.order.reads_clocks == order.reads_clocks and start_ms < done_ms

    def _is_over(self, now_ms: int) -> bool:
        end_ms = None if self.order is None else self.order.end_ms
        return end_ms is not None and end_ms < now_ms

    def _is_out(self, now_ms: int) -> bool:
        """Return whether no slot is to come after an instant."""
        slot_ms, order, slots = self.next_ms, self.order, self.slots
        while slot_ms is not None and order is not None and slots is not None:
            if slot_ms - order.east_ms > now_ms:
                return False
            slot_ms = slots.after(slot_ms)
        return True

    def _rewrite(self, before: Order | None, order: Order, now_ms: int) -> None:
        self.order = order
        self.came_to_its_end = self.came_to_its_end and before == order
        if before is not None and before.start_ms != order.start_ms:
            self.anchor_ms = None
        if not order.active:
            self.next_ms, self.slots = None, None
            return
        if before is not None and before.active and before.schedule == order.schedule:
            return
        if order.start_ms is not None:
            self.anchor_ms = order.start_ms
        elif self.anchor_ms is None or self.last_slot_ms is None:
            self.anchor_ms = now_ms
        self.active_ms = now_ms
        self.slots = Slots(order, self.anchor_ms)
        # Who has yet to be reached is reached; what was dealt with is not dealt with again. A
        # reading of everybody's clock says nothing of GMT, and the other way round.
        floor_ms = now_ms - SKEW_MS - order.west_ms
        alike = before is not None and before.reads_clocks == order.reads_clocks
        if alike and self.last_slot_ms is not None:
            floor_ms = max(floor_ms, self.last_slot_ms + 1)
        self.next_ms = self.slots.after(floor_ms - 1)

    def _preview(self, step: Step) -> None:
        assert self.order is not None
        anchor_ms = step.now_ms if step.order.start_ms is None else step.order.start_ms
        floor_ms = step.now_ms - SKEW_MS - step.order.west_ms
        should_be = Slots(step.order, anchor_ms).first(10, floor_ms)
        if list(step.preview or ()) != should_be:
            self._differ("the preview", list(step.preview or ()), should_be)

    def _look(self, look: Look) -> None:
        if self.order is None:
            return
        finished, active = look.status == 2, self.order.active
        if finished and not (active and self.next_ms is None):
            self._fault(f"was finished at {shown(look.now_ms)}, with a slot to come or paused")
        if look.closed and self.came_to_its_end and not finished:
            self._fault("had its last slot, and its executions are closed, but is not finished")
        for name, said, true in (
            ("status", min(look.status, 1), int(active)),
            ("next_slot_ms", look.next_slot_ms, self.next_ms),
            ("last_slot_ms", look.last_slot_ms, self.last_slot_ms),
            ("last_execution_ms", look.last_execution_ms, self.last_execution_ms),
        ):
            if said != true:
                is_told = name == "status"
                told = (said, true) if is_told else (shown(said), shown(true))
                self._fault(f"at {shown(look.now_ms)} {name} was {told[0]}, and truly {told[1]}")

    # -- the end --------------------------------------------------------------------------------

    def verdict(self) -> list[str]:
        """Return everything that is wrong, the rows last."""
        for due_ms in sorted(self.rows.keys() | self.expected.keys()):
            row, should_be = self.rows.get(due_ms), self.expected.get(due_ms)
            if row is None and should_be is not None:
                self._fault(f"slot {shown(due_ms)} vanished; it was {should_be.why}")
            elif row is not None and should_be is None:
                self._fault(f"slot {shown(due_ms)} has a row, and was never due: {row}")
            elif row is not None and should_be is not None:
                self._compare(due_ms, row, should_be)
        return self.faults

    def _compare(self, due_ms: int, row: Row, should_be: Expected) -> None:
        where = f"slot {shown(due_ms)}"
        if row.missed != should_be.missed:
            self._fault(f"{where} has missed={row.missed} ({row.reason}); {should_be.why}")
        if row.missed and not row.reason:
            self._fault(f"{where} was missed for no reason")
        if row.stamp_ms != should_be.stamp_ms:
            self._differ(f"{where}, made at", shown(row.stamp_ms), shown(should_be.stamp_ms))
        if row.name != should_be.name:
            self._differ(f"{where}, its order", row.name, should_be.name)
        if row.active_ms != should_be.active_ms:
            since = shown(row.active_ms), shown(should_be.active_ms)
            self._differ(f"{where}, of a task active since", *since)
        if row.following_ms != should_be.following_ms:
            following = shown(row.following_ms), shown(should_be.following_ms)
            self._differ(f"{where}, the slot after it", *following)

    def _differ(self, what: str, found: object, should_be: object) -> None:
        self._fault(f"{what}: {found}, judged {should_be}")

    def _fault(self, sentence: str) -> None:
        self.faults.append(sentence)


def judge(task_id: int, log: Sequence[Entry], rows: Sequence[Row], *, manual: int) -> list[str]:
    """Return what is wrong with the rows of one task, and with what it said of itself.

    rows: of its slots. manual: how many others somebody asked for.
    """
    calendar = Calendar(task_id, {row.due_ms: row for row in rows})
    if len(calendar.rows) != len(rows):
        calendar.faults.append("a slot has several rows")
    for entry in log:
        if isinstance(entry, Turn) or entry.task_id == task_id:
            calendar.take(entry)
    faults = calendar.verdict()
    if manual != calendar.manual:
        faults.append(f"has {manual} manual executions, and was run {calendar.manual} times")
    return faults
