"""The planner role: the loops that turn due tasks into parcels and reports into numbers."""

import threading
from collections.abc import Callable
from typing import Final, Protocol

from tocsin.services.counting import Counting
from tocsin.services.cutting import Cutting
from tocsin.services.idempotency import Replays
from tocsin.services.indexing import Indexing
from tocsin.services.planning import Planning
from tocsin.services.sweeping import Sweeping
from tocsin.telemetry.events import Event, Telemetry
from tocsin.workers.loop import run_loop

PLAN_EVERY_S: Final = 0.1
CUT_EVERY_S: Final = 0.1
INDEX_EVERY_S: Final = 1.0
FOLD_EVERY_S: Final = 0.5
SWEEP_EVERY_S: Final = 0.25
CLOSE_EVERY_S: Final = 0.25
KEEP_EVERY_S: Final = 60.0


class Clock(Protocol):
    """Wall time, and a wait that a stop ends."""

    def now_ms(self) -> int: ...
    def wait(self, stop: threading.Event, seconds: float) -> bool: ...


class Desk:
    """Planner, cutter, indexer, tallier and keeper of one process. Any number may run."""

    def __init__(
        self,
        *,
        planning: Planning,
        cutting: Cutting,
        indexing: Indexing,
        counting: Counting,
        sweeping: Sweeping,
        replays: Replays,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._planning = planning
        self._cutting = cutting
        self._indexing = indexing
        self._counting = counting
        self._sweeping = sweeping
        self._replays = replays
        self._clock = clock
        self._telemetry = telemetry

    def run(self, stop: threading.Event) -> None:
        """Run every loop in a thread of its own until *stop*."""
        loops: tuple[tuple[str, Callable[[], object], float], ...] = (
            ("planner", self._plan, PLAN_EVERY_S),
            ("cutter", self._cut, CUT_EVERY_S),
            ("indexer", self._indexing.fold, INDEX_EVERY_S),
            ("tallier", self._counting.fold, FOLD_EVERY_S),
            ("sweeper", self._sweep, SWEEP_EVERY_S),
            ("closer", self._close, CLOSE_EVERY_S),
            ("keeper", self._keep, KEEP_EVERY_S),
        )
        threads = [
            threading.Thread(
                target=run_loop,
                args=(name, turn),
                kwargs={
                    "idle_s": idle_s,
                    "stop": stop,
                    "clock": self._clock,
                    "telemetry": self._telemetry,
                },
                name=name,
            )
            for name, turn, idle_s in loops
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _plan(self) -> object:
        planned = self._planning.plan(now_ms=self._clock.now_ms())
        if planned:
            self._telemetry.emit(Event.PLANNED, started=planned.started, missed=planned.missed)
        return planned

    def _cut(self) -> object:
        pieces = self._cutting.cut(now_ms=self._clock.now_ms())
        for piece in pieces:
            self._telemetry.emit(
                Event.CUT,
                execution=piece.execution_id,
                shard=piece.shard,
                recipients=piece.recipients,
            )
        return pieces

    def _sweep(self) -> object:
        return self._sweeping.sweep(now_ms=self._clock.now_ms())

    def _keep(self) -> object:
        return self._replays.forget(now_ms=self._clock.now_ms())

    def _close(self) -> object:
        closed = self._counting.close(now_ms=self._clock.now_ms())
        if closed:
            self._telemetry.emit(Event.EXECUTIONS_CLOSED, count=closed)
        return closed
