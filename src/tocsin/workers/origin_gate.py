"""How hard one push service may be pressed: a window that grows on success and shrinks on trouble.

Pure: the instants come in as arguments. One gate per origin and sender process.
"""

from dataclasses import dataclass
from typing import Final

from tocsin.webpush.answer import Kind, Verdict

FIRST_WINDOW: Final = 32
WIDEST_WINDOW: Final = 256
BREAK_AFTER: Final = 10
SHORTEST_BREAK_MS: Final = 1_000
LONGEST_BREAK_MS: Final = 60_000

_ANSWERED: Final = (Kind.ACCEPTED, Kind.GONE, Kind.REJECTED, Kind.KEY_REFUSED, Kind.REDIRECTED)


@dataclass(slots=True)
class OriginGate:
    """One origin: how many requests may be on the wire, and from when on.

    A window of successes widens the window by one; a setback, which is being throttled or in
    trouble, halves it. What fails together counts once: a connection that breaks under a hundred
    requests is one setback, so as many answers as were on the wire at a setback cannot be
    another. BREAK_AFTER troubles in a row close the gate for a while that doubles with every
    further one; a single request then tries. Being throttled without a Retry-After closes it
    likewise, from the first time on. A Retry-After is always obeyed.
    """

    window: float = FIRST_WINDOW
    on_wire: int = 0
    closed_until_ms: int = 0
    troubles: int = 0
    throttles: int = 0
    together: int = 0

    def is_open(self, now_ms: int) -> bool:
        """Return whether requests may be sent at all."""
        return now_ms >= self.closed_until_ms

    def has_room(self) -> bool:
        """Return whether one more request fits the window."""
        return self.on_wire < (1 if self.troubles >= BREAK_AFTER else int(self.window))

    def sent(self) -> None:
        """Note that a request left."""
        self.on_wire += 1

    def answered(self, verdict: Verdict, *, now_ms: int) -> None:
        """Note what came of a request, and move the window."""
        self.on_wire -= 1
        is_first = self.together == 0
        self.together = max(0, self.together - 1)
        if verdict.kind in _ANSWERED:
            self.troubles = self.throttles = 0
            self.window = min(WIDEST_WINDOW, self.window + 1 / self.window)
            return
        self._close(now_ms, verdict.wait_ms or 0)
        if not is_first:
            return
        self.together = self.on_wire
        self.window = max(1, self.window / 2)
        if verdict.kind is not Kind.THROTTLED:
            self.troubles += 1
            if self.troubles >= BREAK_AFTER:
                self._close(now_ms, _break_ms(self.troubles - BREAK_AFTER))
        elif not verdict.wait_ms:
            self._close(now_ms, _break_ms(self.throttles))
            self.throttles += 1

    def _close(self, now_ms: int, for_ms: int) -> None:
        self.closed_until_ms = max(self.closed_until_ms, now_ms + for_ms)


def _break_ms(doublings: int) -> int:
    return min(LONGEST_BREAK_MS, SHORTEST_BREAK_MS << min(doublings, 10))
