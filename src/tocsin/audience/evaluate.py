"""An expression, evaluated for a whole shard at a time."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import EMPTY
from tocsin.domain.criteria import SEGMENTS, Clause, Expression, HasOne, Subscribed
from tocsin.domain.subscriber import (
    EVERYONE,
    LOOKED_UP,
    MOMENT,
    MOMENT_BITS,
    Fact,
    Facts,
    is_indexed,
)

_MOMENTS: Final = [(MOMENT, str(bit)) for bit in range(MOMENT_BITS)]


class Source(Protocol):
    """Where the bitmaps of one shard come from, all of one instant."""

    def held(self, facts: Collection[Fact]) -> Mapping[Fact, BitMap]:
        """Return the bitmaps that are there of these facts."""
        ...

    def having(self, attribute: str, facts: Facts) -> BitMap:
        """Return who has one of these facts of *attribute*, of which there are no bitmaps."""
        ...


@dataclass(frozen=True, slots=True)
class _Shard:
    """One shard under evaluation. found: the bitmaps of facts, those of segments as they come."""

    source: Source
    found: dict[Fact, BitMap]

    def narrowed(self, start: BitMap, clauses: Iterable[Clause]) -> list[BitMap]:
        """Return *start*, and what is left of it after each clause."""
        left = [start]
        for clause in clauses:
            if not left[-1]:
                left.append(left[-1])
            elif isinstance(clause, HasOne):
                has = self._having(clause)
                left.append(left[-1] & has if clause.include else left[-1] - has)
            else:
                left.append(self._subscribed(left[-1], clause))
        return left

    def _having(self, clause: HasOne) -> BitMap:
        if clause.attribute in LOOKED_UP:  # facts by the thousand, and no bitmap of any
            return self.source.having(clause.attribute, clause.facts)
        found = [self.found[fact] for fact in clause.facts if fact in self.found]
        if clause.attribute != SEGMENTS and not is_indexed(clause.attribute):
            missing = clause.facts.difference(self.found)
            if missing:
                found.append(self.source.having(clause.attribute, missing))
        return found[0] if len(found) == 1 else BitMap.union(EMPTY, *found)

    def _subscribed(self, left: BitMap, clause: Subscribed) -> BitMap:
        if clause.since_ms is not None:
            left = left - self._before(left, clause.since_ms)
        if clause.before_ms is not None:
            left = self._before(left, clause.before_ms)
        return left

    def _before(self, those: BitMap, bound_ms: int) -> BitMap:
        """Return those of *those* who subscribed before an instant.

        Bit by bit from the highest: whoever has a 0 where the bound has a 1 came before it,
        whoever has a 1 where it has a 0 did not, and the others are told apart by the bits
        below (O'Neil and Quass 1997, algorithm 4.3).
        """
        if bound_ms <= 0:
            return EMPTY
        if bound_ms >> MOMENT_BITS:
            return those
        before, equal = BitMap(), those
        for bit in reversed(range(MOMENT_BITS)):
            if not equal:
                break
            ones = self.found.get(_MOMENTS[bit], EMPTY)
            if bound_ms >> bit & 1:
                before |= equal - ones
                equal = equal & ones
            else:
                equal = equal - ones
        return before


def evaluate(meant: Expression, source: Source) -> list[BitMap]:
    """Return the active subscribers of the shard that fulfil the first 0, 1, ... all clauses.

    The last bitmap is the audience; all of them are within the bounds of the expression. They
    may be one and the same object, or belong to *source*: change none.
    """
    found = dict(source.held(_needed(meant)))
    at = _Shard(source, found)
    start = found.get(EVERYONE, EMPTY)
    for fact in meant.bounds:
        start = start & found.get(fact, EMPTY)
    for segment, clauses in meant.segments.items():
        found[SEGMENTS, segment] = at.narrowed(start, clauses)[-1]
    return at.narrowed(start, meant.clauses)


def _needed(meant: Expression) -> set[Fact]:
    """Return the facts whose bitmaps it takes: all at once, so that they are of one instant."""
    needed = {EVERYONE, *meant.bounds}
    for clauses in (*meant.segments.values(), meant.clauses):
        for clause in clauses:
            if isinstance(clause, Subscribed):
                needed.update(_MOMENTS)
            elif clause.attribute not in (SEGMENTS, *LOOKED_UP):
                needed |= clause.facts
    return needed
