"""The law of the audience: bitmaps, changes and rows say the same of everybody, at every moment."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from tocsin.audience.bitmaps import SHARD_BITS, BitmapKey, shard_of
from tocsin.audience.evaluate import Changed, divide, evaluate, patch
from tocsin.audience.fold import Change, fold
from tocsin.domain.criteria import DAY_MS, Expression, Named, expression, means, passed
from tocsin.domain.subscriber import Attributes, Facts, Standing, facts, standing
from tocsin.domain.targeting import Targeting, read_targeting

EDGE = 1 << SHARD_BITS
# Around the seam of two shards, where an ordinal is most easily taken for another.
ORDINALS = st.sampled_from([0, 1, 2, EDGE - 1, EDGE, EDGE + 1])
NOW_MS = 100 * DAY_MS
HOSTS = ("example.com", "www.example.com", "a.www.example.com", "badexample.com")
LANGUAGES = ("en", "pt", "pt-BR", "PT-br", "sr-Latn-RS")
COUNTRIES = ("RS", "DE", "BR")
VALUES = st.sampled_from([None, "a", "b", 1, "1", True, [], ["a", 1], [None, "b"]])


def maybe(values: Iterable[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(list(values))


PEOPLE = st.none() | st.builds(
    Attributes,
    account_id=st.integers(1, 2),
    container_id=st.integers(1, 3),
    host=maybe(HOSTS),
    country=maybe(COUNTRIES),
    region=maybe(["792680", "2"]),
    city=st.none(),
    language=maybe(LANGUAGES),
    time_zone=maybe(["Europe/Belgrade", "UTC"]),
    browser=maybe([1, 12]),
    os=maybe([4, 12]),
    remote_user_id=maybe(["r", "R", "7"]),
    user_data=st.dictionaries(st.sampled_from(["a", "a.b"]), VALUES),
    subscribed_ms=st.sampled_from(
        [NOW_MS + 5, NOW_MS, NOW_MS - DAY_MS + 1, NOW_MS - DAY_MS, NOW_MS - 3 * DAY_MS, 0]
    ),
)
"""One state of a subscriber; None: they left, or were never there."""

CHANGES = st.lists(st.tuples(ORDINALS, PEOPLE, st.sampled_from(["", "fold one", "fold all"])))


def criterion(items: Iterable[Any], most: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    def text(item: Any) -> str:
        return str(item).lower()

    some = st.lists(st.sampled_from(list(items)), min_size=1, max_size=most, unique_by=text)
    return st.fixed_dictionaries({"op": st.sampled_from(["include", "exclude"]), "items": some})


DAYS = st.integers(0, 4) | st.just(100)
AGES = st.one_of(
    st.tuples(DAYS, DAYS).map(lambda ends: {"from": min(ends), "to": max(ends)}),
    DAYS.map(lambda days: {"from": days}),
    DAYS.map(lambda days: {"to": days}),
)


def targetings(segments: Iterable[int]) -> st.SearchStrategy[dict[str, Any]]:
    """Return targetings of every criterion there is, which may name these segments."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "accounts": criterion([1, 2, 3]),
        "application_groups": criterion([1, 2, 9]),
        "applications": criterion([*HOSTS, "*.example.com", "*.com", "*.www.example.com"]),
        "apps": criterion([1, 2, 3, 4]),
        "browsers": criterion(["1", "12"]),
        "countries": criterion([*COUNTRIES, "FR"]),
        "groups": criterion([1, 2, 9]),
        "languages": criterion(["en", "pt", "pt-BR", "sr", "sr-Latn-RS", "de"]),
        "os": criterion(["4", "12"]),
        "regions": criterion([792680, 2, 3]),
        "remote_users": criterion(["r", "7", "x"]),
        "segments": criterion([*segments, 99]),
        "subscribed_age": AGES,
        "user_data": st.dictionaries(
            st.sampled_from(["a", "a.b", "c"]), criterion(["a", "b", 1, True]), max_size=2
        ),
        "users": criterion([str(one + 1000) for one in (0, 1, EDGE, EDGE + 1, 77)]),
    }
    keys = st.sets(st.sampled_from(sorted(optional)), max_size=3)
    return keys.flatmap(
        lambda some: st.fixed_dictionaries({key: optional[key] for key in sorted(some)})
    )


@st.composite
def expressions(draw: st.DrawFn) -> Expression:
    """Draw an expression, with segments that may name those before them."""
    segments: dict[str, Targeting] = {}
    for id_ in range(draw(st.integers(0, 3))):
        segments[str(id_)] = read(draw(targetings(range(id_))))
    named = Named(
        segments,
        groups={"1": ["1", "2"], "2": []},
        application_groups={"1": ["example.com"], "2": ["*.example.com", "badexample.com"]},
    )
    bounds = draw(st.sampled_from([frozenset(), frozenset({("accounts", "2")})]))
    return expression(
        read(draw(targetings(range(len(segments))))), named, bounds=bounds, now_ms=NOW_MS
    )


def read(body: dict[str, Any]) -> Targeting:
    targeting, faults = read_targeting(body)
    assert not faults
    return targeting


@dataclass
class Index:
    """The index as a store keeps it, what it has not folded in yet, and the rows."""

    bitmaps: dict[BitmapKey, BitMap] = field(default_factory=dict)
    unfolded: list[tuple[int, Facts]] = field(default_factory=list)
    people: dict[int, Attributes | None] = field(default_factory=dict)

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]:
        return {key: self.bitmaps[key].copy() for key in keys if key in self.bitmaps}

    def having(self, attribute: str, values: Collection[str], shard: int) -> BitMap:
        wanted = {(attribute, value) for value in values}
        return BitMap(at for at, one in self.rows(shard) if wanted & one.facts)

    def subscribed(self, shard: int, *, since_ms: int | None, before_ms: int | None) -> BitMap:
        return BitMap(
            at
            for at, one in self.rows(shard)
            if (since_ms is None or since_ms <= one.subscribed_ms)
            and (before_ms is None or one.subscribed_ms < before_ms)
        )

    def rows(self, shard: int) -> Iterator[tuple[int, Standing]]:
        """Yield who is there or was: rows of people who left are kept."""
        for at, one in self.people.items():
            if one is not None and shard_of(at) == shard:
                yield at, standing(one, at + 1000)

    def changed(self, shard: int) -> dict[int, Attributes | None]:
        ordinals = {at for at, _ in self.unfolded if shard_of(at) == shard}
        return {at: self.people.get(at) for at in ordinals}

    def fold(self, count: int) -> None:
        """Fold the *count* oldest changes, as the indexer does: towards the facts of now."""
        oldest, self.unfolded = self.unfolded[:count], self.unfolded[count:]
        self.save(Change(ordinal, before, now(self.people, ordinal)) for ordinal, before in oldest)

    def save(self, changes: Iterable[Change]) -> None:
        for key, bitmap in fold(changes, self).items():
            self.bitmaps.pop(key, None)
            if bitmap:
                self.bitmaps[key] = bitmap


def now(people: Mapping[int, Attributes | None], ordinal: int) -> Facts:
    one = people.get(ordinal)
    return frozenset() if one is None else facts(one)


def live(history: Iterable[tuple[int, Attributes | None, str]]) -> Index:
    index = Index()
    for ordinal, after, step in history:
        index.unfolded.append((ordinal, now(index.people, ordinal)))
        index.people[ordinal] = after
        index.fold({"": 0, "fold one": 1, "fold all": len(index.unfolded)}[step])
    return index


def judged(index: Index, meant: Expression, shard: int) -> list[BitMap]:
    changed = (
        Changed(at, None if one is None else standing(one, at + 1000))
        for at, one in index.changed(shard).items()
    )
    return patch(evaluate(meant, shard, index), meant, changed)


@settings(max_examples=300)
@given(CHANGES, expressions())
def test_whom_the_index_finds_is_whom_the_targeting_means(
    history: list[tuple[int, Any, str]], meant: Expression
) -> None:
    index = live(history)

    for shard in (0, 1):
        steps = judged(index, meant, shard)
        rows = {at: one for at, one in index.rows(shard) if meant.bounds <= one.facts}
        assert [set(found) for found in steps] == [
            {at for at, one in rows.items() if passed(meant, one) >= clauses}
            for clauses in range(len(meant.clauses) + 1)
        ]
        assert set(steps[-1]) == {at for at, one in rows.items() if means(meant, one)}


@given(CHANGES, expressions())
def test_an_audience_is_divided_by_what_each_has(
    history: list[tuple[int, Any, str]], meant: Expression
) -> None:
    index = live(history)

    for shard in (0, 1):
        whole = judged(index, meant, shard)[-1]
        by_value = {
            key.value: bitmap
            for key, bitmap in index.bitmaps.items()
            if (key.attribute, key.shard) == ("time_zone", shard)
        }
        rows = index.changed(shard)
        parts = divide(whole, by_value, {at: one and one.time_zone for at, one in rows.items()})

        expected: dict[str, set[int]] = {}
        for at in whole:
            one = index.people[at]
            assert one is not None
            expected.setdefault(one.time_zone or "", set()).add(at)
        assert {value: set(part) for value, part in parts.items()} == expected


def test_nobody_is_in_two_parts_even_of_a_damaged_index() -> None:
    by_value = {"UTC": BitMap([1, 2]), "Europe/Belgrade": BitMap([2, 3])}

    parts = divide(BitMap([1, 2, 3, 4]), by_value, {})

    assert sum(map(len, parts.values())) == 4
    assert BitMap.union(*parts.values()) == BitMap([1, 2, 3, 4])


@given(CHANGES)
def test_what_is_folded_is_what_the_rows_say(history: list[tuple[int, Any, str]]) -> None:
    index = live(history)
    index.fold(len(index.unfolded))

    held = {
        (key.attribute, key.value, ordinal)
        for key, bitmap in index.bitmaps.items()
        for ordinal in bitmap
    }

    assert held == {
        (*fact, ordinal) for ordinal in index.people for fact in now(index.people, ordinal)
    }
    assert all(shard_of(one) == key.shard for key, bits in index.bitmaps.items() for one in bits)


@given(CHANGES)
def test_folding_twice_changes_nothing(history: list[tuple[int, Any, str]]) -> None:
    index = live(history)
    again = list(index.unfolded)
    index.fold(len(again))
    once = dict(index.bitmaps)

    index.unfolded = again
    index.fold(len(again))

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


@given(CHANGES, expressions())
def test_looking_leaves_the_index_as_it_was(
    history: list[tuple[int, Any, str]], meant: Expression
) -> None:
    index = live(history)
    before = {key: set(bitmap) for key, bitmap in index.bitmaps.items()}
    lent = Lender(index.bitmaps, people=index.people)

    for found in patch(evaluate(meant, 0, lent), meant, []):
        divide(found, {}, {})

    assert {key: set(bitmap) for key, bitmap in index.bitmaps.items()} == before


class Lender(Index):
    """Hands out its own bitmaps, as a cache does."""

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]:
        return {key: self.bitmaps[key] for key in keys if key in self.bitmaps}
