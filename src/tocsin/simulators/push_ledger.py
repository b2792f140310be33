"""What the push service saw: the witness that tests ask."""

import json
import sys
from collections import Counter, deque
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

_VIOLATIONS_KEPT: Final = 1000
_PAYLOADS_KEPT: Final = 1000

RESET: Final = 0  # the "status" of an answer that was a reset


class Message(NamedTuple):
    """One message that a subscriber got. ambiguous: the sender never saw the answer."""

    at_ms: int
    topic: str | None
    title: str
    digest: str
    ambiguous: bool


class Ledger:
    """Counts and facts, per subscriber and in all. One event loop writes it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._messages: dict[int, list[Message]] = {}
        self._attempts: dict[int, list[tuple[int, int]]] = {}
        self._statuses: Counter[int] = Counter()
        self._violations: deque[dict[str, object]] = deque(maxlen=_VIOLATIONS_KEPT)
        self._violation_count = 0
        self._payloads: deque[dict[str, object]] = deque(maxlen=_PAYLOADS_KEPT)
        self._received = 0
        self._ambiguous = 0
        self._repeated = 0
        self._most_for_one = 0
        self._first_ms: int | None = None
        self._last_ms: int | None = None

    def answered(self, n: int | None, status: int, *, at_ms: int) -> None:
        """Note the answer to a push; n: None when nobody lives at its path."""
        self._statuses[status] += 1
        if n is not None:
            self._attempts.setdefault(n, []).append((at_ms, status))

    def violated(self, n: int | None, path: str, status: int, reason: str, *, at_ms: int) -> None:
        """Note a push that broke a rule of the protocol."""
        self._violation_count += 1
        self._violations.append(
            {"n": n, "path": path, "status": status, "reason": reason, "at_ms": at_ms}
        )

    def received(
        self,
        n: int,
        plaintext: bytes,
        payload: dict[str, Any],
        headers: dict[str, str],
        *,
        ambiguous: bool,
        at_ms: int,
    ) -> int:
        """Note a message taken for subscriber *n*; return its number, from 1.

        payload: *plaintext* read as JSON. headers: TTL, Urgency and Topic as they came,
        names in lower case.
        """
        self._received += 1
        self._ambiguous += ambiguous
        if self._first_ms is None:
            self._first_ms = at_ms
        self._last_ms = at_ms
        topic, title = headers.get("topic"), payload.get("title")
        message = Message(
            at_ms,
            None if topic is None else sys.intern(topic),
            sys.intern(title) if isinstance(title, str) else "",
            blake2b(plaintext, digest_size=8).hexdigest(),
            ambiguous,
        )
        got = self._messages.setdefault(n, [])
        self._repeated += topic is not None and any(topic == earlier.topic for earlier in got)
        got.append(message)
        self._most_for_one = max(self._most_for_one, len(got))
        self._payloads.append(
            {"number": self._received, "n": n, "at_ms": at_ms, **headers, "payload": payload}
        )
        return self._received

    def report(self) -> dict[str, object]:
        """Return the totals.

        ``received`` counts messages taken, ``repeated`` those of them beyond the first with
        the same Topic for one subscriber, ``ambiguous`` those whose answer was a reset;
        ``statuses`` counts answers, 0 being a reset.
        """
        return {
            "received": self._received,
            "ambiguous": self._ambiguous,
            "repeated": self._repeated,
            "subscribers": len(self._messages),
            "most_for_one": self._most_for_one,
            "statuses": {str(status): count for status, count in sorted(self._statuses.items())},
            "first_ms": self._first_ms,
            "last_ms": self._last_ms,
            "violation_count": self._violation_count,
            "violations": list(self._violations),
        }

    def subscriber_lines(self) -> Iterator[str]:
        """Return one JSON line for each subscriber that got a message, by number."""
        for n, got in sorted(self._messages.items()):
            yield _line(
                {
                    "n": n,
                    "count": len(got),
                    "ambiguous": sum(message.ambiguous for message in got),
                    "first_ms": got[0].at_ms,
                    "last_ms": got[-1].at_ms,
                    "topics": [message.topic for message in got],
                    "titles": [message.title for message in got],
                    "digests": [message.digest for message in got],
                    "arrival_ms": [message.at_ms for message in got],
                }
            )

    def attempt_lines(self) -> Iterator[str]:
        """Return one JSON line for each subscriber that was pushed to, taken or not."""
        for n, attempts in sorted(self._attempts.items()):
            yield _line({"n": n, "attempts": attempts})

    def messages_after(self, number: int) -> list[dict[str, object]]:
        """Return the last decrypted messages whose number is above *number*, oldest first."""
        newer = self._received - number
        kept = len(self._payloads)
        return [self._payloads[index] for index in range(max(kept - newer, 0), kept)]


def _line(value: dict[str, object]) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
