"""Which items of a targeting name nothing that is there: faults in an exclude, else warnings."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.body import at_most_named, shown
from tocsin.domain.criteria import Expression
from tocsin.domain.dictionaries import BROWSERS, OPERATING_SYSTEMS
from tocsin.domain.errors import Fault
from tocsin.domain.targeting import Criterion, Targeting, wanted
from tocsin.services import resolving
from tocsin.services.resolving import Judging, bounds_of, shards


class Vocabulary(resolving.Vocabulary, Protocol):
    """What items can name; what a scope does not see is not there."""

    def accounts(self, scope: Scope, ids: Iterable[str]) -> Collection[str]: ...
    def containers(self, scope: Scope, ids: Iterable[str]) -> Collection[str]: ...
    def hosts(self, scope: Scope) -> Sequence[str]: ...


class Unit(Judging, Protocol):
    """One transaction."""

    @property
    def vocabulary(self) -> Vocabulary: ...


@dataclass(frozen=True, slots=True)
class Unknown:
    """Items that name nothing: refused in an exclude, allowed in an include."""

    faults: list[Fault]
    warnings: list[Fault]


def unknown_items(
    unit: Unit, scope: Scope, targeting: Targeting, *, field: str = "targeting"
) -> Unknown:
    """Return which items of *targeting* name nothing that *scope* sees.

    In an exclude such an item would widen the audience without a word (contract.md section 2.3);
    in an include it matches nobody.
    """
    unknown = Unknown([], [])
    for criterion in targeting.criteria:
        if not isinstance(criterion, Criterion) or criterion.attribute not in _KNOWN:
            continue
        what, known_of = _KNOWN[criterion.attribute]
        items = wanted(criterion)
        known = known_of(unit, scope, items)
        included = criterion.op == "include"
        effect = "matches" if included else "would exclude"
        path = f"{field}.{criterion.attribute}.items"
        found = [
            Fault(f"{path}.{at}", f"{shown(item)} is no {what}: it {effect} nobody")
            for at, item in enumerate(items)
            if item not in known
        ]
        (unknown.warnings if included else unknown.faults).extend(at_most_named(found, path))
    return unknown


_Known = Callable[[Unit, Scope, Sequence[str]], Collection[str]]


def _applications(unit: Unit, scope: Scope, items: Sequence[str]) -> Collection[str]:
    hosts = {host.lower() for host in unit.vocabulary.hosts(scope)}
    above = {"*" + host[at:] for host in hosts for at, sign in enumerate(host) if sign == "."}
    known = {item for item in items if item in hosts or item in above}
    # A subscriber may have come from a host that no container names (any longer).
    return known | _had(unit, scope, resolving.APPLICATIONS, set(items) - known)


def _regions(unit: Unit, scope: Scope, items: Sequence[str]) -> Collection[str]:
    return _had(unit, scope, "regions", set(items))


def _had(unit: Unit, scope: Scope, attribute: str, values: set[str]) -> set[str]:
    """Return those of the values that some subscriber has whom *scope* sees."""
    missing = frozenset((attribute, value) for value in values)
    everybody = Expression(bounds=bounds_of(scope))
    for shard in shards(unit, scope.root_id):
        if not missing:
            break
        missing -= shard.had(shard.judge(everybody)[-1], missing)
    return values - {value for _, value in missing}


def _in(dictionary: Mapping[int, str]) -> _Known:
    return lambda _unit, _scope, items: {item for item in items if int(item) in dictionary}


# The attributes that are not here are open: whatever is well-formed may be there tomorrow.
_KNOWN: Final[Mapping[str, tuple[str, _Known]]] = {
    "accounts": ("account here", lambda unit, *asked: unit.vocabulary.accounts(*asked)),
    "application_groups": (
        "group of applications here",
        lambda unit, *asked: unit.vocabulary.application_groups(*asked),
    ),
    "applications": ("host here", _applications),
    "apps": ("container here", lambda unit, *asked: unit.vocabulary.containers(*asked)),
    "browsers": ("browser of the dictionary", _in(BROWSERS)),
    "groups": ("group of containers here", lambda unit, *asked: unit.vocabulary.groups(*asked)),
    "os": ("operating system of the dictionary", _in(OPERATING_SYSTEMS)),
    "regions": ("region of any subscriber here", _regions),
    "segments": ("active segment here", lambda unit, *asked: unit.vocabulary.segments(*asked)),
}
