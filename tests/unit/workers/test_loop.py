"""A loop outlives what a turn runs into, and says what it was."""

import io
import threading

from sqlalchemy.exc import OperationalError

from tocsin.domain.errors import Unavailable
from tocsin.telemetry.events import Telemetry
from tocsin.workers.loop import run_loop


class Clock:
    """Ends the loop with its second wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        if len(self.waits) == 2:
            stop.set()
        return stop.is_set()


def test_a_database_that_is_away_is_called_by_what_the_driver_said() -> None:
    stream, clock = io.StringIO(), Clock()
    turns = iter([True, False])

    def turn() -> bool:
        if next(turns):
            raise Unavailable("the database is away") from OperationalError("", {}, OSError())
        return False

    run_loop(
        "planner",
        turn,
        idle_s=5,
        stop=threading.Event(),
        clock=clock,
        telemetry=Telemetry(log_format="json", stream=stream),
    )

    assert '"error": "OperationalError"' in stream.getvalue()
    assert clock.waits == [1.0, 5]
