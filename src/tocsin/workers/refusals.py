"""Which VAPID keys push services refuse: what this sender is answered, and what all of them know.

Pure. One set of refusals per sender process.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from tocsin.webpush.answer import Kind
from tocsin.workers.gates import Lane

LAST: Final = 200
"""So many answers, the last ones, a key is judged by."""

LEAST: Final = 40
"""So many refusals there are at least of a key that is refused: a handful may be theirs alone."""

SHARE: Final = 5
"""More than one in so many answers to a key that is refused are refusals."""

JUDGING: Final = frozenset((Kind.ACCEPTED, Kind.GONE, Kind.REJECTED, Kind.KEY_REFUSED))
"""The answers that say something of the key: the push service dealt with the request."""


@dataclass(slots=True)
class Record:
    """What was answered in a lane: of the last answers, which were refusals of the key.

    on_trial: the key was refused, and released, and nothing has been accepted under it since.
    """

    on_trial: bool = False
    _last: deque[bool] = field(default_factory=lambda: deque(maxlen=LAST))
    _refusals: int = 0

    def answered(self, kind: Kind, *, again: bool) -> None:
        """Note an answer. again: it is to somebody of whom the last one was a refusal.

        Who is refused is tried once more. That tells nothing new of the key, unless it is on trial.
        """
        is_refusal = kind is Kind.KEY_REFUSED
        if is_refusal and again and not self.on_trial:
            return
        if kind is Kind.ACCEPTED:
            self.on_trial = False
        if len(self._last) == LAST:
            self._refusals -= self._last[0]
        self._last.append(is_refusal)
        self._refusals += is_refusal

    @property
    def is_refused(self) -> bool:
        """Return whether it is the key that is refused, and not those who were sent to."""
        return self._refusals >= LEAST and SHARE * self._refusals > len(self._last)


class Refusals:
    """The lanes in which nothing is sent, for their key is refused."""

    def __init__(self) -> None:
        self._records: dict[Lane, Record] = {}
        self._known: frozenset[tuple[str, int]] = frozenset()
        self.untold: dict[tuple[str, int], int] = {}

    def answered(self, lane: Lane, kind: Kind, *, status: int, again: bool) -> None:
        """Note an answer; a lane that is refused by it is untold, with the *status*."""
        if kind not in JUDGING:
            return
        record = self._records.get(lane)
        if record is None:
            record = self._records[lane] = Record()
        record.answered(kind, again=again)
        if kind is Kind.KEY_REFUSED and record.is_refused and lane not in self._known:
            self.untold[lane] = status

    def is_doubted(self, lane: Lane) -> bool:
        """Return whether a refusal may be the key's fault: then it is nobody's end."""
        record = self._records.get(lane)
        return self.is_refused(lane) or (record is not None and record.on_trial)

    def is_refused(self, lane: Lane) -> bool:
        """Return whether nothing is to be sent in a lane."""
        return lane in self._known or lane in self.untold

    def told(self) -> None:
        """Note that the database knows all that this sender found out."""
        self._known |= self.untold.keys()
        self.untold.clear()

    def heard(self, known: Collection[tuple[str, int]]) -> None:
        """Take over what the database knows. A key that was released is on trial."""
        for origin, key_id in self._known.difference(known):
            self._records[Lane(origin, key_id)] = Record(on_trial=True)
        self._known = frozenset(known)
