"""Folding changes of subscribers into the bitmaps of the index."""

from collections.abc import Iterable
from dataclasses import dataclass

from pyroaring import BitMap

from tocsin.audience.bitmaps import BitmapKey, BitmapSource, shard_of
from tocsin.domain.subscriber import Facts


@dataclass(frozen=True, slots=True)
class Change:
    """One subscriber. before: facts the index may hold them under; after: those they have now."""

    ordinal: int
    before: Facts
    after: Facts


def fold(changes: Iterable[Change], source: BitmapSource) -> dict[BitmapKey, BitMap]:
    """Return the bitmaps to write; an empty one is to be dropped.

    before may name more facts than the index has: clearing a bit that is not set is nothing,
    and so is folding a change twice. Of several changes of one subscriber the last one's facts
    stand.
    """
    to_clear: dict[BitmapKey, BitMap] = {}
    to_set: dict[BitmapKey, BitMap] = {}
    for change in _one_each(changes):
        shard = shard_of(change.ordinal)
        for target, facts in (
            (to_clear, change.before - change.after),
            (to_set, change.after),
        ):
            for fact in facts:
                target.setdefault(BitmapKey(*fact, shard), BitMap()).add(change.ordinal)
    keys = to_clear.keys() | to_set.keys()
    known = source.load(keys)
    empty = BitMap()
    return {
        key: (known.get(key, empty) - to_clear.get(key, empty)) | to_set.get(key, empty)
        for key in keys
    }


def _one_each(changes: Iterable[Change]) -> Iterable[Change]:
    """Return *changes* with those of one subscriber made one."""
    merged: dict[int, Change] = {}
    for change in changes:
        known = merged.get(change.ordinal)
        if known is not None:
            before = known.before | known.after | change.before
            merged[change.ordinal] = Change(change.ordinal, before, change.after)
        else:
            merged[change.ordinal] = change
    return merged.values()
