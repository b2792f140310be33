"""The law of the audience: bitmaps, changes and rows say the same of everybody, at every moment."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from tocsin.audience.bitmaps import SHARD_BITS, BitmapKey, shard_of
from tocsin.audience.evaluate import Changed, evaluate, patch
from tocsin.audience.fold import Change, fold
from tocsin.domain.subscriber import Attributes, Facts, facts
from tocsin.domain.targeting import Targeting, matches, read_targeting

EDGE = 1 << SHARD_BITS
# Around the seam of two shards, where an ordinal is most easily taken for another.
ORDINALS = st.sampled_from([0, 1, 2, EDGE - 1, EDGE, EDGE + 1])
HOSTS = ("example.com", "www.example.com", "a.www.example.com", "badexample.com")
LANGUAGES = ("en", "pt", "pt-BR", "PT-br", "sr-Latn-RS")
COUNTRIES = ("RS", "DE", "BR")


def maybe(values: Iterable[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(list(values))


PEOPLE = st.none() | st.builds(
    Attributes,
    account_id=st.integers(1, 2),
    container_id=st.just(1),
    host=maybe(HOSTS),
    country=maybe(COUNTRIES),
    region=st.none(),
    city=st.none(),
    language=maybe(LANGUAGES),
    time_zone=maybe(["Europe/Belgrade", "UTC"]),
    browser=maybe([1, 12]),
    os=maybe([4, 12]),
    remote_user_id=st.none(),
    user_data=st.just({}),
    subscribed_ms=st.just(0),
)
"""One state of a subscriber; None: they left, or were never there."""

CHANGES = st.lists(st.tuples(ORDINALS, PEOPLE, st.sampled_from(["", "fold one", "fold all"])))


def criterion(items: Iterable[Any], most: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(st.sampled_from(list(items)), min_size=1, max_size=most, unique_by=str.lower)
    return st.fixed_dictionaries({"op": st.sampled_from(["include", "exclude"]), "items": some})


TARGETINGS = st.fixed_dictionaries(
    {},
    optional={
        "applications": criterion([*HOSTS, "*.example.com", "*.com", "*.www.example.com"]),
        "languages": criterion(["en", "pt", "pt-BR", "sr", "sr-Latn-RS", "de"]),
        "countries": criterion([*COUNTRIES, "rs", "FR"]),
        "browsers": criterion(["1", "12"]),
        "os": criterion(["4", "12"]),
        "users": criterion([str(one + 1000) for one in (0, 1, EDGE, EDGE + 1, 77)]),
    },
)


@dataclass
class Index:
    """The index as a store keeps it, and what it has not folded in yet."""

    bitmaps: dict[BitmapKey, BitMap] = field(default_factory=dict)
    unfolded: list[tuple[int, Facts]] = field(default_factory=list)

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]:
        return {key: self.bitmaps[key].copy() for key in keys if key in self.bitmaps}

    def fold(self, people: Mapping[int, Attributes | None], count: int) -> None:
        """Fold the *count* oldest changes, as the indexer does: towards the facts of now."""
        oldest, self.unfolded = self.unfolded[:count], self.unfolded[count:]
        self.save(Change(ordinal, before, now(people, ordinal)) for ordinal, before in oldest)

    def save(self, changes: Iterable[Change]) -> None:
        for key, bitmap in fold(changes, self).items():
            self.bitmaps.pop(key, None)
            if bitmap:
                self.bitmaps[key] = bitmap


def now(people: Mapping[int, Attributes | None], ordinal: int) -> Facts:
    one = people.get(ordinal)
    return frozenset() if one is None else facts(one)


def live(history: Iterable[tuple[int, Attributes | None, str]]) -> tuple[Index, dict[int, Any]]:
    index, people = Index(), dict[int, Any]()
    for ordinal, after, step in history:
        index.unfolded.append((ordinal, now(people, ordinal)))
        people[ordinal] = after
        index.fold(people, {"": 0, "fold one": 1, "fold all": len(index.unfolded)}[step])
    return index, people


def reached(
    index: Index, people: Mapping[int, Any], targeting: Targeting, bounds: Facts
) -> set[int]:
    users = {str(ordinal + 1000): ordinal for ordinal in people}
    found: set[int] = set()
    for shard in (0, 1):
        result = evaluate(targeting, shard, index, users=users, bounds=bounds)
        found |= set(patch(result, targeting, changed(index, people, shard), bounds=bounds))
    return found


def changed(index: Index, people: Mapping[int, Any], shard: int) -> Iterator[Changed]:
    for ordinal in {ordinal for ordinal, _ in index.unfolded if shard_of(ordinal) == shard}:
        yield Changed(ordinal, ordinal + 1000, now(people, ordinal) or None)


@settings(max_examples=200)
@given(CHANGES, TARGETINGS, st.sampled_from([frozenset(), frozenset({("accounts", "2")})]))
def test_whom_the_index_finds_is_whom_the_targeting_means(
    history: list[tuple[int, Any, str]], body: dict[str, Any], bounds: Facts
) -> None:
    targeting, faults = read_targeting(body)
    assert not faults

    index, people = live(history)

    assert reached(index, people, targeting, bounds) == {
        ordinal
        for ordinal, one in people.items()
        if one is not None
        and bounds <= facts(one)
        and matches(targeting, facts(one), str(ordinal + 1000))
    }


@given(CHANGES)
def test_what_is_folded_is_what_the_rows_say(history: list[tuple[int, Any, str]]) -> None:
    index, people = live(history)
    index.fold(people, len(index.unfolded))

    held = {
        (key.attribute, key.value, ordinal)
        for key, bitmap in index.bitmaps.items()
        for ordinal in bitmap
    }

    assert held == {(*fact, ordinal) for ordinal in people for fact in now(people, ordinal)}
    assert all(shard_of(one) == key.shard for key, bits in index.bitmaps.items() for one in bits)


@given(CHANGES)
def test_folding_twice_changes_nothing(history: list[tuple[int, Any, str]]) -> None:
    index, people = live(history)
    again = list(index.unfolded)
    index.fold(people, len(again))
    once = dict(index.bitmaps)

    index.unfolded = again
    index.fold(people, len(again))

    assert index.bitmaps == once


@given(CHANGES, st.lists(st.integers(1, 4)))
def test_folding_in_other_groups_changes_nothing(
    history: list[tuple[int, Any, str]], sizes: list[int]
) -> None:
    changes, people = [], dict[int, Any]()
    for ordinal, after, _ in history:
        changes.append(Change(ordinal, now(people, ordinal), now({0: after}, 0)))
        people[ordinal] = after
    at_once, by_groups = Index(), Index()

    at_once.save(changes)
    for size in [*sizes, len(changes)]:
        by_groups.save(changes[:size])
        changes = changes[size:]

    assert at_once.bitmaps == by_groups.bitmaps


@given(CHANGES, TARGETINGS)
def test_looking_leaves_the_index_as_it_was(
    history: list[tuple[int, Any, str]], body: dict[str, Any]
) -> None:
    index, people = live(history)
    before = {key: set(bitmap) for key, bitmap in index.bitmaps.items()}
    lent = Lender(index.bitmaps)

    evaluate(read_targeting(body)[0], 0, lent, users={str(one + 1000): one for one in people})

    assert {key: set(bitmap) for key, bitmap in index.bitmaps.items()} == before


class Lender:
    """Hands out its own bitmaps, as a cache does."""

    def __init__(self, bitmaps: Mapping[BitmapKey, BitMap]) -> None:
        self._bitmaps = bitmaps

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]:
        return {key: self._bitmaps[key] for key in keys if key in self._bitmaps}
