"""What the demand source was asked, gave and was told: the witness that tests ask."""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from tocsin.simulators.exchange_checks import Asked

_QUESTIONS_KEPT: Final = 1000
_VIOLATIONS_KEPT: Final = 1000

RESET: Final = 0  # the "status" of an answer that was a reset


class Ledger:
    """Counts and facts. One event loop writes it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._asked = 0
        self._ads = 0
        self._protocols: Counter[str] = Counter()
        self._numbers: Counter[int] = Counter()
        self._campaigns: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._pixels: Counter[int] = Counter()
        self._landings: Counter[int] = Counter()
        self._questions: deque[dict[str, object]] = deque(maxlen=_QUESTIONS_KEPT)
        self._violations: deque[dict[str, object]] = deque(maxlen=_VIOLATIONS_KEPT)
        self._violation_count = 0

    def asked(
        self, asked: Asked, path: str, *, status: int, ads: Sequence[int], at_ms: int
    ) -> None:
        """Note a question and what it was answered with: *status*, and the numbers of the ads."""
        self._asked += 1
        self._ads += len(ads)
        self._protocols[asked.protocol] += 1
        self._numbers[len(asked.slots)] += 1
        self._campaigns.update(asked.campaigns)
        self._statuses[status] += 1
        self._questions.append(
            {
                "at_ms": at_ms,
                "protocol": asked.protocol,
                "path": path,
                "said": asked.said,
                "status": status,
                "ads": list(ads),
            }
        )

    def violated(self, path: str, reason: str, *, at_ms: int) -> None:
        """Note what must not come."""
        self._violation_count += 1
        self._violations.append({"path": path, "reason": reason, "at_ms": at_ms})

    def pixel(self, ad: int) -> None:
        """Note that *ad* was shown."""
        self._pixels[ad] += 1

    def landing(self, ad: int) -> None:
        """Note that somebody came by *ad*."""
        self._landings[ad] += 1

    def report(self) -> dict[str, object]:
        """Return all of it.

        ``by_number`` counts questions by how many ads were wanted, ``by_campaign`` by the
        campaigns that they named, ``statuses`` by the answer, 0 being a reset; ``pixels`` and
        ``landings`` count calls by the number of the ad.
        """
        return {
            "asked": self._asked,
            "ads": self._ads,
            "by_protocol": dict(sorted(self._protocols.items())),
            "by_number": _by_number(self._numbers),
            "by_campaign": dict(sorted(self._campaigns.items())),
            "statuses": _by_number(self._statuses),
            "pixels": _by_number(self._pixels),
            "landings": _by_number(self._landings),
            "violation_count": self._violation_count,
            "violations": list(self._violations),
            "questions": list(self._questions),
        }


def _by_number(counts: Counter[int]) -> dict[str, int]:
    return {str(number): count for number, count in sorted(counts.items())}
