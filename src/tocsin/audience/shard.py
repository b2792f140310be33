"""One shard of a tenant as of one instant: the bitmaps, and the overlay of what they lack."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import EMPTY, first_of
from tocsin.audience.evaluate import Source, evaluate
from tocsin.audience.overlay import Overlay
from tocsin.domain.criteria import Expression
from tocsin.domain.subscriber import Fact, Facts, user_data_key

NONE = ""
"""Stands for having no value of an attribute."""


class Base(Source, Protocol):
    """The bitmaps of a shard; rows where there are none. Who was changed since may be wrong."""

    def values(self, attribute: str) -> Mapping[str, BitMap]:
        """Return the bitmaps of one attribute by value, wildcards aside: the large ones first."""
        ...


@dataclass(frozen=True, slots=True)
class _Changed:
    """Those of a shard who were changed, as a shard of their own."""

    overlay: Overlay
    base: Source

    def held(self, facts: Collection[Fact]) -> Mapping[Fact, BitMap]:
        return {fact: self.overlay.now[fact] for fact in facts if fact in self.overlay.now}

    def having(self, attribute: str, facts: Facts) -> BitMap:
        if user_data_key(attribute) is not None:  # the overlay has all that there is
            return EMPTY
        return self.base.having(attribute, facts)


@dataclass(frozen=True, slots=True)
class Shard:
    """Whoever is active in one shard. What it hands out may be in use elsewhere: change none."""

    number: int
    base: Base
    overlay: Overlay

    def judge(self, meant: Expression) -> list[BitMap]:
        """Return who fulfils the first 0, 1, ... all clauses: the last one is the audience."""
        found = evaluate(meant, self.base)
        stale = self.overlay.stale
        if not stale:
            return found
        changed = evaluate(meant, _Changed(self.overlay, self.base))
        return [(old - stale) | new for old, new in zip(found, changed, strict=True)]

    def had(self, whole: BitMap, wanted: Facts) -> set[Fact]:
        """Return those of the facts, which are indexed, that somebody in *whole* has."""
        settled = whole - self.overlay.stale
        held, now = self.base.held(wanted), self.overlay.now
        return {
            fact
            for fact in wanted
            if settled.intersect(held.get(fact, EMPTY)) or whole.intersect(now.get(fact, EMPTY))
        }

    def divide(self, whole: BitMap, attribute: str) -> dict[str, BitMap]:
        """Return *whole* in parts, one for each value of an attribute that has one value or none.

        NONE is the part of no value. Nobody is in two parts, and no part is empty.
        """
        parts: dict[str, BitMap] = {}
        rest = whole.copy()
        for value, bitmap, those in self._layers(whole, attribute):
            if bitmap.intersect(those):
                part = rest & bitmap & those
                parts[value] = parts.get(value, EMPTY) | part
                rest -= part
        parts[NONE] = rest
        return {value: part for value, part in parts.items() if part}

    def counts(self, whole: BitMap, attribute: str) -> dict[str, int]:
        """Return how many are in each part of `divide`, which takes far longer.

        Counted are those who are missing: against the many that a set of few leaves out, a bitmap
        costs but its own size, while two sets of few are compared element by element.
        """
        found: dict[str, int] = {}
        lacking: dict[int, BitMap] = {}
        left = len(whole)
        for value, bitmap, those in self._layers(whole, attribute):
            if not left:
                break
            if id(those) not in lacking:
                lacking[id(those)] = self._everybody() - those
            count = len(bitmap) - bitmap.intersection_cardinality(lacking[id(those)])
            if count:
                found[value] = found.get(value, 0) + count
                left -= count
        if left:
            found[NONE] = left
        return found

    def _everybody(self) -> BitMap:
        return BitMap(range(first_of(self.number), first_of(self.number + 1)))

    def _layers(self, whole: BitMap, attribute: str) -> Iterator[tuple[str, BitMap, BitMap]]:
        """Yield the bitmaps of an attribute by value, and for whom in *whole* each is right."""
        settled = whole - self.overlay.stale if self.overlay.stale else whole
        for value, bitmap in self.base.values(attribute).items():
            yield value, bitmap, settled
        for (name, value), bitmap in self.overlay.now.items():
            if name == attribute and not is_wildcard(value):
                yield value, bitmap, whole


def is_wildcard(value: str) -> bool:
    """Return whether *value* of an attribute stands for several values of it."""
    return value.startswith("*.")
