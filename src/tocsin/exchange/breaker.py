"""When a demand source that fails is left alone. Pure: the instants come in as arguments."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tocsin.domain.draw import Why

LAST_ANSWERS: Final = 20
MOST_FAILED: Final = 10
"""Of the last answers; this many open the breaker, whether there were twenty already or not."""

SHORTEST_REST_MS: Final = 2_000
LONGEST_REST_MS: Final = 60_000
PROBE_MS: Final = 5_000
"""How long a probe may stay without an answer before the next one goes out."""

_FAILED: Final = frozenset({Why.TIMEOUT, Why.UNREACHABLE, Why.MALFORMED})
_ANSWERED: Final = frozenset({Why.FILLED, Why.EMPTY})


@dataclass(slots=True)
class Breaker:
    """One zone's: it opens when half of the last answers failed, and then rests.

    A rest doubles each time, from 2 s to 60 s. When it is over, one draw asks; its success closes
    the breaker, and its failure begins the next rest. Answers that come during a rest move nothing.
    """

    _failed: deque[bool] = field(default_factory=lambda: deque(maxlen=LAST_ANSWERS))
    _rest_ms: int = 0  # 0: closed
    _rest_from_ms: int = 0
    _probe_from_ms: int | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the source rests, or is only probed."""
        return self._rest_ms > 0

    def may_ask(self, now_ms: int) -> bool:
        """Return whether the source may be asked now; after a rest, yes means to be the probe."""
        if not self._rest_ms:
            return True
        if self._is_resting(now_ms):
            return False
        probed = self._probe_from_ms
        if probed is not None and 0 <= now_ms - probed < PROBE_MS:
            return False
        self._probe_from_ms = now_ms
        return True

    def heard(self, why: Why, now_ms: int, *, status: int = 0) -> None:
        """Note how asking ended.

        status: of the answer, 0 for unknown. A refusal with a status below 500 other than 429 is a
        word to us and no trouble of the source's. Draws that did not ask say nothing.
        """
        failed = _is_failure(why, status)
        if failed is None or self._is_resting(now_ms):
            return
        if not self._rest_ms:
            self._failed.append(failed)
            if sum(self._failed) >= MOST_FAILED:
                self._rest(SHORTEST_REST_MS, now_ms)
        elif failed:
            self._rest(min(2 * self._rest_ms, LONGEST_REST_MS), now_ms)
        else:
            self._rest_ms = 0
            self._failed.clear()

    def _rest(self, rest_ms: int, now_ms: int) -> None:
        self._rest_ms, self._rest_from_ms, self._probe_from_ms = rest_ms, now_ms, None

    def _is_resting(self, now_ms: int) -> bool:
        """Return whether a rest is not over; setting the clock back ends it."""
        return 0 <= now_ms - self._rest_from_ms < self._rest_ms


def _is_failure(why: Why, status: int) -> bool | None:
    """Return whether an answer speaks against the source; None: nobody was asked."""
    if why is Why.REFUSED:
        return status in (0, 429) or status >= 500
    if why in _FAILED:
        return True
    return False if why in _ANSWERED else None
