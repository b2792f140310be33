"""A targeting expression, evaluated for a whole shard at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyroaring import BitMap

from tocsin.audience.bitmaps import BitmapKey, BitmapSource
from tocsin.domain.subscriber import EVERYONE, Facts
from tocsin.domain.targeting import USERS, Criterion, Targeting, predicate, wanted


@dataclass(frozen=True, slots=True)
class Changed:
    """A subscriber whose change the index may not show yet. facts: as of now, None: inactive."""

    ordinal: int
    user_id: int
    facts: Facts | None


def evaluate(
    targeting: Targeting,
    shard: int,
    source: BitmapSource,
    *,
    users: Mapping[str, int],
    bounds: Facts = frozenset(),
) -> BitMap:
    """Return the ordinals of the shard's active subscribers whom *targeting* means.

    users: the ordinals of the user ids that the targeting names. bounds: facts that everybody
    must have beyond it, such as the account of a caller that sees only its own.
    """
    needed = {_key(fact, shard) for fact in (EVERYONE, *bounds)}
    for criterion in targeting.criteria:
        needed.update(_keys(criterion, shard))
    bitmaps = source.load(needed)
    empty = BitMap()
    result = bitmaps.get(_key(EVERYONE, shard), empty).copy()
    for fact in bounds:
        result &= bitmaps.get(_key(fact, shard), empty)
    for criterion in targeting.criteria:
        if criterion.attribute == USERS:
            found = BitMap(users[item] for item in wanted(criterion) if item in users)
        else:
            found = BitMap.union(
                empty, *(bitmaps[key] for key in _keys(criterion, shard) if key in bitmaps)
            )
        if criterion.op == "include":
            result &= found
        else:
            result -= found
    return result


def patch(
    result: BitMap,
    targeting: Targeting,
    changed: Iterable[Changed],
    *,
    bounds: Facts = frozenset(),
) -> BitMap:
    """Return *result* with the changed subscribers of its shard judged by their rows instead."""
    patched = result.copy()
    means = predicate(targeting)
    for one in changed:
        patched.discard(one.ordinal)
        if one.facts is not None and bounds <= one.facts and means(one.facts, str(one.user_id)):
            patched.add(one.ordinal)
    return patched


def _keys(criterion: Criterion, shard: int) -> list[BitmapKey]:
    if criterion.attribute == USERS:
        return []
    return [BitmapKey(criterion.attribute, value, shard) for value in wanted(criterion)]


def _key(fact: tuple[str, str], shard: int) -> BitmapKey:
    return BitmapKey(*fact, shard)
