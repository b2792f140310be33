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

    A success widens the window by one; being throttled or in trouble halves it. BREAK_AFTER
    troubles in a row close the gate for a while that doubles; a single request then tries.
    """

    window: float = FIRST_WINDOW
    on_wire: int = 0
    closed_until_ms: int = 0
    troubles: int = 0

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
        if verdict.kind in _ANSWERED:
            self.troubles = 0
            self.window = min(WIDEST_WINDOW, self.window + 1 / self.window)
            return
        self.window = max(1, self.window / 2)
        if verdict.wait_ms:
            self._close(now_ms + verdict.wait_ms)
        if verdict.kind is Kind.THROTTLED:
            return
        self.troubles += 1
        if self.troubles >= BREAK_AFTER:
            doublings = min((self.troubles - BREAK_AFTER) // BREAK_AFTER, 10)
            self._close(now_ms + min(LONGEST_BREAK_MS, SHORTEST_BREAK_MS * 2**doublings))

    def _close(self, until_ms: int) -> None:
        self.closed_until_ms = max(self.closed_until_ms, until_ms)
