"""What a targeting means: clauses over facts, and whether one subscriber fulfils them.

The audience room evaluates the same expression over bitmaps; what it finds must always equal what
`means` says of each subscriber.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Final, TypeAlias

from tocsin.domain.errors import Conflict
from tocsin.domain.subscriber import Fact, Facts, Standing, user_data_attribute
from tocsin.domain.targeting import Age, Criterion, Targeting, wanted

SEGMENTS: Final = "segments"
GROUPS: Final = "groups"
APPLICATION_GROUPS: Final = "application_groups"
# A group stands for facts of its members.
MEMBERS: Final[Mapping[str, str]] = {GROUPS: "apps", APPLICATION_GROUPS: "applications"}

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class HasOne:
    """Has one of the facts, which are all of one attribute; unless include, has none of them."""

    name: str
    include: bool
    attribute: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Subscribed at since_ms or later, and before before_ms; None: no bound on that side."""

    name: str
    since_ms: int | None
    before_ms: int | None


Clause: TypeAlias = HasOne | Subscribed


@dataclass(frozen=True, slots=True)
class Expression:
    """A targeting with everything that it names looked up: all clauses must hold.

    segments: what it takes to be in each segment that is named, by its id; whoever is has the
    fact ("segments", id). Each stands after those that it names itself. bounds: facts that
    everybody must have beyond the clauses, such as the account of a caller that sees only its own.
    """

    clauses: tuple[Clause, ...] = ()
    segments: Mapping[str, tuple[Clause, ...]] = field(default_factory=dict)
    bounds: Facts = frozenset()


@dataclass(frozen=True, slots=True)
class Named:
    """What the ids in a targeting stand for. One that is missing names nothing.

    segments: the targetings of segments. groups: container ids; application_groups: hosts.
    """

    segments: Mapping[str, Targeting]
    groups: Mapping[str, Iterable[str]]
    application_groups: Mapping[str, Iterable[str]]


def expression(targeting: Targeting, named: Named, *, bounds: Facts, now_ms: int) -> Expression:
    """Return what *targeting* means at *now_ms*. Raises Conflict for segments in a circle."""
    return Expression(
        _clauses(targeting, named, now_ms),
        {
            id_: _clauses(named.segments[id_], named, now_ms)
            for id_ in in_order({id_: named_in(one) for id_, one in named.segments.items()})
            if id_ in named.segments
        },
        bounds,
    )


def named_in(targeting: Targeting, attribute: str = SEGMENTS) -> list[str]:
    """Return the items that *targeting* names of one attribute, such as its segments."""
    return [
        item
        for criterion in targeting.criteria
        if isinstance(criterion, Criterion) and criterion.attribute == attribute
        for item in wanted(criterion)
    ]


def excluded_in_vain(targetings: Iterable[Targeting], named: Named) -> str | None:
    """Return what of *targetings* excludes a segment or group that is not there; None: nothing.

    It would keep nobody out, and let through whom it was to spare.
    """
    there: Mapping[str, Container[str]] = {
        SEGMENTS: named.segments,
        GROUPS: named.groups,
        APPLICATION_GROUPS: named.application_groups,
    }
    for targeting in targetings:
        for one in targeting.criteria:
            if isinstance(one, Criterion) and one.op == "exclude" and one.attribute in there:
                for item in sorted(wanted(one)):
                    if item not in there[one.attribute]:
                        return f"{item} of {one.name}"
    return None


def in_order(named: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the segments with each after those that it names.

    named: for each, those that it names. Raises Conflict when some name each other in a circle.
    """
    try:
        return list(TopologicalSorter(named).static_order())
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise Conflict(f"segments name each other in a circle: {circle}") from None


def passed(meant: Expression, one: Standing) -> int:
    """Return how many clauses hold of a subscriber before the first that does not."""
    facts = set(one.facts)
    for segment, clauses in meant.segments.items():
        if _held(clauses, facts, one) == len(clauses):
            facts.add((SEGMENTS, segment))
    return _held(meant.clauses, facts, one)


def means(meant: Expression, one: Standing) -> bool:
    """Return whether a subscriber, taken to be active, is among those meant."""
    return meant.bounds <= one.facts and passed(meant, one) == len(meant.clauses)


def _held(clauses: Sequence[Clause], facts: AbstractSet[Fact], one: Standing) -> int:
    return next((at for at, it in enumerate(clauses) if not _holds(it, facts, one)), len(clauses))


def _holds(clause: Clause, facts: AbstractSet[Fact], one: Standing) -> bool:
    if isinstance(clause, HasOne):
        return clause.facts.isdisjoint(facts) != clause.include
    return (clause.since_ms is None or clause.since_ms <= one.subscribed_ms) and (
        clause.before_ms is None or one.subscribed_ms < clause.before_ms
    )


def _clauses(targeting: Targeting, named: Named, now_ms: int) -> tuple[Clause, ...]:
    return tuple(
        _subscribed(one, now_ms) if isinstance(one, Age) else _has_one(one, named)
        for one in targeting.criteria
    )


def _has_one(criterion: Criterion, named: Named) -> HasOne:
    attribute, values = criterion.attribute, frozenset(wanted(criterion))
    if criterion.key is not None:
        attribute = user_data_attribute(criterion.key)
    elif attribute in MEMBERS:
        members = named.groups if attribute == GROUPS else named.application_groups
        values = frozenset(member for value in values for member in members.get(value, ()))
        attribute = MEMBERS[attribute]
    facts = frozenset((attribute, value) for value in values)
    return HasOne(criterion.name, criterion.op == "include", attribute, facts)


def _subscribed(age: Age, now_ms: int) -> Subscribed:
    """Return the instants between which somebody of *age* subscribed.

    contract.md 2.5: the age is floor(elapsed / 86,400 s). Whoever is ahead of our clock is 0.
    """
    return Subscribed(
        age.name,
        None if age.to_days is None else now_ms - (age.to_days + 1) * DAY_MS + 1,
        None if not age.from_days else now_ms - age.from_days * DAY_MS + 1,
    )
