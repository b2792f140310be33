"""Targeting: a conjunction of criteria, read from the API and held against one subscriber.

contract.md section 2.3. What a criterion means for the whole audience at once is the business
of the ``audience`` room; ``matches`` below is the same truth, one subscriber at a time.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, Literal, TypeAlias

from tocsin.domain.dictionaries import (
    BROWSERS,
    COUNTRIES,
    OPERATING_SYSTEMS,
    is_language_tag,
)
from tocsin.domain.errors import Fault
from tocsin.domain.subscriber import Facts

Op: TypeAlias = Literal["include", "exclude"]

NOT_YET: Final = "is not supported yet by this version of Tocsin"
USERS: Final = "users"
_LATER: Final = (
    "accounts",
    "application_groups",
    "apps",
    "groups",
    "regions",
    "remote_users",
    "segments",
    "subscribed_age",
    "user_data",
)
_MOST_ITEMS: Final = 100
_ID: Final = re.compile(r"0|[1-9][0-9]{0,19}")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE | re.ASCII)
_LONGEST_HOST: Final = 253


@dataclass(frozen=True, slots=True)
class Criterion:
    """One attribute: a subscriber must have one of the items, or none of them.

    items: as given, each once.
    """

    attribute: str
    op: Op
    items: tuple[str, ...]

    def values(self) -> Sequence[str]:
        """Return the items in the form in which facts have them."""
        normal = _ATTRIBUTES[self.attribute].normal
        return [normal(item) for item in self.items]


@dataclass(frozen=True, slots=True)
class Targeting:
    """Criteria that must all hold, in the order of the body; none means everybody."""

    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attribute:
    """What an attribute's items look like.

    fault: says what is wrong with one item, None when nothing is. normal: brings an item to
    the form of facts. most: how many items a criterion takes.
    """

    fault: Callable[[str], str | None]
    normal: Callable[[str], str] = str
    most: int = _MOST_ITEMS


def _country_fault(item: str) -> str | None:
    if item.isascii() and item.upper() in COUNTRIES:  # a sharp s would become SS, South Sudan
        return None
    return f"{item!r} is no country: use ISO 3166-1 alpha-2 codes such as CA"


def _language_fault(item: str) -> str | None:
    if is_language_tag(item):
        return None
    return f"{item!r} is no language: use ISO 639-1 codes such as es, or tags such as pt-BR"


def _host_fault(item: str) -> str | None:
    if len(item) <= _LONGEST_HOST and _HOST.fullmatch(item):
        return None
    return f"{item!r} is no host name: write www.example.com, or *.example.com for those below"


def _id_fault(item: str) -> str | None:
    if _ID.fullmatch(item) and int(item) < 1 << 64:
        return None
    return f"{item!r} is no id: ids are whole numbers of up to 64 bits, as text"


_ATTRIBUTES: Final[Mapping[str, _Attribute]] = {
    "applications": _Attribute(_host_fault, str.lower),
    "browsers": _Attribute(_id_fault),
    "countries": _Attribute(_country_fault, str.upper, most=270),
    "languages": _Attribute(_language_fault, str.lower),
    "os": _Attribute(_id_fault),
    USERS: _Attribute(_id_fault, most=10_000),
}
_DICTIONARIES: Final[Mapping[str, Mapping[int, str]]] = {
    "browsers": BROWSERS,
    "os": OPERATING_SYSTEMS,
}
_KNOWN: Final = (*_ATTRIBUTES, *_LATER)
_PARTS: Final = ("op", "items")
# contract.md section 2.5, Bodies: the vendor's older pair is read as well.
_OPS: Final[Mapping[object, Op]] = {
    "include": "include",
    "eq": "include",
    "exclude": "exclude",
    "neq": "exclude",
}
_MOST_HINTS: Final = 20  # looking for what was meant is dear: a body of strange keys gets no more


def read_targeting(value: object, field: str = "targeting") -> tuple[Targeting, list[Fault]]:
    """Return the targeting that *value*, an object of the API, means, and every fault in it.

    With faults the targeting is incomplete and must not be used.
    """
    if value is None:
        return Targeting(), []
    if not isinstance(value, dict):
        return Targeting(), [Fault(field, "takes an object of criteria")]
    faults: list[Fault] = []
    criteria = []
    for name, part in value.items():
        path = f"{field}.{name}"
        if name not in _KNOWN:
            near = _nearest(name, _KNOWN) if len(faults) < _MOST_HINTS else ""
            faults.append(Fault(path, f"is no criterion{near}"))
        elif part is None:
            continue
        elif name in _LATER:
            faults.append(Fault(path, NOT_YET))
        else:
            criterion, wrong = _read_criterion(name, part, path)
            faults += wrong
            if criterion is not None:
                criteria.append(criterion)
    return Targeting(tuple(criteria)), faults


def _read_criterion(
    attribute: str, value: object, field: str
) -> tuple[Criterion | None, list[Fault]]:
    if not isinstance(value, dict):
        return None, [Fault(field, 'takes {"op": "include" or "exclude", "items": [...]}')]
    strange = [name for name in value if name not in _PARTS]
    hints = [_nearest(name, _PARTS) for name in strange[:_MOST_HINTS]]
    faults = [
        Fault(f"{field}.{name}", f"is not known here{near}")
        for name, near in zip_longest(strange, hints, fillvalue="")
    ]
    op = _OPS.get(value.get("op")) if isinstance(value.get("op"), str) else None
    if op is None:
        faults.append(Fault(f"{field}.op", "is required: include or exclude"))
    items = value.get("items")
    most = _ATTRIBUTES[attribute].most
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        faults.append(Fault(f"{field}.items", f"takes a list of 1 to {most} items"))
        return None, faults
    faults += _item_faults(attribute, items, op, f"{field}.items")
    if faults or op is None:
        return None, faults
    return Criterion(attribute, op, tuple(str(item) for item in items)), []


def _item_faults(
    attribute: str, items: Sequence[object], op: Op | None, field: str
) -> Iterator[Fault]:
    rules = _ATTRIBUTES[attribute]
    seen: set[str] = set()
    for position, given in enumerate(items):
        path = f"{field}.{position}"
        # An id may come as a number (contract.md section 1, "Numbers").
        item = str(given) if rules.fault is _id_fault and _is_whole(given) else given
        if not isinstance(item, str):
            yield Fault(path, "takes text")
            continue
        fault = rules.fault(item)
        if fault is not None:
            yield Fault(path, fault)
            continue
        value = rules.normal(item)
        if value in seen:
            yield Fault(path, f"{item!r} stands there twice")
        seen.add(value)
        dictionary = _DICTIONARIES.get(attribute)
        if op == "exclude" and dictionary is not None and int(item) not in dictionary:
            yield Fault(path, f"{item!r} names nothing: an exclude of it would exclude nobody")


def unknown_excluded(targeting: Targeting, known_hosts: Iterable[str]) -> list[Fault]:
    """Return a fault for every excluded host that no container has.

    A typo in an exclude would silently widen the audience; in an include it matches nobody.
    """
    hosts = [host.lower() for host in known_hosts]
    faults = []
    for criterion in targeting.criteria:
        if criterion.attribute != "applications" or criterion.op != "exclude":
            continue
        for position, value in enumerate(criterion.values()):
            below = value.removeprefix("*")
            if value in hosts or (below != value and any(h.endswith(below) for h in hosts)):
                continue
            faults.append(
                Fault(
                    f"targeting.applications.items.{position}",
                    f"{value!r} is the host of no container: an exclude of it would exclude nobody",
                )
            )
    return faults


def targeting_json(targeting: Targeting) -> dict[str, Any]:
    """Return *targeting* in the API's shape; the order of the criteria is part of it."""
    return {
        criterion.attribute: {"op": criterion.op, "items": list(criterion.items)}
        for criterion in targeting.criteria
    }


def matches(targeting: Targeting, facts: Facts, user_id: int) -> bool:
    """Return whether a subscriber with *facts* and this id is meant."""
    return matcher(targeting)(facts, user_id)


def matcher(targeting: Targeting) -> Callable[[Facts, int], bool]:
    """Return ``matches`` for one targeting and many subscribers: the items are read once."""
    rules = [
        (frozenset((criterion.attribute, value) for value in criterion.values()), criterion.op)
        for criterion in targeting.criteria
    ]

    def judge(facts: Facts, user_id: int) -> bool:
        known = facts | {(USERS, str(user_id))}
        return all(known.isdisjoint(wanted) == (op == "exclude") for wanted, op in rules)

    return judge


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:_LONGEST_HOST], known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
