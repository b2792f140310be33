"""Whom a task addresses, as the API says it: a conjunction of criteria, read and shown.

contract.md sections 2.3 and 2.5. Criteria are given their meaning in domain.criteria.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from tocsin.domain.body import at_most_named, inside, unknown_keys
from tocsin.domain.errors import Fault
from tocsin.domain.subscriber import USER_DATA, USERS
from tocsin.domain.targeting_items import ATTRIBUTES, CUSTOM, MAX_ID, Attribute, is_host, is_id

__all__ = (
    "MAX_DAYS",
    "MAX_ID",
    "SUBSCRIBED_AGE",
    "TARGETING_SCHEMA",
    "USERS",
    "Age",
    "Criterion",
    "Op",
    "Targeting",
    "is_host",
    "is_id",
    "read_targeting",
    "targeting_json",
    "wanted",
)

Op: TypeAlias = Literal["include", "exclude"]

SUBSCRIBED_AGE: Final = "subscribed_age"
MAX_DAYS: Final = 2**32 - 1
MAX_KEYS: Final = 64
MAX_KEY_BYTES: Final = 64

_OPS: Final[Mapping[str, Op]] = {
    "include": "include",
    "exclude": "exclude",
    "eq": "include",  # the spelling of segments, which tasks read too
    "neq": "exclude",
}
_DAYS: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_LIKE_THIS: Final = '{"op": "include", "items": ["…"]}'


@dataclass(frozen=True, slots=True)
class Criterion:
    """One attribute with its items as the client wrote them: has one of them, or has none.

    key: with user_data, which custom attribute.
    """

    attribute: str
    op: Op
    items: tuple[str, ...]
    key: str | None = None

    @property
    def name(self) -> str:
        """Return how a waterfall calls it."""
        return self.attribute if self.key is None else f"{self.attribute}.{self.key}"


@dataclass(frozen=True, slots=True)
class Age:
    """Whole days since the subscription, both ends in; None: no end on that side."""

    from_days: int | None
    to_days: int | None

    @property
    def name(self) -> str:
        """Return how a waterfall calls it."""
        return SUBSCRIBED_AGE


@dataclass(frozen=True, slots=True)
class Targeting:
    """All criteria must hold; without any, everyone is meant. The order is that of the body."""

    criteria: tuple[Criterion | Age, ...] = ()


def read_targeting(value: object, field: str = "targeting") -> tuple[Targeting, list[Fault]]:
    """Return the targeting that JSON *value* asks for, and everything that is wrong with it.

    field: the path of *value* in its body. With any fault the targeting is not to be used.
    Whether items name something that is there is for services.vocabulary to say.
    """
    if value is None:
        return Targeting(()), []
    if not isinstance(value, dict):
        return Targeting(()), [Fault(field, "must be an object")]
    faults = list(unknown_keys(value, [*ATTRIBUTES, SUBSCRIBED_AGE, USER_DATA], field))
    criteria: list[Criterion | Age] = []
    for key, inner in value.items():
        path = inside(field, key)
        if inner is None:
            continue
        if key == SUBSCRIBED_AGE:
            criteria.append(_read_age(inner, path, faults))
        elif key == USER_DATA:
            criteria += _read_user_data(inner, path, faults)
        elif key in ATTRIBUTES:
            op, items = _read_criterion(ATTRIBUTES[key], inner, path, faults)
            criteria.append(Criterion(key, op, items))
    return Targeting(tuple(criteria)), faults


def targeting_json(targeting: Targeting) -> dict[str, Any]:
    """Return *targeting* as the API shows it: items as they were given, in their order."""
    shown: dict[str, Any] = {}
    for criterion in targeting.criteria:
        if isinstance(criterion, Age):
            ends = {"from": criterion.from_days, "to": criterion.to_days}
            shown[SUBSCRIBED_AGE] = {end: days for end, days in ends.items() if days is not None}
            continue
        one = {"op": criterion.op, "items": list(criterion.items)}
        if criterion.key is None:
            shown[criterion.attribute] = one
        else:
            shown.setdefault(criterion.attribute, {})[criterion.key] = one
    return shown


def wanted(criterion: Criterion) -> tuple[str, ...]:
    """Return the items of *criterion* in the form of the values of facts."""
    attribute = CUSTOM if criterion.key is not None else ATTRIBUTES[criterion.attribute]
    return tuple(map(attribute.normal, criterion.items))


def _read_user_data(value: object, path: str, faults: list[Fault]) -> list[Criterion]:
    if not isinstance(value, dict):
        faults.append(Fault(path, f'must be an object such as {{"plan": {_LIKE_THIS}}}'))
        return []
    if len(value) > MAX_KEYS:
        faults.append(Fault(path, f"has {len(value)} keys; {MAX_KEYS} are the most"))
        return []
    criteria = []
    for key, inner in value.items():
        at = inside(path, key)
        if not 1 <= len(key.encode()) <= MAX_KEY_BYTES:
            faults.append(Fault(at, f"must be a key of 1 to {MAX_KEY_BYTES} bytes"))
        elif inner is not None:
            op, items = _read_criterion(CUSTOM, inner, at, faults)
            criteria.append(Criterion(USER_DATA, op, items, key))
    return criteria


def _read_age(value: object, path: str, faults: list[Fault]) -> Age:
    if not isinstance(value, dict):
        faults.append(Fault(path, 'must be an object such as {"from": 1, "to": 30}, in days'))
        return Age(None, None)
    before = len(faults)
    faults.extend(unknown_keys(value, ("from", "to"), path))
    age = Age(
        _read_days(value.get("from"), f"{path}.from", faults),
        _read_days(value.get("to"), f"{path}.to", faults),
    )
    if len(faults) > before:
        return age
    if age.from_days is None and age.to_days is None:
        faults.append(Fault(path, "needs from, to or both: whole days since the subscription"))
    elif age.from_days is not None and age.to_days is not None and age.from_days > age.to_days:
        sentence = f"ends before it begins: from {age.from_days} to {age.to_days} days"
        faults.append(Fault(path, sentence))
    return age


def _read_days(value: object, path: str, faults: list[Fault]) -> int | None:
    if value is None:
        return None
    number = int(value) if isinstance(value, str) and _DAYS.fullmatch(value) else value
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MAX_DAYS:
        return number
    faults.append(Fault(path, f"must be a whole number of days, 0 to {MAX_DAYS}"))
    return None


def _read_criterion(
    attribute: Attribute, value: object, path: str, faults: list[Fault]
) -> tuple[Op, tuple[str, ...]]:
    if not isinstance(value, dict):
        faults.append(Fault(path, f"must be an object such as {_LIKE_THIS}"))
        return "include", ()
    faults.extend(unknown_keys(value, ("op", "items"), path))
    op = _read_op(value.get("op"), f"{path}.op", faults)
    return op, _read_items(attribute, value.get("items"), f"{path}.items", faults)


def _read_op(value: object, path: str, faults: list[Fault]) -> Op:
    if value is None:
        faults.append(Fault(path, "is required: include or exclude"))
    elif not isinstance(value, str) or value not in _OPS:
        faults.append(Fault(path, "must be include or exclude"))
    else:
        return _OPS[value]
    return "include"


def _read_items(
    attribute: Attribute, value: object, path: str, faults: list[Fault]
) -> tuple[str, ...]:
    if value is None:
        faults.append(Fault(path, "is required"))
    elif not isinstance(value, list):
        faults.append(Fault(path, "must be an array"))
    elif not 1 <= len(value) <= attribute.most_items:
        bounds = f"it must have 1 to {attribute.most_items}"
        faults.append(Fault(path, f"has {len(value)} items; {bounds}"))
    else:
        found = [attribute.text(item) for item in value]
        faults.extend(at_most_named(_item_faults(found, attribute, path), path))
        return tuple(item for item in found if item is not None)
    return ()


def _item_faults(items: list[str | None], attribute: Attribute, path: str) -> list[Fault]:
    faults = []
    first_at: dict[str, int] = {}
    for index, item in enumerate(items):
        sentence = f"must be {attribute.taken}" if item is None else attribute.fault(item)
        if item is not None and sentence is None:
            earlier = first_at.setdefault(attribute.normal(item), index)
            if earlier != index:
                sentence = f"is the same as item {earlier}"
        if sentence is not None:
            faults.append(Fault(f"{path}.{index}", sentence))
    return faults


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _criterion_schema(attribute: Attribute) -> dict[str, Any]:
    items = {
        "type": "array",
        "items": attribute.schema,
        "minItems": 1,
        "maxItems": attribute.most_items,
    }
    if attribute is not CUSTOM:  # 1 and 1.0 are equal to JSON Schema, and two texts here
        items["uniqueItems"] = True
    return {
        "type": "object",
        "properties": {"op": {"enum": list(_OPS)}, "items": items},
        "required": ["op", "items"],
        "additionalProperties": False,
    }


_DAYS_SCHEMA: Final = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MAX_DAYS},
        {"type": "string", "pattern": f"^(?:{_DAYS.pattern})$"},
    ]
}

TARGETING_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        **{name: _nullable(_criterion_schema(one)) for name, one in ATTRIBUTES.items()},
        SUBSCRIBED_AGE: _nullable(
            {
                "type": "object",
                "description": "whole days since the subscription, both ends in",
                "properties": {"from": _nullable(_DAYS_SCHEMA), "to": _nullable(_DAYS_SCHEMA)},
                "anyOf": [
                    {"properties": {end: _DAYS_SCHEMA}, "required": [end]} for end in ("from", "to")
                ],
                "additionalProperties": False,
            }
        ),
        USER_DATA: _nullable(
            {
                "type": "object",
                "propertyNames": {"minLength": 1, "maxLength": MAX_KEY_BYTES},
                "maxProperties": MAX_KEYS,
                "additionalProperties": _nullable(_criterion_schema(CUSTOM)),
            }
        ),
    },
    "additionalProperties": False,
}
"""A JSON Schema (draft 2020-12) of the objects that read_targeting takes, and of few others."""
