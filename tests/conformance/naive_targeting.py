"""Whom a targeting means, person by person, from the words of contract.md sections 2.3 and 2.5.

Nothing here is the product's: neither facts nor clauses nor how items are read.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tocsin.domain.subscription import Subscriber

DAY_S: Final = 86_400


@dataclass(frozen=True)
class Names:
    """What ids stand for, to one account: the targetings of segments, and members of groups."""

    segments: Mapping[str, Mapping[str, Any]]
    groups: Mapping[str, Sequence[int]]
    application_groups: Mapping[str, Sequence[str]]


def passed(
    value: Mapping[str, Any], one: Subscriber, names: Names, *, now_ms: int
) -> list[tuple[str, bool]]:
    """Return each criterion in the order of the body, and whether a subscriber fulfils it."""
    found: list[tuple[str, bool]] = []
    for attribute, inner in value.items():
        if attribute == "subscribed_age":
            found.append((attribute, _is_aged(inner, one, now_ms)))
        elif attribute == "user_data":
            for key, criterion in inner.items():
                texts = _texts(one.attributes.user_data.get(key))
                found.append((f"{attribute}.{key}", _holds(criterion, texts.__contains__)))
        elif attribute == "segments":

            def is_in(segment: str) -> bool:
                meant = names.segments.get(segment)
                return meant is not None and means(meant, one, names, now_ms=now_ms)

            found.append((attribute, _holds(inner, is_in)))
        else:
            found.append((attribute, _holds(inner, _matching(attribute, one, names))))
    return found


def means(value: Mapping[str, Any], one: Subscriber, names: Names, *, now_ms: int) -> bool:
    """Return whether a subscriber fulfils every criterion."""
    return all(fulfilled for _, fulfilled in passed(value, one, names, now_ms=now_ms))


def _holds(criterion: Mapping[str, Any], matches: Callable[[str], bool]) -> bool:
    has_one = any(matches(item) for item in criterion["items"])
    return has_one is (criterion["op"] == "include")


def _matching(attribute: str, one: Subscriber, names: Names) -> Callable[[str], bool]:
    """Return what tells whether an item of an attribute is the subscriber's."""
    known = one.attributes
    match attribute:
        case "applications":
            return lambda item: _is_host(item, known.host)
        case "application_groups":
            return lambda item: any(
                _is_host(host, known.host) for host in names.application_groups.get(item, ())
            )
        case "groups":
            return lambda item: known.container_id in names.groups.get(item, ())
        case "languages":
            return lambda item: _is_language(item, known.language)
        case "countries":
            return lambda item: item.upper() == known.country
    own = {
        "accounts": known.account_id,
        "apps": known.container_id,
        "browsers": known.browser,
        "os": known.os,
        "regions": known.region,
        "remote_users": known.remote_user_id,
        "users": one.id,
    }[attribute]
    return lambda item: own is not None and item == str(own)


def _is_host(item: str, host: str | None) -> bool:
    if host is None:
        return False
    if item.startswith("*."):
        return host.lower().endswith(item[1:].lower())
    return host.lower() == item.lower()


def _is_language(item: str, language: str | None) -> bool:
    if language is None:
        return False
    wanted, spoken = item.lower(), language.lower()
    return wanted in (spoken, spoken.split("-")[0])


def _is_aged(age: Mapping[str, int], one: Subscriber, now_ms: int) -> bool:
    elapsed_s = max(0, now_ms - one.attributes.subscribed_ms) / 1000
    return age.get("from", 0) <= elapsed_s // DAY_S <= age.get("to", 1 << 40)


def _texts(value: Any) -> set[str]:
    values = value if isinstance(value, list) else [value]
    return {one if isinstance(one, str) else json.dumps(one) for one in values if one is not None}
