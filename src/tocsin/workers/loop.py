"""The shape of every loop: do what is there, rest when there is nothing, survive a failure."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin.domain.errors import Unavailable
from tocsin.telemetry.events import Event, Telemetry, where

AGAIN_S: Final = 1.0

GLANCE_S: Final = 1.0
"""How long a rest takes at most to see that the wall clock was set forward."""


class Clock(Protocol):
    """Wall time, monotonic time, and a wait that an event ends."""

    def now_ms(self) -> int: ...
    def monotonic_ms(self) -> int: ...
    def wait(self, stop: threading.Event, seconds: float) -> bool: ...


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done: until a ring, until an instant, and never longer than for a while.

    at_most_s: the safety net, for a ring may be lost. until_ms: when something falls due, by the
    wall clock; None when nothing is known to. deaf_s: how long no ring ends it, where looking
    again at once would find the same.
    """

    at_most_s: float
    until_ms: int | None = None
    deaf_s: float = 0


def run_loop(
    name: str,
    turn: Callable[[], Rest | None],
    *,
    bell: threading.Event,
    stop: threading.Event,
    clock: Clock,
    telemetry: Telemetry,
    outlives: type[Exception] = Exception,
) -> None:
    """Call *turn* until *stop*: again at once while it finds work (None), after its rest when not.

    bell: ends a rest; it is silenced before a turn, so that what rings during one is not missed.
    outlives: what costs a turn and no more. A loop that keeps something in memory from turn to turn
    cannot know what an error has left of it, unless it foresaw that error.

    What a turn does is one transaction or more of its own, so a failure (a database that is
    away, say) costs nothing but the second until the next try. Raises what it does not outlive, and
    MemoryError: who gets no memory is better off as a new process.
    """
    while not stop.is_set():
        bell.clear()
        try:
            rest = turn()
        except Exception as error:
            if isinstance(error, MemoryError) or not isinstance(error, outlives):
                raise
            is_foreseen = isinstance(error, Unavailable)
            found = error.__cause__ or error if is_foreseen else error
            telemetry.emit(
                Event.LOOP_FAILED,
                loop=name,
                error=type(found).__name__,
                where=where(found),
                again_in_s=AGAIN_S,
                **({"reason": str(error)} if is_foreseen else {}),
            )
            clock.wait(stop, AGAIN_S)
            continue
        if rest is not None:
            _take(rest, bell=bell, stop=stop, clock=clock)


def _take(rest: Rest, *, bell: threading.Event, stop: threading.Event, clock: Clock) -> None:
    """Rest. The instant is the wall clock's, which may be set; the while is not."""
    end_ms = clock.monotonic_ms() + round(rest.at_most_s * 1000)
    if rest.deaf_s:
        clock.wait(stop, rest.deaf_s)
    while not stop.is_set():
        left_ms = end_ms - clock.monotonic_ms()
        if rest.until_ms is not None:
            left_ms = min(left_ms, rest.until_ms - clock.now_ms())
        if left_ms <= 0 or clock.wait(bell, min(left_ms / 1000, GLANCE_S)):
            return
