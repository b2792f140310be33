"""From a targeting to its audience: what it names is looked up, and each shard is judged.

Cutting and reaching share this, so that a preview counts those who are sent to.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import SHARD_BITS, BitmapKey
from tocsin.audience.evaluate import Changed, divide, evaluate, patch
from tocsin.domain.account import Scope
from tocsin.domain.criteria import (
    APPLICATION_GROUPS,
    GROUPS,
    Expression,
    Named,
    expression,
    in_order,
    named_in,
)
from tocsin.domain.errors import Conflict
from tocsin.domain.subscriber import Fact, Facts, facts, standing
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import Targeting, read_targeting

APPLICATIONS: Final = "applications"
REGIONS: Final = "regions"
TIME_ZONE: Final = "time_zone"
# The one value that a subscriber has of an attribute whose bitmaps divide an audience.
_VALUE_OF: Final[Mapping[str, Callable[[Subscriber], str | None]]] = {
    APPLICATIONS: lambda one: one.attributes.host and one.attributes.host.lower(),
    REGIONS: lambda one: one.attributes.region,
    TIME_ZONE: lambda one: one.attributes.time_zone,
}


class Bitmaps(Protocol):
    """The bitmaps of one tenant."""

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]: ...
    def values(self, attribute: str, shard: int) -> Mapping[str, BitMap]: ...
    def having(self, attribute: str, values: Collection[str], shard: int) -> BitMap: ...
    def subscribed(self, shard: int, *, since_ms: int | None, before_ms: int | None) -> BitMap: ...


class Audience(Protocol):
    """What judging a shard needs of the audience index."""

    def bitmaps(self, root_id: int) -> Bitmaps: ...
    def changed_ordinals(self, root_id: int, first: int, after: int) -> set[int]: ...


class Subscribers(Protocol):
    """What judging a shard needs of subscribers."""

    def by_ordinal(self, root_id: int, ordinals: Iterable[int]) -> dict[int, Subscriber]: ...


class Vocabulary(Protocol):
    """What the ids in a targeting stand for; those that a scope does not see are left out."""

    def groups(self, scope: Scope, ids: Iterable[str]) -> Mapping[str, Collection[str]]: ...
    def application_groups(
        self, scope: Scope, ids: Iterable[str]
    ) -> Mapping[str, Collection[str]]: ...
    def segments(
        self, scope: Scope, ids: Iterable[str], *, active_only: bool = True
    ) -> Mapping[str, Mapping[str, Any]]: ...


class Naming(Protocol):
    """A transaction in which what a targeting names can be looked up."""

    @property
    def vocabulary(self) -> Vocabulary: ...


class Judging(Protocol):
    """A transaction in which a shard can be judged."""

    @property
    def audience(self) -> Audience: ...
    @property
    def subscribers(self) -> Subscribers: ...


def bounds_of(scope: Scope) -> Facts:
    """Return the facts that everybody has whom *scope* sees."""
    return frozenset() if scope.is_root else frozenset({("accounts", str(scope.account_id))})


def resolve(unit: Naming, scope: Scope, targeting: Targeting, *, now_ms: int) -> Expression:
    """Return what *targeting* means to *scope* at *now_ms*.

    Raises Conflict for a segment that cannot be read, or that names itself by way of others.
    """
    segments: dict[str, Targeting] = {}
    missing = set(named_in(targeting))
    while missing:
        found = unit.vocabulary.segments(scope, missing)
        segments |= {id_: _read_segment(id_, kept) for id_, kept in found.items()}
        missing = {id_ for new in found for id_ in named_in(segments[new])} - segments.keys()
    everything = [targeting, *segments.values()]
    groups = {id_ for one in everything for id_ in named_in(one, GROUPS)}
    hosts = {id_ for one in everything for id_ in named_in(one, APPLICATION_GROUPS)}
    named = Named(
        segments=segments,
        groups=unit.vocabulary.groups(scope, groups) if groups else {},
        application_groups=unit.vocabulary.application_groups(scope, hosts) if hosts else {},
    )
    return expression(targeting, named, bounds=bounds_of(scope), now_ms=now_ms)


def segment_cycle(unit: Naming, root_id: int, segment_id: int, targeting: Targeting) -> str | None:
    """Return how *targeting*, saved as that of a segment, would close a circle; None: it does not.

    Every segment of the tenant counts: an inactive one may become active, and what a child does
    not see its root does. Two saves at once must take turns, so lock the tenant before.
    """
    whole = Scope(root_id=root_id, account_id=root_id)
    own = str(segment_id)
    names = {own: named_in(targeting)}
    missing = set(names[own]) - names.keys()
    while missing:
        found = unit.vocabulary.segments(whole, missing, active_only=False)
        names |= {id_: named_in(read_targeting(kept)[0]) for id_, kept in found.items()}
        missing = {id_ for new in found for id_ in names[new]} - names.keys()
    try:
        in_order(names)
    except Conflict as error:
        return str(error)
    return None


def _read_segment(id_: str, kept: Mapping[str, Any]) -> Targeting:
    targeting, faults = read_targeting(kept)
    if faults:
        raise Conflict(f"segment {id_} cannot be read: {faults[0].field} {faults[0].message}")
    return targeting


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard of a tenant: its bitmaps, and the rows of those whom they may not show yet.

    changed: by ordinal; None for whoever is not active.
    """

    number: int
    bitmaps: Bitmaps
    changed: Mapping[int, Subscriber | None]

    def judge(self, meant: Expression) -> list[BitMap]:
        """Return who fulfils the first 0, 1, ... all clauses: the last one is the audience."""
        rows = (
            Changed(ordinal, standing(one.attributes, one.id) if one else None)
            for ordinal, one in self.changed.items()
        )
        return patch(evaluate(meant, self.number, self.bitmaps), meant, rows)

    def had(self, whole: BitMap, wanted: Facts) -> set[Fact]:
        """Return those of the facts that somebody in *whole* has."""
        keys = [BitmapKey(*fact, self.number) for fact in wanted]
        settled = whole - BitMap(list(self.changed))
        found = {
            (key.attribute, key.value)
            for key, bitmap in self.bitmaps.load(keys).items()
            if settled.intersect(bitmap)
        }
        for ordinal, one in self.changed.items():
            if one and ordinal in whole:
                found |= wanted & facts(one.attributes)
        return found

    def divide(self, whole: BitMap, attribute: str) -> dict[str, BitMap]:
        """Return *whole* by what each has of TIME_ZONE or APPLICATIONS; "" is none."""
        value_of = _VALUE_OF[attribute]
        return divide(
            whole,
            self.bitmaps.values(attribute, self.number),
            {ordinal: value_of(one) if one else None for ordinal, one in self.changed.items()},
        )


def shard(unit: Judging, root_id: int, number: int) -> Shard:
    """Return one shard of a tenant, as of now.

    The list of unfolded changes is read before the bitmaps: what is folded in between is then
    judged twice, by bitmap and by row, and never not at all.
    """
    first = number << SHARD_BITS
    ordinals = unit.audience.changed_ordinals(root_id, first, first + (1 << SHARD_BITS))
    rows = unit.subscribers.by_ordinal(root_id, ordinals)
    changed = {ordinal: rows.get(ordinal) for ordinal in ordinals}
    return Shard(
        number,
        unit.audience.bitmaps(root_id),
        {ordinal: one if one and one.active else None for ordinal, one in changed.items()},
    )
