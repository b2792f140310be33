"""How hard a push service may be pressed: windows that grow on success and shrink on trouble.

Pure: the instants come in as arguments. One set of gates per sender process.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final, NamedTuple

from tocsin.webpush.answer import Kind, Verdict

FIRST_WINDOW: Final = 32
WIDEST_WINDOW: Final = 256
WIDEST_ALONE: Final = FIRST_WINDOW
"""Where a connection carries one request at a time: as many as there are connections to a host.

More would wait in a queue of libcurl's, sent late, whatever is commanded meanwhile.
"""

SHORTEST_BREAK_MS: Final = 1_000
LONGEST_BREAK_MS: Final = 60_000
_DOUBLINGS: Final = 6

OF_ORIGIN: Final = frozenset((Kind.TROUBLE, Kind.UNREACHABLE, Kind.AMBIGUOUS))
"""Trouble that everybody has who sends to the origin."""

OF_KEY: Final = frozenset((Kind.THROTTLED,))
"""Trouble that only those have who send there under the same VAPID key.

Not that the key is refused: no pace makes that better (workers/refusals.py).
"""


class Lane(NamedTuple):
    """Who is paced as one: the recipients at an origin whose pushes a VAPID key signs.

    Chrome throttles site by site, and a key that is refused says nothing of others.
    """

    origin: str
    vapid_key_id: int


@dataclass(slots=True)
class Gate:
    """How many requests of one kind may be on the wire, and from when on.

    troubles: the answers that narrow it; all others are as good. It is judged in rounds of as many
    answers as the window is wide. A round without trouble widens the window by half, while all of
    it is on the wire at once; one with more trouble than not, or with a 429, halves it; one with
    nothing but trouble breaks: a pause that doubles each time, then a single request that tries.
    An answer to a request of an earlier round moves nothing, so a connection that dies with a
    hundred requests on it is one piece of bad news and not a hundred.
    """

    troubles: Container[Kind]
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

    @property
    def room(self) -> int:
        """Return how many more requests fit the window."""
        return max(0, self.window - self.on_wire)

    def sent(self) -> int:
        """Note that a request left; return its round."""
        self.on_wire += 1
        return self.round

    def answered(
        self, verdict: Verdict, *, of_round: int, now_ms: int, multiplexed: bool = True
    ) -> None:
        """Note what came of a request, and move the window at the end of a round.

        The pause that a push service asks for (RFC 9110 section 10.2.3) begins at once, whichever
        round asked; a 429 that names none asks for one that doubles with each round of them.
        """
        self.on_wire -= 1
        is_trouble = verdict.kind in self.troubles
        is_throttled = is_trouble and verdict.kind is Kind.THROTTLED
        if is_trouble:
            unasked_ms = self._pause_ms() if is_throttled else 0
            self._close(now_ms + (verdict.wait_ms or unasked_ms))
        if of_round != self.round:
            return
        self._answers += 1
        self._troubles += is_trouble
        self._throttled |= is_throttled
        if self._answers >= self.window:
            self._end_round(now_ms, WIDEST_WINDOW if multiplexed else WIDEST_ALONE)

    def _end_round(self, now_ms: int, widest: int) -> None:
        if self._throttled:
            self.breaks += 1
            self.window = max(1, self.window // 2)
        elif self._troubles == self._answers:
            self._close(now_ms + self._pause_ms())
            self.breaks += 1
            self.window = 1
        else:
            self.breaks = 0
            if 2 * self._troubles > self._answers:
                self.window = max(1, self.window // 2)
            elif not self._troubles:
                self.window = min(widest, self.window + max(1, self.window // 2))
        self.round += 1
        self._answers = self._troubles = 0
        self._throttled = False

    def _pause_ms(self) -> int:
        return min(LONGEST_BREAK_MS, SHORTEST_BREAK_MS << min(self.breaks, _DOUBLINGS))

    def _close(self, until_ms: int) -> None:
        self.closed_until_ms = max(self.closed_until_ms, until_ms)


class Gates:
    """A gate for each origin, and one for each lane: a request passes both."""

    def __init__(self) -> None:
        self._of_origin: dict[str, Gate] = {}
        self._of_lane: dict[Lane, Gate] = {}

    def closed_until_ms(self, lane: Lane) -> int:
        """Return when requests may be sent in a lane: in the past if they may now."""
        return max(gate.closed_until_ms for gate in self._at(lane))

    def room(self, lane: Lane) -> int:
        """Return how many more requests fit both windows."""
        return min(gate.room for gate in self._at(lane))

    def sent(self, lane: Lane) -> tuple[int, int]:
        """Note that a request left; return its rounds, for its answer."""
        of_origin, of_lane = self._at(lane)
        return of_origin.sent(), of_lane.sent()

    def answered(
        self,
        lane: Lane,
        verdict: Verdict,
        *,
        of_rounds: tuple[int, int],
        now_ms: int,
        multiplexed: bool = True,
    ) -> None:
        """Note what came of a request that left in these rounds."""
        for gate, of_round in zip(self._at(lane), of_rounds, strict=True):
            gate.answered(verdict, of_round=of_round, now_ms=now_ms, multiplexed=multiplexed)

    def _at(self, lane: Lane) -> tuple[Gate, Gate]:
        of_lane = self._of_lane.get(lane)
        if of_lane is None:
            of_lane = self._of_lane[lane] = Gate(OF_KEY)
            self._of_origin.setdefault(lane.origin, Gate(OF_ORIGIN))
        return self._of_origin[lane.origin], of_lane
