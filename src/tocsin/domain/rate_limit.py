"""How many requests an account may make: fixed windows of a second and of a minute.

Windows begin where the wall clock of whoever counts has whole seconds and minutes.
"""

from dataclasses import dataclass
from typing import Final

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60_000
SKEW_MS: Final = 5000
"""How far ahead of ours the clock of another process may be. A window that began within that
counts on, so that two clocks do not give an account two allowances; one that lies further
ahead is what a clock left that was put back, and locks nobody out."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests that are taken in a second and in a minute; 0: as many as come."""

    burst: int
    steady: int

    def __bool__(self) -> bool:
        """Return whether there is anything to count."""
        return self.burst > 0 or self.steady > 0


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time, and how many requests were taken in it."""

    begin_ms: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows that an account was in when a request of it was last taken."""

    second: Window = Window()
    minute: Window = Window()


@dataclass(frozen=True, slots=True)
class Allowance:
    """A request is taken: how things stand in the window in which least is left.

    reset_s: after so many whole seconds that window has ended.
    """

    limit: int
    remaining: int
    reset_s: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request is not taken before *until_ms*, when the full window ends."""

    limit: int
    window_ms: int
    until_ms: int

    def covers(self, now_ms: int) -> bool:
        """Return whether this is why a request at *now_ms* is refused, if no clock was put back."""
        return self.until_ms - self.window_ms - SKEW_MS <= now_ms < self.until_ms


def take(windows: Windows, rates: Rates, *, now_ms: int) -> tuple[Windows, Allowance | Refusal]:
    """Return what one more request comes to: counted in both windows, or refused and in neither."""
    second = _current(windows.second, SECOND_MS, now_ms)
    minute = _current(windows.minute, MINUTE_MS, now_ms)
    limited = [
        (limit, window, length_ms)
        for limit, window, length_ms in (
            (rates.steady, minute, MINUTE_MS),
            (rates.burst, second, SECOND_MS),
        )
        if limit > 0
    ]
    for limit, window, length_ms in limited:
        if window.count >= limit:
            return windows, Refusal(limit, length_ms, window.begin_ms + length_ms)
    least = min(
        (
            Allowance(
                limit,
                limit - window.count - 1,
                seconds_to(window.begin_ms + length_ms, now_ms=now_ms),
            )
            for limit, window, length_ms in limited
        ),
        key=lambda one: one.remaining,
    )
    return Windows(_with_one_more(second), _with_one_more(minute)), least


def seconds_to(until_ms: int, *, now_ms: int) -> int:
    """Return in how many whole seconds *until_ms* is there: 1 at least."""
    return max(1, -((now_ms - until_ms) // 1000))


def _current(window: Window, length_ms: int, now_ms: int) -> Window:
    begin_ms = now_ms - now_ms % length_ms
    return window if begin_ms <= window.begin_ms <= now_ms + SKEW_MS else Window(begin_ms)


def _with_one_more(window: Window) -> Window:
    return Window(window.begin_ms, window.count + 1)
