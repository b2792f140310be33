"""An expression, evaluated for a whole shard at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import BitmapKey, BitmapSource
from tocsin.domain.criteria import SEGMENTS, Clause, Expression, HasOne, Subscribed, passed
from tocsin.domain.subscriber import EVERYONE, Fact, Standing, is_indexed


class AudienceSource(BitmapSource, Protocol):
    """Where bitmaps come from, those of facts that the index does not hold included."""

    def having(self, attribute: str, values: Collection[str], shard: int) -> BitMap:
        """Return the ordinals of the shard that have one of these facts of *attribute*."""
        ...

    def subscribed(self, shard: int, *, since_ms: int | None, before_ms: int | None) -> BitMap:
        """Return the ordinals of the shard that subscribed in [since_ms, before_ms)."""
        ...


@dataclass(frozen=True, slots=True)
class Changed:
    """A subscriber whose change the index may not show yet, as of now; None: not active."""

    ordinal: int
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class _Shard:
    """One shard under evaluation. found: the bitmaps of facts, those of segments as they come."""

    number: int
    source: AudienceSource
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
        if clause.attribute != SEGMENTS and not is_indexed(clause.attribute):
            values = [value for _, value in clause.facts]
            return self.source.having(clause.attribute, values, self.number)
        return BitMap.union(
            BitMap(), *(self.found[fact] for fact in clause.facts if fact in self.found)
        )

    def _subscribed(self, start: BitMap, clause: Subscribed) -> BitMap:
        """Return whom the clause leaves: few are new, so the old are those that are not new."""
        if clause.since_ms is None:
            if clause.before_ms is None:
                return start
            return start - self.source.subscribed(
                self.number, since_ms=clause.before_ms, before_ms=None
            )
        return start & self.source.subscribed(
            self.number, since_ms=clause.since_ms, before_ms=clause.before_ms
        )


def evaluate(meant: Expression, shard: int, source: AudienceSource) -> list[BitMap]:
    """Return the active subscribers of the shard that fulfil the first 0, 1, ... all clauses.

    The last bitmap is the audience; all of them are within the bounds of the expression. They
    may be one and the same object, or belong to *source*: change none.
    """
    needed = {BitmapKey(*fact, shard) for fact in _indexed(meant)}
    bitmaps = source.load(needed)
    found = {(key.attribute, key.value): bitmap for key, bitmap in bitmaps.items()}
    at = _Shard(shard, source, found)
    start = BitMap.intersection(*(found.get(fact, BitMap()) for fact in (EVERYONE, *meant.bounds)))
    for segment, clauses in meant.segments.items():
        found[SEGMENTS, segment] = at.narrowed(start, clauses)[-1]
    return at.narrowed(start, meant.clauses)


def patch(found: Sequence[BitMap], meant: Expression, changed: Iterable[Changed]) -> list[BitMap]:
    """Return what `evaluate` *found* with changed subscribers judged by their rows instead."""
    stale = BitMap()
    fulfilling: list[list[int]] = [[] for _ in found]
    for one in changed:
        stale.add(one.ordinal)
        if one.standing is not None and meant.bounds <= one.standing.facts:
            for at in range(passed(meant, one.standing) + 1):
                fulfilling[at].append(one.ordinal)
    return [
        (bitmap - stale) | BitMap(ordinals)
        for bitmap, ordinals in zip(found, fulfilling, strict=True)
    ]


def divide(
    whole: BitMap, by_value: Mapping[str, BitMap], changed: Mapping[int, str | None]
) -> dict[str, BitMap]:
    """Return *whole* in parts, one for each value of an attribute; "" is that of no value.

    by_value: the bitmaps of the attribute. changed: by ordinal, the value of those whom the
    bitmaps may not show yet. Nobody is in two parts, and no part is empty.
    """
    parts: dict[str, BitMap] = {}
    rest = whole - BitMap(list(changed))
    for value, bitmap in by_value.items():
        parts[value] = rest & bitmap
        rest -= parts[value]
    parts[""] = rest | parts.get("", BitMap())
    for ordinal, now in changed.items():
        if ordinal in whole:
            parts.setdefault(now or "", BitMap()).add(ordinal)
    return {value: part for value, part in parts.items() if part}


def _indexed(meant: Expression) -> set[Fact]:
    """Return the facts whose bitmaps it takes: all at once, so that they are of one instant."""
    return {
        EVERYONE,
        *meant.bounds,
        *(
            fact
            for clauses in (*meant.segments.values(), meant.clauses)
            for clause in clauses
            if isinstance(clause, HasOne) and clause.attribute != SEGMENTS
            for fact in clause.facts
            if is_indexed(clause.attribute)
        ),
    }
