"""The listener: hears of changes in the database, by whichever process, and rings for them."""

import threading
from collections.abc import Callable, Collection
from typing import Protocol

from tocsin.telemetry.events import Telemetry
from tocsin.workers.loop import Clock, run_loop


class Changes(Protocol):
    """What other transactions commit."""

    def wait(self, stop: threading.Event) -> Collection[str]:
        """Return the news of what was changed; after a short while none."""
        ...

    def close(self) -> None: ...


class Listener:
    """Rings for changes. While the database is away nothing rings, and rests end by themselves."""

    def __init__(
        self,
        changes: Changes,
        ring: Callable[[Collection[str]], object],
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._changes = changes
        self._ring = ring
        self._clock = clock
        self._telemetry = telemetry

    def run(self, stop: threading.Event) -> None:
        """Listen until *stop*."""

        def turn() -> None:
            news = self._changes.wait(stop)
            if news:
                self._ring(news)

        try:
            run_loop(
                "listener",
                turn,
                bell=threading.Event(),
                stop=stop,
                clock=self._clock,
                telemetry=self._telemetry,
            )
        finally:
            self._changes.close()
