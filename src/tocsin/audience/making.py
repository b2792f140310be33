"""Making bitmaps of people, column by column: what is done per person is done at C's speed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from pyroaring import BitMap

from tocsin.domain.subscriber import (
    EVERYONE,
    FACTS_OF,
    MOMENT,
    MOMENT_BITS,
    Fact,
    Profile,
    user_data_attribute,
)
from tocsin.domain.subscriber import texts_of as texts

AT_ONCE: Final = 1 << 16  # people: a container of a Roaring bitmap
_GROUP_BITS: Final = 6  # of a moment, looked at together
_MASK: Final = (1 << _GROUP_BITS) - 1
_PLAIN: Final = [name for name in FACTS_OF if name not in ("user_data", "subscribed_ms")]


def bitmaps_of(people: Iterable[Profile]) -> dict[Fact, BitMap]:
    """Return for every fact that somebody of *people* has, who they are."""
    made: dict[Fact, BitMap] = {}
    everyone = iter(people)
    while some := list(islice(everyone, AT_ONCE)):
        for fact, pieces in _pieces(some).items():
            if fact in made:
                made[fact].update(*pieces)
            else:
                made[fact] = BitMap.union(*pieces) if len(pieces) > 1 else pieces[0].copy()
    return made


def _pieces(people: Sequence[Profile]) -> dict[Fact, list[BitMap]]:
    """Return bitmaps by fact, which may share their objects; a fact's are to be united."""
    columns = dict(zip(Profile._fields, zip(*people, strict=True), strict=True))
    ordinals = columns["ordinal"]
    found: defaultdict[Fact, list[BitMap]] = defaultdict(list)
    found[EVERYONE].append(BitMap(ordinals))
    for name in _PLAIN:
        for value, those in _by_value(ordinals, columns[name]).items():
            if value is not None:
                bitmap = BitMap(those)
                for fact in FACTS_OF[name](value):
                    found[fact].append(bitmap)
    for fact, those in _by_custom(ordinals, columns["user_data"]).items():
        found[fact].append(BitMap(those))
    _add_moments(found, ordinals, columns["subscribed_ms"])
    return found


def _by_value(ordinals: Sequence[int], column: Sequence[Any]) -> dict[Any, list[int]]:
    groups: defaultdict[Any, list[int]] = defaultdict(list)
    for ordinal, value in zip(ordinals, column, strict=True):
        groups[value].append(ordinal)
    return groups


def _by_custom(ordinals: Sequence[int], column: Sequence[Any]) -> dict[Fact, list[int]]:
    groups: defaultdict[Fact, list[int]] = defaultdict(list)
    for ordinal, data in zip(ordinals, column, strict=True):
        for key, value in data.items():
            attribute = user_data_attribute(key)
            for text in (value,) if isinstance(value, str) else texts(value):
                groups[attribute, text].append(ordinal)
    return groups


def _add_moments(
    found: defaultdict[Fact, list[BitMap]], ordinals: Sequence[int], moments: Sequence[int]
) -> None:
    """Add the bits of *moments*, several together: few bitmaps are made for many bits."""
    for lowest in range(0, MOMENT_BITS, _GROUP_BITS):
        some = [at_ms >> lowest & _MASK for at_ms in moments]
        for value, those in _by_value(ordinals, some).items():
            bitmap = BitMap(those)
            for bit in range(_GROUP_BITS):
                if value >> bit & 1:
                    found[MOMENT, str(lowest + bit)].append(bitmap)
