"""How hard one push service may be pressed: a window that grows on success and shrinks on trouble.

Pure: the instants come in as arguments. One gate per origin and sender process.
"""

from dataclasses import dataclass
from typing import Final

from tocsin.webpush.answer import Kind, Verdict

FIRST_WINDOW: Final = 32
WIDEST_WINDOW: Final = 256
SHORTEST_BREAK_MS: Final = 1_000
LONGEST_BREAK_MS: Final = 60_000
_DOUBLINGS: Final = 6

_TROUBLES: Final = (Kind.THROTTLED, Kind.TROUBLE, Kind.UNREACHABLE, Kind.AMBIGUOUS)


@dataclass(slots=True)
class OriginGate:
    """One origin: how many requests may be on the wire, and from when on.

    It is judged in rounds of as many answers as the window is wide. A round without trouble
    widens the window by half; one with more trouble than not, or with a 429, halves it; one
    with nothing but trouble breaks: a pause that doubles each time, then a single request that
    tries. An answer to a request of an earlier round moves nothing, so a connection that dies
    with a hundred requests on it is one piece of bad news and not a hundred.
    """

    window: int = FIRST_WINDOW
    on_wire: int = 0
    closed_until_ms: int = 0
    breaks: int = 0
    round: int = 0
    _answers: int = 0
    _troubles: int = 0
    _throttled: bool = False

    def is_open(self, now_ms: int) -> bool:
        """Return whether requests may be sent at all."""
        return now_ms >= self.closed_until_ms

    def has_room(self) -> bool:
        """Return whether one more request fits the window."""
        return self.on_wire < self.window

    def sent(self) -> int:
        """Note that a request left; return its round."""
        self.on_wire += 1
        return self.round

    def answered(self, verdict: Verdict, *, of_round: int, now_ms: int) -> None:
        """Note what came of a request, and move the window at the end of a round.

        The pause that a push service asks for (RFC 9110 section 10.2.3) begins at once, whichever
        round asked; a 429 that names none asks for SHORTEST_BREAK_MS.
        """
        self.on_wire -= 1
        if verdict.kind is Kind.THROTTLED:
            self._close(now_ms + (verdict.wait_ms or SHORTEST_BREAK_MS))
        elif verdict.wait_ms:
            self._close(now_ms + verdict.wait_ms)
        if of_round != self.round:
            return
        self._answers += 1
        self._troubles += verdict.kind in _TROUBLES
        self._throttled |= verdict.kind is Kind.THROTTLED
        if self._answers >= self.window:
            self._end_round(now_ms)

    def _end_round(self, now_ms: int) -> None:
        if self._troubles == self._answers and not self._throttled:
            pause_ms = min(LONGEST_BREAK_MS, SHORTEST_BREAK_MS << min(self.breaks, _DOUBLINGS))
            self._close(now_ms + pause_ms)
            self.breaks += 1
            self.window = 1
        else:
            self.breaks = 0
            if self._throttled or 2 * self._troubles > self._answers:
                self.window = max(1, self.window // 2)
            elif not self._troubles:
                self.window = min(WIDEST_WINDOW, self.window + max(1, self.window // 2))
        self.round += 1
        self._answers = self._troubles = 0
        self._throttled = False

    def _close(self, until_ms: int) -> None:
        self.closed_until_ms = max(self.closed_until_ms, until_ms)
