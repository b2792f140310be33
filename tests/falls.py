"""Falls of senders, and the repeats that they excuse: who had no outcome on the disk by then."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, Final, TypeAlias

from pyroaring import BitMap
from sqlalchemy import select

from tocsin.domain.outcome import Outcome
from tocsin.store.engine import Database
from tocsin.store.tables import execution, parcel, push_task, subscriber
from tocsin.workers.gates import WIDEST_WINDOW
from tocsin.workers.sender import RECORD_EVERY

# Known but not recorded, answered in one turn, and on the wire: what one sender may lose.
MOST_REPEATED_PER_FALL: Final = RECORD_EVERY + 2 * WIDEST_WINDOW

Sent: TypeAlias = tuple[str, int]
"""A task's name, which is also its message's only title, and a virtual subscriber's number."""


@dataclass(frozen=True)
class Fall:
    """One sender that was killed, or was cut off for a while.

    from_ms, until_ms: what it sent before may have arrived until the second instant. still_open:
    whose outcome was not on the disk after it.
    """

    from_ms: int
    until_ms: int
    still_open: frozenset[Sent]


@dataclass(frozen=True)
class Repeat:
    """A message that came once more: when it had come before, and when it came again."""

    sent: Sent
    before_ms: int
    again_ms: int

    def is_excused_by(self, fall: Fall) -> bool:
        """Return whether the fall lies between, and the first had no outcome on the disk then."""
        return (
            self.before_ms <= fall.until_ms
            and fall.from_ms <= self.again_ms
            and self.sent in fall.still_open
        )


def open_on_disk(database: Database) -> frozenset[Sent]:
    """Return who is pending in any parcel: nothing of what became of them is on the disk."""
    people = select(subscriber.c.ordinal, subscriber.c.remote_user_id)
    parcels = (
        select(push_task.c.name, parcel.c.recipients, parcel.c.outcomes)
        .join(execution, execution.c.id == parcel.c.execution_id)
        .join(push_task, push_task.c.id == execution.c.task_id)
        .where(parcel.c.pending > 0)
    )
    with database.read() as connection:
        numbers = {
            ordinal: int(name.removeprefix("virtual-"))
            for ordinal, name in connection.execute(people).all()
        }
        held = connection.execute(parcels).all()
    return frozenset(
        (name, numbers[ordinal])
        for name, recipients, outcomes in held
        for ordinal, outcome in zip(BitMap.deserialize(recipients), outcomes, strict=True)
        if outcome == Outcome.PENDING
    )


def sent_and_repeated(lines: Iterable[dict[str, Any]]) -> tuple[set[Sent], list[Repeat]]:
    """Return what the push service's subscribers got, and what of it again, under one Topic."""
    sent: set[Sent] = set()
    repeats: list[Repeat] = []
    topics: dict[str, set[str]] = {}
    for line in lines:
        arrivals: dict[str, list[int]] = {}
        for title, topic, at_ms in zip(
            line["titles"], line["topics"], line["arrival_ms"], strict=True
        ):
            arrivals.setdefault(title, []).append(at_ms)
            topics.setdefault(title, set()).add(topic)
        for title, instants in arrivals.items():
            sent.add((title, line["n"]))
            repeats += [Repeat((title, line["n"]), *two) for two in pairwise(instants)]
    assert [title for title, some in topics.items() if len(some) > 1] == [], (
        "a repeat had another Topic"
    )
    return sent, repeats


def most_of_one_fall(repeats: Sequence[Repeat], falls: Sequence[Fall]) -> int:
    """Return the least number with which each repeat has a fall and no fall has more of them.

    falls: in their order. Asserts that each repeat has a fall that excuses it.
    """
    spans = []
    for repeat in repeats:
        ours = [number for number, fall in enumerate(falls) if repeat.is_excused_by(fall)]
        assert ours, f"nobody's fall excuses {repeat}"
        assert ours == list(range(ours[0], ours[-1] + 1)), "who was settled is open again"
        spans.append((ours[0], ours[-1]))
    spans.sort()
    numbers = range(len(spans) + 1)
    return bisect_left(numbers, x=True, key=lambda most: _can_share(spans, len(falls), most))


def _can_share(spans: Sequence[tuple[int, int]], falls: int, most: int) -> bool:
    """Return whether all have a fall within their span: at each, those whose last it is first."""
    waiting: list[int] = []
    coming = iter([*spans, (falls, falls)])
    first, last = next(coming)
    for number in range(falls):
        while first == number:
            heappush(waiting, last)
            first, last = next(coming)
        for _ in range(min(most, len(waiting))):
            heappop(waiting)
        if waiting and waiting[0] <= number:
            return False
    return True
