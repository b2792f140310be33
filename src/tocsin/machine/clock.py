"""Clocks: wall time for facts, monotonic time for durations, and the one way to wait."""

import threading
import time


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        """Return wall time, in milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds on a clock that only goes forward; for durations alone."""
        return time.monotonic_ns() // 1_000_000

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until *stop* is set, at most *seconds*; return whether it is set."""
        return stop.wait(seconds)
