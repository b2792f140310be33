"""From a targeting to its audience: what it names is looked up, and each shard is judged.

Cutting and reaching share this, so that a preview counts those who are sent to.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from tocsin.audience.shard import Shard
from tocsin.domain.account import Scope
from tocsin.domain.criteria import (
    APPLICATION_GROUPS,
    GROUPS,
    Expression,
    Named,
    excluded_in_vain,
    expression,
    in_order,
    named_in,
)
from tocsin.domain.errors import Conflict
from tocsin.domain.subscriber import Facts
from tocsin.domain.targeting import Targeting, read_targeting

APPLICATIONS: Final = "applications"
REGIONS: Final = "regions"
TIME_ZONE: Final = "time_zone"


class Index(Protocol):
    """The index of one tenant, as one transaction sees it."""

    @property
    def count(self) -> int: ...
    def shard(self, number: int) -> Shard: ...


class Audience(Protocol):
    """What judging a shard needs of the audience index."""

    def index(self, root_id: int) -> Index: ...


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
    """A transaction in which shards can be judged."""

    @property
    def audience(self) -> Audience: ...


def bounds_of(scope: Scope) -> Facts:
    """Return the facts that everybody has whom *scope* sees."""
    return frozenset() if scope.is_root else frozenset({("accounts", str(scope.account_id))})


def resolve(
    unit: Naming, scope: Scope, targeting: Targeting, *, now_ms: int, strict: bool = False
) -> Expression:
    """Return what *targeting* means to *scope* at *now_ms*.

    Raises Conflict for a segment that cannot be read, or that names itself by way of others; if
    *strict*, as it must be for whoever sends, also for an exclude of a segment or group that is not
    there (any more).
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
    vain = excluded_in_vain(everything, named) if strict else None
    if vain is not None:
        raise Conflict(f"its targeting excludes {vain}, which is not there")
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


def shards(unit: Judging, root_id: int) -> Iterator[Shard]:
    """Yield the shards of a tenant."""
    index = unit.audience.index(root_id)
    return (index.shard(number) for number in range(index.count))
