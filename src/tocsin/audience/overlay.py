"""Those whose changes the bitmaps do not show yet: small bitmaps of their own, laid over the rest.

An overlay follows the list of changes: what it knows already is kept, only what came since is
looked up. So an acknowledged change is in the next answer, and costs each process one look.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pyroaring import BitMap

from tocsin.audience.bitmaps import EMPTY
from tocsin.audience.making import bitmaps_of
from tocsin.domain.subscriber import Fact, Profile


@dataclass(frozen=True, slots=True)
class Overlay:
    """The changes of one shard that are not folded yet, as of one instant.

    changes: by id, who was changed. stale: all of them. now: by fact, those of them who have it.
    version: of the shard's bitmaps, at that instant.
    """

    changes: Mapping[int, BitMap] = field(default_factory=dict)
    stale: BitMap = EMPTY
    now: Mapping[Fact, BitMap] = field(default_factory=dict)
    version: int = 0

    def is_later(self, tail: Collection[int], version: int) -> bool:
        """Return whether this is of a later instant than the changes *tail* at a *version*.

        At the same version nothing was folded in between: a change that is not in the tail is one
        that is not there yet.
        """
        return self.version == version and not self.changes.keys() <= set(tail)

    def held(self, facts: Collection[Fact]) -> Mapping[Fact, BitMap]:
        """Return the bitmaps that are there of these facts."""
        return {fact: self.now[fact] for fact in facts if fact in self.now}


def follow(
    before: Overlay,
    tail: Collection[int],
    *,
    version: int,
    changes_of: Callable[[Collection[int]], Mapping[int, BitMap]],
    people: Callable[[BitMap], Iterable[Profile]],
) -> Overlay:
    """Return the overlay of the changes *tail*, at a *version* of the shard.

    before: one that is not of a later instant; what it has and *tail* has not was folded since.
    changes_of: who was changed, by the ids of changes. people: those of them who are active.
    """
    if not tail:
        return Overlay()
    kept = {id_: those for id_, those in before.changes.items() if id_ in tail}
    new = changes_of([id_ for id_ in tail if id_ not in kept])
    if not new and len(kept) == len(before.changes):
        return before
    changes = {**kept, **new}
    stale = BitMap.union(EMPTY, *changes.values())
    read = BitMap.union(EMPTY, *new.values())
    settled = (before.stale & stale) - read
    now = {fact: those & settled for fact, those in before.now.items()}
    for fact, those in bitmaps_of(people(read)).items():
        now[fact] = now.get(fact, EMPTY) | those
    return Overlay(changes, stale, {fact: those for fact, those in now.items() if those}, version)
