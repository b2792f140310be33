"""Two years of a server's life in seconds: planners, clients, and everything that may go wrong.

Time moves from one instant at which something happens to the next. What clients did and when
planners acted is written down as it happens, for the judge (calendar_judge.py).
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final
from unittest.mock import patch

from calendar_judge import PROMPT_MS, Entry, Look, Row, Step, Turn, judge, shown
from drawn_orders import draft_of, drawn_order, edits
from sqlalchemy import ColumnElement, func, select
from walked_slots import DAY_MS, HOUR_MS, MINUTE_MS, Order
from world import DyingStore, Edit, KilledError, World

from doubles import FakeClock
from tocsin.domain.account import Account
from tocsin.domain.errors import NotFound, TocsinError
from tocsin.domain.push_task import PushTask
from tocsin.services.planning import Planning
from tocsin.store.tables import execution, push_task

SPAN_MS: Final = 730 * DAY_MS
MOST_SLOTS: Final = 100
MOST_TOLD: Final = 8  # differences of one task: one brings on others
COMMANDS: Final = {
    "edit": 6, "pause": 4, "resume": 2, "run": 3, "cancel": 2, "delete": 1,
}  # fmt: skip
TROUBLE: Final = {
    "down": 5, "one is down": 3, "frozen": 3, "a clock jumps": 4, "killed": 4, "restart": 3,
}  # fmt: skip


@dataclass
class Planner:
    """A process that plans. offset_ms: how wrong its clock is. stale_ms: the time it read."""

    offset_ms: int = 0
    sleeps_until_ms: int = 0
    stale_ms: int | None = None

    def acts_at(self, due_ms: int | None) -> int | None:
        """Return when it acts next, by the true clock."""
        if self.stale_ms is not None:
            return self.sleeps_until_ms
        return None if due_ms is None else max(self.sleeps_until_ms, due_ms - self.offset_ms)


@dataclass
class Years:
    """One life, wholly drawn from its seed."""

    url: str
    tasks: int
    seed: int
    clock: FakeClock = field(default_factory=FakeClock)
    log: list[Entry] = field(default_factory=list)
    orders: dict[int, Order] = field(default_factory=dict)
    live: list[int] = field(default_factory=list)
    dies_at: int | None = None

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.planners = [Planner(), Planner()]
        self.at_once: dict[str, Any] = {
            "AT_ONCE": self.chance.choice([3, 100]),
            "SLOTS_AT_ONCE": self.chance.choice([5, 500]),
        }
        self._open()
        self.owner: Account = self.world.account()

    def _open(self) -> None:
        self.world = World(self.url)
        self.world.clock = self.clock

    def live_through(self) -> list[str]:
        """Live two years; return what the judge finds wrong with them."""
        try:
            with patch.multiple("tocsin.services.planning", **self.at_once):
                self._live()
            return self._verdict()
        except Exception as error:
            error.add_note(f"seed {self.seed}, {self.tasks} tasks, at {shown(self.clock.now_ms())}")
            raise
        finally:
            self.world.close()

    def _live(self) -> None:
        end_ms = self.clock.now_ms() + SPAN_MS
        for happens_ms, what in self._script():
            self._plan_until(happens_ms)
            self._happen(what)
        self._plan_until(end_ms)
        self.planners, self.dies_at = [Planner()], None
        self._plan_until(self.clock.now_ms())
        self._close()
        for task_id in self.orders:
            self._look(task_id, closed=True)

    def _script(self) -> list[tuple[int, str]]:
        """Draw what happens beside the slots, and when."""
        now_ms, chance = self.clock.now_ms(), self.chance

        def somewhen() -> int:
            return now_ms + chance.randrange(SPAN_MS)

        early = now_ms + DAY_MS
        script = [(chance.randrange(now_ms, early), "create") for _ in range(self.tasks // 2)]
        script += [(somewhen(), "create") for _ in range(self.tasks - self.tasks // 2)]
        script += [(somewhen(), "command") for _ in range(6 * self.tasks)]
        script += [(somewhen(), "look") for _ in range(2 * self.tasks)]
        script += [(somewhen(), self._drawn(TROUBLE)) for _ in range(40 + 2 * self.tasks)]
        script += [(now_ms + month * 30 * DAY_MS, "close") for month in range(1, 24)]
        return sorted(script)

    def _drawn(self, weights: dict[str, int]) -> str:
        return self.chance.choices(list(weights), list(weights.values()))[0]

    # -- time -----------------------------------------------------------------------------------

    def _now(self, at_ms: int) -> int:
        """Move the clock to an instant, unless it is past it; return the time."""
        return self.clock.forward(max(0, at_ms - self.clock.now_ms()))

    def _due_ms(self) -> int | None:
        """Return when the calendar says that it wants a planner."""
        with self.world.database.read() as connection:
            due_ms: int | None = connection.scalar(select(func.min(push_task.c.next_due_ms)))
            return due_ms

    def _plan_until(self, until_ms: int) -> None:
        """Let planners act whenever something is due, up to an instant, and go there."""
        while True:
            due_ms = self._due_ms()
            moments = [
                (max(at_ms, self.clock.now_ms()), self.chance.random(), planner)
                for planner in self.planners
                if (at_ms := planner.acts_at(due_ms)) is not None
            ]
            at_ms, _, planner = min(
                moments, key=lambda one: one[:2], default=(until_ms + 1, 0, None)
            )
            if planner is None or at_ms > until_ms:
                break
            self._now(at_ms + self.chance.choice([0, 0, 1, 250, PROMPT_MS]))
            if self.chance.random() < 0.06:
                self._race()
            self._act(planner)
        self._now(until_ms)

    def _act(self, planner: Planner) -> None:
        """Let a planner deal with whatever is due by its clock, or die of it."""
        now_ms = planner.stale_ms or self.clock.now_ms() + planner.offset_ms
        planner.stale_ms = None
        service = self.world.planning
        if self.dies_at is not None:
            service = Planning(DyingStore(self.world.store, dies_at=[self.dies_at]))
            self.dies_at = None
        due_ms = self._due_ms()
        late, turns, left = due_ms is not None and now_ms - due_ms > PROMPT_MS, 0, None
        try:
            while not turns or (due_ms is not None and due_ms <= now_ms):
                service.plan(now_ms=now_ms)
                turns += 1
                due_ms = self._due_ms()
                assert turns < 1000, f"seed {self.seed}: planning comes to no end"
        except KilledError:
            left = {row.id: row.next_slot_ms for row in self.world.rows(push_task)}
            planner.sleeps_until_ms = self.clock.now_ms() + self.chance.choice([0, 30_000, HOUR_MS])
        if turns:
            self.log.append(Turn(now_ms, late, left))

    # -- what happens ---------------------------------------------------------------------------

    def _happen(self, what: str) -> None:
        chance, now_ms, planner = (
            self.chance,
            self.clock.now_ms(),
            self.chance.choice(self.planners),
        )
        soon_ms = max(now_ms, self._due_ms() or 0)  # trouble begins when there is work
        long_ms = int(MINUTE_MS * 10 ** chance.uniform(0.5, 4))  # minutes to a week
        match what:
            case "create":
                self._create()
            case "command" if self.live:
                self._command(self._chosen())
            case "look" if self.live:
                self._look(chance.choice(self.live))
            case "close":
                self._close()
            case "down":
                for one in self.planners:
                    one.sleeps_until_ms = soon_ms + long_ms
                # Then much is due, and the first to wake may not live to do it all.
                self.dies_at = chance.choice([None, None, 2, 3])
            case "one is down":
                planner.sleeps_until_ms = soon_ms + long_ms
            case "frozen":
                # It has read the time at which something is due; the other one may be away.
                planner.stale_ms = soon_ms + planner.offset_ms + 1
                planner.sleeps_until_ms = soon_ms + long_ms // 4
                other = chance.choice(self.planners)
                other.sleeps_until_ms = max(other.sleeps_until_ms, soon_ms + long_ms // 8)
            case "a clock jumps":
                planner.offset_ms = chance.choice([0, 0, 1, -1]) * chance.randrange(6 * HOUR_MS)
            case "killed":
                self.dies_at = chance.choice([1, 1, 2])
            case "restart":
                self.world.close()
                self._open()

    def _create(self) -> None:
        now_ms = self.clock.now_ms()
        name = f"task {len(self.orders) + 1}, version 1"
        order = drawn_order(self.chance, now_ms, name=name, most=MOST_SLOTS)
        drafted = draft_of(order)
        foreseen = self.world.previews.preview(self.owner.scope, drafted, now_ms=now_ms).executions
        task_id = self.world.create(self.owner, drafted)
        self.orders[task_id] = order
        self.live.append(task_id)
        self.log.append(Step(task_id, "create", now_ms, order, preview=foreseen))

    def _race(self) -> None:
        """Let a client be a moment faster than the planner."""
        now_ms = self.clock.now_ms()
        due = self._ids(push_task.c.next_due_ms <= now_ms)
        if due:
            self._command(self.chance.choice(due))
            self.clock.forward(1)  # so that each row bears the stamp of who made it

    def _chosen(self) -> int:
        """Return a task for a client to think of, mostly one with something to come."""
        coming = self._ids(push_task.c.next_due_ms.is_not(None))
        if coming and self.chance.random() < 0.6:
            return self.chance.choice(coming)
        return self.chance.choice(self.live)

    def _ids(self, condition: ColumnElement[bool]) -> list[int]:
        """Return the tasks that fit, in an order that the seed alone decides."""
        return sorted(row.id for row in self.world.rows(push_task, condition))

    def _command(self, task_id: int) -> None:
        kind = self._drawn(COMMANDS)
        if not self.orders[task_id].active and kind in ("pause", "run", "cancel"):
            kind = "resume"
        now_ms, order = self.clock.now_ms(), self._told(task_id, kind)
        refused = None
        commands, scope = self.world.commands, self.owner.scope
        try:
            if kind == "edit":
                edited = Edit(draft_of(order))
                commands.edit(scope, task_id, lambda _: edited, now_ms=now_ms)
            else:
                getattr(commands, kind)(scope, task_id, now_ms=now_ms)
        except TocsinError as error:
            refused = f"{type(error).__name__}: {error}"
            if "is finished" in refused and self.chance.random() < 0.7:
                self._forget(task_id)
        else:
            self.orders[task_id] = order
            if kind == "delete":
                self._forget(task_id)
        self.log.append(Step(task_id, kind, now_ms, order, refused))
        self._look(task_id)

    def _forget(self, task_id: int) -> None:
        self.live = [one for one in self.live if one != task_id]

    def _told(self, task_id: int, kind: str) -> Order:
        """Return the order as a command leaves it."""
        order = self.orders[task_id]
        if kind in ("pause", "resume"):
            return order._replace(active=kind == "resume")
        if kind != "edit":
            return order
        name, _, version = order.name.rpartition(" ")
        wanted = list(edits(self.chance, order, self.clock.now_ms(), most=MOST_SLOTS))
        edited = self.chance.choice(wanted)._replace(name=f"{name} {int(version) + 1}")
        return edited._replace(active=order.active != (self.chance.random() < 0.15))

    def _look(self, task_id: int, *, closed: bool = False) -> None:
        """Write down what a task says of itself."""
        try:
            task: PushTask = self.world.tasks.view(self.owner.scope, task_id)
        except NotFound:
            return
        now_ms, status = self.clock.now_ms(), int(task.status)
        told = (task.next_slot_ms, task.last_slot_ms, task.last_execution_ms)
        self.log.append(Look(task_id, now_ms, status, *told, closed))

    def _close(self) -> None:
        """Cut, sweep up and close whatever is there, so that tasks come to their end."""
        now_ms = self.clock.now_ms()
        self.world.cut_all()
        while self.world.rows(execution, execution.c.sweep.is_not(None)):
            self.world.sweeping.sweep(now_ms=now_ms)
        while self.world.counting.close(now_ms=now_ms):
            pass

    # -- the end --------------------------------------------------------------------------------

    def _verdict(self) -> list[str]:
        rows = dict(self._rows())
        runs = Counter(
            row.task_id for row in self.world.rows(execution, execution.c.kind == "manual")
        )
        faults = []
        for task_id, order in self.orders.items():
            found = judge(task_id, self.log, rows.get(task_id, []), manual=runs[task_id])
            if found:
                steps = [
                    one for one in self.log if isinstance(one, Step) and one.task_id == task_id
                ]
                told = "\n".join(map(str, [*found[:MOST_TOLD], "what was done:", *steps, order]))
                faults.append(f"seed {self.seed}, {self.tasks} tasks, task {task_id}:\n{told}\n")
        return faults

    def _rows(self) -> Iterator[tuple[int, list[Row]]]:
        found = self.world.rows(execution, execution.c.kind == "scheduled")
        ordered = sorted(found, key=lambda row: (row.task_id, row.due_ms))
        for task_id, of_task in groupby(ordered, key=lambda row: row.task_id):
            yield (
                task_id,
                [
                    Row(
                        due_ms=row.due_ms,
                        missed=row.state == "missed",
                        reason=row.reason,
                        stamp_ms=row.end_ms if row.state == "missed" else row.start_ms,
                        name=row.ordered["name"],
                        following_ms=row.ordered["next_slot_ms"],
                        active_ms=row.ordered["active_ms"],
                    )
                    for row in of_task
                ],
            )
