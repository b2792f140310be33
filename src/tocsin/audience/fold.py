"""Folding changes of subscribers into the bitmaps of a shard."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pyroaring import BitMap

from tocsin.audience.bitmaps import EMPTY
from tocsin.domain.subscriber import Fact, Facts


@dataclass(frozen=True, slots=True)
class Change:
    """Subscribers of one shard that one transaction changed.

    touched: facts that one of them or another may have gained or lost; None: they are new.
    """

    ordinals: BitMap
    touched: Facts | None


@dataclass(slots=True)
class Changes:
    """Several changes taken together.

    touched: by fact, who may have gained or lost it. newcomers: who may have gained any.
    """

    newcomers: BitMap = field(default_factory=BitMap)
    touched: dict[Fact, BitMap] = field(default_factory=dict)
    everyone: BitMap = field(default_factory=BitMap)

    def facts(self, now: Mapping[Fact, BitMap]) -> set[Fact]:
        """Return the facts whose bitmaps may come out different. now: as for fold."""
        gained = {fact for fact, those in now.items() if those.intersect(self.newcomers)}
        return self.touched.keys() | gained


def together(changes: Iterable[Change]) -> Changes:
    """Return *changes* as one."""
    whole = Changes()
    for change in changes:
        whole.everyone |= change.ordinals
        if change.touched is None:
            whole.newcomers |= change.ordinals
        else:
            for fact in change.touched:
                whole.touched.setdefault(fact, BitMap()).update(change.ordinals)
    return whole


def fold(
    changes: Changes,
    now: Mapping[Fact, BitMap],
    known: Mapping[Fact, BitMap],
    facts: Collection[Fact],
) -> dict[Fact, BitMap]:
    """Return the bitmaps of *facts* as they are after *changes*.

    now: the facts that those who changed have by now, the inactive none. known: the bitmaps as
    they were. Whatever is changed again later stands in a change of its own, so folding twice, or
    towards facts that are newer than the change, does no harm.
    """
    folded = {}
    for fact in facts:
        asked = changes.touched.get(fact, EMPTY)
        has = now.get(fact, EMPTY) & (asked | changes.newcomers)
        folded[fact] = (known.get(fact, EMPTY) - asked) | has
    return folded
