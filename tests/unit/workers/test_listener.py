"""The listener rings for what it hears, and goes on listening when it heard nothing or failed."""

import io
import threading
from collections.abc import Collection

from tocsin.telemetry.events import Telemetry
from tocsin.workers.listener import Listener


class Clock:
    """Nothing ever takes time."""

    def now_ms(self) -> int:
        return 0

    def monotonic_ms(self) -> int:
        return 0

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        del seconds
        return stop.is_set()


class Changes:
    """Tells these news, one after another, and then stops the listener."""

    def __init__(self, *told: Collection[str] | Exception) -> None:
        self._told = list(told)
        self.closed = False

    def wait(self, stop: threading.Event) -> Collection[str]:
        now = self._told.pop(0)
        if not self._told:
            stop.set()
        if isinstance(now, Exception):
            raise now
        return now

    def close(self) -> None:
        self.closed = True


def test_it_rings_for_what_it_hears_and_outlives_a_lost_connection() -> None:
    changes = Changes({"calendar"}, (), ConnectionError(), ("executions", "parcels"), ())
    rung: list[Collection[str]] = []
    log = io.StringIO()

    listener = Listener(
        changes, rung.append, clock=Clock(), telemetry=Telemetry(log_format="json", stream=log)
    )
    listener.run(threading.Event())

    assert rung == [{"calendar"}, ("executions", "parcels")]
    assert changes.closed
    assert '"loop": "listener"' in log.getvalue()
