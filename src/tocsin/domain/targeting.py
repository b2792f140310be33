"""Whom a task addresses: a conjunction of criteria, as read, as shown, and as plain truth.

contract.md sections 2.3 and 2.5. The audience room evaluates the same expression over bitmaps; what
it finds must always equal what `matches` says of each subscriber.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from tocsin.domain.body import at_most_named, inside, shown, unknown_keys
from tocsin.domain.dictionaries import BROWSERS, OPERATING_SYSTEMS, is_country, is_language_tag
from tocsin.domain.errors import Fault

Op: TypeAlias = Literal["include", "exclude"]
# One attribute of a subscriber and one value of it: ("countries", "CA").
Fact: TypeAlias = tuple[str, str]

USERS: Final = "users"  # the one attribute that is no fact: everybody has their own value
MOST_ITEMS: Final = 100
MAX_ID: Final = 2**64 - 1

_OPS: Final[Mapping[str, Op]] = {
    "include": "include",
    "exclude": "exclude",
    "eq": "include",  # the spelling of segments, which tasks read too
    "neq": "exclude",
}
_NOT_YET: Final = frozenset(
    {
        "accounts",
        "application_groups",
        "apps",
        "groups",
        "regions",
        "remote_users",
        "segments",
        "subscribed_age",
        "user_data",
    }
)
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,19}")
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_MAX_HOST: Final = 253  # RFC 1035 section 2.3.4, as text
# Underscores are for bundle names; RFC 1123 section 2.1 has none.
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One attribute with its items as the client wrote them: has one of them, or has none."""

    attribute: str
    op: Op
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Targeting:
    """All criteria must hold; without any, everyone is meant. The order is that of the body."""

    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attribute:
    """How the items of one attribute are read.

    normal: the item in the form that is compared and stored in facts.
    fault: what is wrong with an item, or None.
    known: whether an item names something; only asked for the items of an exclude.
    """

    normal: Callable[[str], str]
    fault: Callable[[str], str | None]
    known: Callable[[str], bool] = lambda _item: True
    most_items: int = MOST_ITEMS
    numbers: bool = False


def is_host(text: str) -> bool:
    """Return whether *text* is a host name or a bundle name, in ASCII and without a port."""
    return len(text) <= _MAX_HOST and _HOST.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Return whether *text* is an unsigned 64-bit number in decimal, without leading zeros."""
    return _DECIMAL.fullmatch(text) is not None and int(text) <= MAX_ID


def _country_fault(item: str) -> str | None:
    if not _COUNTRY.fullmatch(item):
        return "must be a country code of two letters (ISO 3166-1 alpha-2), such as CA"
    return None if is_country(item.upper()) else "is no country of ISO 3166-1"


def _language_fault(item: str) -> str | None:
    if is_language_tag(item):
        return None
    return "must be a language of ISO 639-1, such as pt, or a BCP 47 tag of one, such as pt-BR"


def _id_fault(item: str) -> str | None:
    return None if is_id(item) else f"must be a number of 0 to {MAX_ID} in decimal"


def _host_fault(item: str) -> str | None:
    if is_host(item.removeprefix("*.")):
        return None
    return "must be a host name or bundle name such as www.example.com, or *.example.com"


def _same(item: str) -> str:
    return item


_ATTRIBUTES: Final[Mapping[str, _Attribute]] = {
    "applications": _Attribute(str.lower, _host_fault),
    "browsers": _Attribute(
        _same, _id_fault, known=lambda item: int(item) in BROWSERS, numbers=True
    ),
    "countries": _Attribute(str.upper, _country_fault, most_items=270),
    "languages": _Attribute(str.lower, _language_fault),
    "os": _Attribute(
        _same, _id_fault, known=lambda item: int(item) in OPERATING_SYSTEMS, numbers=True
    ),
    USERS: _Attribute(_same, _id_fault, most_items=10_000, numbers=True),
}


def read_targeting(value: object, field: str = "targeting") -> tuple[Targeting, list[Fault]]:
    """Return the targeting that JSON *value* asks for, and everything that is wrong with it.

    field: the path of *value* in its body. With any fault the targeting is not to be used.
    """
    if value is None:
        return Targeting(()), []
    if not isinstance(value, dict):
        return Targeting(()), [Fault(field, "must be an object")]
    faults = list(unknown_keys(value, [*_ATTRIBUTES, *sorted(_NOT_YET)], field))
    criteria = []
    for key, inner in value.items():
        path = inside(field, key)
        if inner is not None and key in _NOT_YET:
            faults.append(Fault(path, "is not supported yet by this version of Tocsin"))
        elif inner is not None and key in _ATTRIBUTES:
            criteria.append(_read_criterion(key, inner, path, faults))
    return Targeting(tuple(criteria)), faults


def targeting_json(targeting: Targeting) -> dict[str, Any]:
    """Return *targeting* as the API shows it: items as they were given, in their order."""
    return {
        criterion.attribute: {"op": criterion.op, "items": list(criterion.items)}
        for criterion in targeting.criteria
    }


def wanted(criterion: Criterion) -> tuple[str, ...]:
    """Return the items of *criterion* in the form of the values of facts.

    An attribute that clients cannot name yet (``accounts``, which scopes a child's audience) has
    its items in that form already.
    """
    attribute = _ATTRIBUTES.get(criterion.attribute)
    return tuple(map(attribute.normal, criterion.items)) if attribute else criterion.items


def matches(targeting: Targeting, facts: frozenset[Fact], user_id: str) -> bool:
    """Return whether *targeting* means the subscriber *user_id* who stands under *facts*."""
    return predicate(targeting)(facts, user_id)


def predicate(targeting: Targeting) -> Callable[[frozenset[Fact], str], bool]:
    """Return `matches` for one *targeting*, prepared to be asked about many subscribers."""
    users = [(c.op == "include", frozenset(wanted(c))) for c in targeting.criteria if _of_users(c)]
    others = [
        (c.op == "include", frozenset((c.attribute, item) for item in wanted(c)))
        for c in targeting.criteria
        if not _of_users(c)
    ]

    def holds(facts: frozenset[Fact], user_id: str) -> bool:
        return all((user_id in ids) == include for include, ids in users) and all(
            facts.isdisjoint(items) != include for include, items in others
        )

    return holds


def unknown_excluded(
    targeting: Targeting, known_hosts: Collection[str], field: str = "targeting"
) -> list[Fault]:
    """Return a fault for each excluded host that is none of *known_hosts*, or above none of them.

    Such an item would widen the audience without a word (contract.md section 2.3).
    """
    known = [host.lower() for host in known_hosts]
    return [
        Fault(f"{field}.applications.items.{index}", "is no known host: it would exclude nobody")
        for criterion in targeting.criteria
        if criterion.attribute == "applications" and criterion.op == "exclude"
        for index, item in enumerate(wanted(criterion))
        if not any(_host_is(item, host) for host in known)
    ]


def _host_is(item: str, host: str) -> bool:
    return host.endswith(item[1:]) if item.startswith("*.") else host == item


def _of_users(criterion: Criterion) -> bool:
    return criterion.attribute == USERS


def _read_criterion(key: str, value: object, path: str, faults: list[Fault]) -> Criterion:
    if not isinstance(value, dict):
        faults.append(Fault(path, 'must be an object such as {"op": "include", "items": ["…"]}'))
        return Criterion(key, "include", ())
    faults.extend(unknown_keys(value, ("op", "items"), path))
    op = _read_op(value.get("op"), f"{path}.op", faults)
    items = _read_items(_ATTRIBUTES[key], op, value.get("items"), f"{path}.items", faults)
    return Criterion(key, op, items)


def _read_op(value: object, path: str, faults: list[Fault]) -> Op:
    if value is None:
        faults.append(Fault(path, "is required: include or exclude"))
    elif not isinstance(value, str) or value not in _OPS:
        faults.append(Fault(path, "must be include or exclude"))
    else:
        return _OPS[value]
    return "include"


def _read_items(
    attribute: _Attribute, op: Op, value: object, path: str, faults: list[Fault]
) -> tuple[str, ...]:
    if value is None:
        faults.append(Fault(path, "is required"))
    elif not isinstance(value, list):
        faults.append(Fault(path, "must be an array"))
    elif not 1 <= len(value) <= attribute.most_items:
        bounds = f"it must have 1 to {attribute.most_items}"
        faults.append(Fault(path, f"has {len(value)} items; {bounds}"))
    else:
        found = [_item_text(item, attribute) for item in value]
        faults.extend(at_most_named(_item_faults(found, attribute, op, path), path))
        return tuple(item for item in found if item is not None)
    return ()


def _item_text(item: object, attribute: _Attribute) -> str | None:
    """Return *item* as text, or None when it is of a JSON type that the attribute does not take."""
    if attribute.numbers and isinstance(item, int) and not isinstance(item, bool):
        return str(item) if abs(item) <= MAX_ID else ""
    return item if isinstance(item, str) else None


def _item_faults(items: list[str | None], attribute: _Attribute, op: Op, path: str) -> list[Fault]:
    faults = []
    first_at: dict[str, int] = {}
    for index, item in enumerate(items):
        sentence = "must be text" if item is None else attribute.fault(item)
        if item is not None and sentence is None:
            earlier = first_at.setdefault(attribute.normal(item), index)
            if earlier != index:
                sentence = f"is the same as item {earlier}"
            elif op == "exclude" and not attribute.known(item):
                sentence = f"{shown(item)} is not known: it would exclude nobody"
        if sentence is not None:
            faults.append(Fault(f"{path}.{index}", sentence))
    return faults
