"""The planner role: the loops that turn due tasks into parcels and reports into numbers."""

import threading
from collections.abc import Callable
from typing import Final

from tocsin.domain.schedule import RULES
from tocsin.services.counting import Counting
from tocsin.services.cutting import Cutting
from tocsin.services.drawing import Drawing
from tocsin.services.idempotency import Replays
from tocsin.services.indexing import AT_ONCE, Indexing
from tocsin.services.planning import Planning
from tocsin.services.retiming import Retiming
from tocsin.services.sweeping import Sweeping
from tocsin.telemetry.events import Event, Telemetry
from tocsin.workers.bells import Bells, News
from tocsin.workers.loop import Clock, Rest, run_loop

NET_S: Final = 5.0
"""How long a loop rests at most where changes are told: the net under a ring that got lost."""

HELD_UP_S: Final = 0.1
"""How long to leave alone what is due, but in the hands of another worker."""

FOLD_S: Final = 1.0

FOLD_REST: Final = 10
"""How many times as long as it folded the indexer rests: what is not folded is seen as well, and
to fold more of it at a time is cheaper.
"""
"""How long changes of subscribers and reports wait: they come all the time, and are not told."""

SWEEP_S: Final = 0.25
CLOSE_S: Final = 0.25
DRAINED_S: Final = 0.5
"""How late it is seen that nobody of an execution is pending, for senders do not tell."""

KEEP_S: Final = 60.0


class Desk:
    """Planner, cutter, indexer, tallier and keeper of one process. Any number may run."""

    def __init__(
        self,
        *,
        planning: Planning,
        cutting: Cutting,
        indexing: Indexing,
        counting: Counting,
        drawing: Drawing,
        sweeping: Sweeping,
        retiming: Retiming,
        replays: Replays,
        bells: Bells,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._planning = planning
        self._cutting = cutting
        self._indexing = indexing
        self._counting = counting
        self._drawing = drawing
        self._sweeping = sweeping
        self._retiming = retiming
        self._replays = replays
        self._bells = bells
        self._clock = clock
        self._telemetry = telemetry

    def run(self, stop: threading.Event) -> None:
        """Run every loop in a thread of its own until *stop*."""
        loops: tuple[tuple[Callable[[], Rest | None], str, tuple[News, ...]], ...] = (
            (self._plan, "planner", (News.CALENDAR,)),
            (self._cut, "cutter", (News.EXECUTIONS,)),
            (self._index, "indexer", ()),
            (self._tally, "tallier", ()),
            (self._sweep, "sweeper", (News.EXECUTIONS,)),
            (self._close, "closer", (News.EXECUTIONS,)),
            (self._keep, "keeper", ()),
        )
        threads = [
            threading.Thread(
                target=run_loop,
                args=(name, turn),
                kwargs={
                    "bell": self._bells.hang(*news),
                    "stop": stop,
                    "clock": self._clock,
                    "telemetry": self._telemetry,
                },
                name=name,
            )
            for turn, name, news in loops
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # A turn looks first, and writes only when there is something to do: on SQLite whoever writes
    # keeps all others from writing.

    def _plan(self) -> Rest | None:
        now_ms, due_ms = self._clock.now_ms(), self._planning.next_due_ms()
        if due_ms is None or due_ms > now_ms:
            return Rest(NET_S, until_ms=due_ms)
        planned = self._planning.plan(now_ms=now_ms)
        if not planned:
            return Rest(HELD_UP_S, deaf_s=HELD_UP_S)
        self._telemetry.emit(Event.PLANNED, started=planned.started, missed=planned.missed)
        self._bells.ring((News.EXECUTIONS,))
        return None

    def _cut(self) -> Rest | None:
        if not self._cutting.is_needed():
            return Rest(NET_S)
        pieces = self._cutting.cut(now_ms=self._clock.now_ms())
        if not pieces:
            return Rest(HELD_UP_S, deaf_s=HELD_UP_S)
        for piece in pieces:
            self._telemetry.emit(
                Event.CUT,
                execution=piece.execution_id,
                shard=piece.shard,
                recipients=piece.recipients,
            )
        self._bells.ring((News.PARCELS,))
        return None

    def _index(self) -> Rest | None:
        for root_id, shard in self._indexing.mend():
            self._telemetry.emit(Event.INDEX_MENDED, root=root_id, shard=shard)
        began_ms = self._clock.monotonic_ms()
        if self._indexing.fold() >= AT_ONCE:
            return None
        took_s = (self._clock.monotonic_ms() - began_ms) / 1000
        return Rest(max(FOLD_S, FOLD_REST * took_s))

    def _tally(self) -> Rest | None:
        return None if self._counting.fold() else Rest(FOLD_S)

    def _sweep(self) -> Rest | None:
        now_ms = self._clock.now_ms()
        due_ms = self._sweeping.next_due_ms(now_ms=now_ms)
        if due_ms is None or due_ms > now_ms:
            return Rest(NET_S, until_ms=due_ms)
        if self._sweeping.sweep(now_ms=now_ms):
            return None
        return Rest(SWEEP_S, deaf_s=SWEEP_S)

    def _close(self) -> Rest | None:
        if not self._counting.is_closing_ahead():
            return Rest(NET_S)
        closed = self._counting.close(now_ms=self._clock.now_ms())
        if not closed:
            return Rest(DRAINED_S, deaf_s=CLOSE_S)
        self._telemetry.emit(Event.EXECUTIONS_CLOSED, count=closed)
        return None

    def _keep(self) -> Rest | None:
        retimed = self._retiming.retime(now_ms=self._clock.now_ms())
        if retimed is not None:
            self._telemetry.emit(
                Event.RETIMED,
                execution=retimed.execution_id,
                before=retimed.before,
                now=RULES,
                moved=retimed.moved,
            )
            return None
        now_ms = self._clock.now_ms()
        if self._drawing.give_up(now_ms=now_ms) or self._drawing.forget(now_ms=now_ms):
            return None
        return None if self._replays.forget(now_ms=now_ms) else Rest(KEEP_S)
