"""The law of the audience: bitmaps, changes and rows say the same of everybody, at every moment."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from tocsin.audience.bitmaps import SHARD_BITS, shard_of
from tocsin.audience.fold import Change, fold, together
from tocsin.audience.making import bitmaps_of
from tocsin.audience.overlay import Overlay, follow
from tocsin.audience.shard import Shard
from tocsin.domain.criteria import DAY_MS, Expression, Named, Subscribed, expression, means, passed
from tocsin.domain.subscriber import (
    Attributes,
    Fact,
    Facts,
    Profile,
    Standing,
    facts,
    is_indexed,
    standing,
)
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

STEPS = st.sampled_from(["", "look", "fold one", "fold all"])
CHANGES = st.lists(st.tuples(ORDINALS, PEOPLE, STEPS))


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


def profile(ordinal: int, one: Attributes) -> Profile:
    return Profile(ordinal, *(getattr(one, name) for name in Profile._fields[1:]))


@dataclass
class Index:
    """One shard of an index as a store keeps it, what it has not folded in yet, and the rows.

    many: how many must have a value of custom data for it to have a bitmap.
    """

    number: int
    many: int = 2
    bitmaps: dict[Fact, BitMap] = field(default_factory=dict)
    unfolded: dict[int, Change] = field(default_factory=dict)
    people: dict[int, Attributes | None] = field(default_factory=dict)
    overlay: Overlay = field(default_factory=Overlay)
    count: int = 0

    def held(self, wanted: Collection[Fact]) -> Mapping[Fact, BitMap]:
        return {fact: self.bitmaps[fact] for fact in wanted if fact in self.bitmaps}

    def values(self, attribute: str) -> Mapping[str, BitMap]:
        return {value: them for (name, value), them in self.bitmaps.items() if name == attribute}

    def having(self, attribute: str, facts: Facts) -> BitMap:
        assert all(name == attribute for name, _ in facts)
        return BitMap(at for at, one in self.rows() if facts & one.facts)

    def rows(self) -> Iterator[tuple[int, Standing]]:
        """Yield who is there or was: rows of people who left are kept."""
        for at, one in self.people.items():
            if one is not None:
                yield at, standing(one, at + 1000)

    def profiles(self, ordinals: BitMap) -> Iterator[Profile]:
        for at in ordinals:
            one = self.people.get(at)
            if one is not None:
                yield profile(at, one)

    def change(self, ordinal: int, after: Attributes | None) -> None:
        touched = None
        if ordinal in self.people:
            touched = now(self.people, ordinal) ^ now({ordinal: after}, ordinal)
        self.count += 1
        self.unfolded[self.count] = Change(BitMap([ordinal]), touched)
        self.people[ordinal] = after

    def look(self) -> Shard:
        """Return the shard as a process sees it that has looked before."""
        self.overlay = follow(
            self.overlay,
            self.unfolded.keys(),
            version=1,
            changes_of=lambda ids: {id_: self.unfolded[id_].ordinals for id_ in ids},
            people=self.profiles,
        )
        return Shard(self.number, self, self.overlay)

    def fold(self, most: int) -> None:
        """Fold the oldest changes, as the indexer does: towards the facts of now."""
        ids = sorted(self.unfolded)[:most]
        self.save(self.unfolded.pop(id_) for id_ in ids)

    def save(self, some: Iterable[Change]) -> None:
        changes = together(some)
        has = bitmaps_of(self.profiles(changes.everyone))
        asked = changes.facts(has)
        rare = {one for one in asked if not is_indexed(one[0]) and one not in self.bitmaps}
        self.bitmaps |= fold(changes, has, self.bitmaps, asked - rare)
        active = {at for at, one in self.people.items() if one is not None}
        for attribute, value in rare:
            those = BitMap(active) & self.having(attribute, frozenset([(attribute, value)]))
            if len(those) >= self.many:
                self.bitmaps[attribute, value] = those

    def seen(self) -> set[tuple[Fact, int]]:
        return {(fact, ordinal) for fact, bitmap in self.bitmaps.items() for ordinal in bitmap}


def now(people: Mapping[int, Attributes | None], ordinal: int) -> Facts:
    one = people.get(ordinal)
    return frozenset() if one is None else facts(one)


def live(history: Iterable[tuple[int, Attributes | None, str]], number: int = 0) -> Index:
    index = Index(number)
    for ordinal, after, step in history:
        if shard_of(ordinal) == number:
            index.change(ordinal, after)
            if step == "look":
                index.look()
            index.fold({"fold one": 1, "fold all": 99}.get(step, 0))
    return index


@settings(max_examples=300)
@given(CHANGES, expressions(), st.sampled_from([0, 1]))
def test_whom_the_index_finds_is_whom_the_targeting_means(
    history: list[tuple[int, Any, str]], meant: Expression, number: int
) -> None:
    index = live(history, number)

    steps = index.look().judge(meant)

    active = {at: one for at, one in index.people.items() if one is not None}
    rows = {at: one for at, one in index.rows() if at in active and meant.bounds <= one.facts}
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
    shard = index.look()
    whole = shard.judge(meant)[-1]

    parts = shard.divide(whole, "time_zone")

    expected: dict[str, set[int]] = {}
    for at in whole:
        one = index.people[at]
        assert one is not None
        expected.setdefault(one.time_zone or "", set()).add(at)
    assert {value: set(part) for value, part in parts.items()} == expected
    assert shard.counts(whole, "time_zone") == {value: len(them) for value, them in parts.items()}


def test_nobody_is_in_two_parts_even_of_a_damaged_index() -> None:
    index = Index(0)
    index.bitmaps = {
        ("time_zone", "UTC"): BitMap([1, 2]),
        ("time_zone", "Europe/Belgrade"): BitMap([2, 3]),
    }

    parts = index.look().divide(BitMap([1, 2, 3, 4]), "time_zone")

    assert sum(map(len, parts.values())) == 4
    assert BitMap.union(*parts.values()) == BitMap([1, 2, 3, 4])


@given(CHANGES, st.sampled_from([("regions", "2"), ("applications", "*.com"), ("os", "9")]))
def test_what_somebody_had_is_known(history: list[tuple[int, Any, str]], wanted: Fact) -> None:
    index = live(history)
    shard = index.look()
    whole = BitMap(at for at in index.people if at % 2)

    assert shard.had(whole, frozenset({wanted})) == {
        fact for at in whole for fact in now(index.people, at) if fact == wanted
    }


@given(CHANGES)
def test_what_is_folded_is_what_the_rows_say(history: list[tuple[int, Any, str]]) -> None:
    index = live(history)
    index.fold(99)

    said = {(fact, at) for at in index.people for fact in now(index.people, at)}
    assert index.seen() <= said
    for fact, at in said - index.seen():
        assert not is_indexed(fact[0]), (fact, at)
        assert fact not in index.bitmaps, "a value that has a bitmap has all of it there"
    assert index.look().overlay == Overlay()


@given(CHANGES)
def test_folding_twice_changes_nothing(history: list[tuple[int, Any, str]]) -> None:
    index = live(history)
    again = dict(index.unfolded)
    index.fold(99)
    once = index.seen()

    index.unfolded = again
    index.fold(99)

    assert index.seen() == once


@given(CHANGES, st.lists(st.integers(1, 4)))
def test_folding_in_other_groups_changes_nothing(
    history: list[tuple[int, Any, str]], sizes: list[int]
) -> None:
    by_groups = live([(ordinal, after, "") for ordinal, after, _ in history])
    by_groups.many = 1  # so that which values have bitmaps does not depend on when one looks
    at_once = Index(0, 1, unfolded=dict(by_groups.unfolded), people=by_groups.people)

    at_once.fold(99)
    for size in [*sizes, 99]:
        by_groups.fold(size)

    assert at_once.seen() == by_groups.seen()


@given(CHANGES, expressions())
def test_looking_leaves_the_index_as_it_was(
    history: list[tuple[int, Any, str]], meant: Expression
) -> None:
    index = live(history)
    shard = index.look()
    before = index.seen()
    laid_over = {fact: set(those) for fact, those in shard.overlay.now.items()}

    for found in shard.judge(meant):
        shard.divide(found, "time_zone")
        shard.counts(found, "applications")

    assert index.seen() == before
    assert {fact: set(those) for fact, those in shard.overlay.now.items()} == laid_over


@given(CHANGES)
def test_bitmaps_of_people_are_their_facts_one_by_one(
    history: list[tuple[int, Any, str]],
) -> None:
    index = live(history)

    made = bitmaps_of(index.profiles(BitMap(index.people)))

    assert {(fact, at) for fact, those in made.items() for at in those} == {
        (fact, at) for at in index.people for fact in now(index.people, at)
    }


def test_bitmaps_of_many_people_are_made_in_several_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.audience.making.AT_ONCE", 2)
    people = [
        Attributes(
            1, 1, "a.com", None, None, None, "pt-BR", None, 1, None, None, {"a": [1, "b"]}, at
        )
        for at in range(5)
    ]

    made = bitmaps_of(profile(at, one) for at, one in enumerate(people))

    assert {(fact, at) for fact, those in made.items() for at in those} == {
        (fact, at) for at, one in enumerate(people) for fact in facts(one)
    }


INSTANTS = st.integers(0, (1 << 48) - 1) | st.sampled_from([0, 1, (1 << 48) - 1])


@given(st.lists(INSTANTS, max_size=9), INSTANTS | st.integers(-(1 << 50), 1 << 50))
def test_any_instant_is_told_from_any_other(kept: list[int], bound_ms: int) -> None:
    index = Index(0)
    for at, at_ms in enumerate(kept):
        index.change(at, Attributes(1, 1, *[None] * 9, {}, at_ms))
    index.fold(99)

    for since_ms, before_ms in ((bound_ms, None), (None, bound_ms)):
        found = index.look().judge(Expression((Subscribed("age", since_ms, before_ms),)))[-1]
        assert set(found) == {
            at for at, at_ms in enumerate(kept) if (at_ms < bound_ms) == (since_ms is None)
        }
