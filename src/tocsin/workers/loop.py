"""The shape of every loop: do what is there, wait when there is nothing, survive a failure."""

import threading
from collections.abc import Callable
from typing import Final, Protocol

from tocsin.domain.errors import Unavailable
from tocsin.telemetry.events import Event, Telemetry, where

AGAIN_S: Final = 1.0


class Clock(Protocol):
    """A wait that a stop ends."""

    def wait(self, stop: threading.Event, seconds: float) -> bool: ...


def run_loop(
    name: str,
    turn: Callable[[], object],
    *,
    idle_s: float,
    stop: threading.Event,
    clock: Clock,
    telemetry: Telemetry,
) -> None:
    """Call *turn* until *stop*: again at once while it finds work, after *idle_s* when not.

    What a turn does is one transaction or more of its own, so a failure (a database that is
    away, say) costs nothing but the second until the next try.
    """
    while not stop.is_set():
        try:
            busy = turn()
        except Exception as error:  # noqa: BLE001 - a loop outlives what one turn runs into
            found = error.__cause__ or error if isinstance(error, Unavailable) else error
            telemetry.emit(
                Event.LOOP_FAILED,
                loop=name,
                error=type(found).__name__,
                where=where(found),
                again_in_s=AGAIN_S,
            )
            clock.wait(stop, AGAIN_S)
            continue
        if not busy:
            clock.wait(stop, idle_s)
