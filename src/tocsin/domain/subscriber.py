"""A subscriber's attributes, and the facts that a targeting can ask of them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
UserData: TypeAlias = Mapping[str, Scalar | Sequence[Scalar]]
# One attribute of a subscriber and one value of it: ("countries", "CA").
Fact: TypeAlias = tuple[str, str]
Facts: TypeAlias = frozenset[Fact]

EVERYONE: Final = ("everyone", "")
"""The fact that every active subscriber has."""

# Facts of which there may be as many as subscribers: of the first two the index has no bitmaps,
# of custom data it has those of values that many have.
USERS: Final = "users"
REMOTE_USERS: Final = "remote_users"
LOOKED_UP: Final = (USERS, REMOTE_USERS)
USER_DATA: Final = "user_data"
_OF_USER_DATA: Final = f"{USER_DATA}."

MOMENT: Final = "subscribed"
"""The attribute whose values are the bits of the instant of subscribing: "0" is the lowest."""

MOMENT_BITS: Final = 48  # from 1970 to the year 9999 (domain.instants)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of one browser's owner. None: unknown.

    region, city: GeoNames ids. browser, os: ids of the dictionaries. time_zone: an IANA name.
    """

    account_id: int
    container_id: int
    host: str | None
    country: str | None
    region: str | None
    city: str | None
    language: str | None
    time_zone: str | None
    browser: int | None
    os: int | None
    remote_user_id: str | None
    user_data: UserData
    subscribed_ms: int


class Profile(NamedTuple):
    """What the index holds of one active subscriber: fields of Attributes."""

    ordinal: int
    account_id: int
    container_id: int
    host: str | None
    country: str | None
    region: str | None
    language: str | None
    time_zone: str | None
    browser: int | None
    os: int | None
    user_data: UserData
    subscribed_ms: int


def same(one: Attributes, other: Attributes) -> bool:
    """Return whether they say the same: 1, 1.0 and true differ, though not to Python."""
    return one is other or (one == other and repr(one.user_data) == repr(other.user_data))


@dataclass(frozen=True, slots=True)
class Standing:
    """All that a targeting can ask of one subscriber: facts, indexed or not, and since when."""

    facts: Facts
    subscribed_ms: int


def standing(attributes: Attributes, user_id: int) -> Standing:
    """Return how the subscriber with this id and these attributes stands before a targeting."""
    found = set(facts(attributes))
    found.add((USERS, str(user_id)))
    if attributes.remote_user_id is not None:
        found.add((REMOTE_USERS, attributes.remote_user_id))
    return Standing(frozenset(found), attributes.subscribed_ms)


def user_data_attribute(key: str) -> str:
    """Return the attribute of the facts about one key of custom data."""
    return _OF_USER_DATA + key


def user_data_key(attribute: str) -> str | None:
    """Return the key of custom data that *attribute* is about, None when it is about none."""
    return attribute.removeprefix(_OF_USER_DATA) if attribute.startswith(_OF_USER_DATA) else None


def is_indexed(attribute: str) -> bool:
    """Return whether the index has a bitmap of every fact of *attribute* that anybody has."""
    return attribute not in LOOKED_UP and user_data_key(attribute) is None


def texts_of(value: Scalar | Sequence[Scalar]) -> frozenset[str]:
    """Return a value of custom data as the texts that items are compared with.

    Numbers and booleans in their JSON form; null and an empty list have none.
    """
    if isinstance(value, str):
        return frozenset((value,))
    values = value if isinstance(value, Sequence) else (value,)
    return frozenset([text_of(one) for one in values if one is not None])


def text_of(value: str | float | bool) -> str:
    """Return one value as text: ``1`` and ``"1"`` are the same."""
    if isinstance(value, str):
        return value
    # Most numbers are whole ones, and several times as quickly told.
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_whole else json.dumps(value)


def facts(one: Attributes | Profile) -> Facts:
    """Return the facts under which the index may hold a subscriber, named as in targeting.

    A range or a wildcard is spelled out here, so that every item of a targeting is one exact
    look-up: a host also stands under ``*.`` and each of its parents, a language under its
    first subtag. The instant of subscribing is spelled in bits.
    """
    found = {EVERYONE}
    for name, facts_of in FACTS_OF.items():
        value = getattr(one, name)
        if value is not None:
            found.update(facts_of(value))
    return frozenset(found)


def differing_facts(one: Attributes, other: Attributes) -> Facts:
    """Return the facts that come of one of the two and not of the other."""
    found: set[Fact] = set()
    if not same(one, other):
        for name, facts_of in FACTS_OF.items():
            old, new = getattr(one, name), getattr(other, name)
            if old is not new:
                found.symmetric_difference_update(() if old is None else facts_of(old))
                found.symmetric_difference_update(() if new is None else facts_of(new))
    return frozenset(found)


def _only(attribute: str) -> Callable[[Any], Iterator[Fact]]:
    def facts_of(value: Any) -> Iterator[Fact]:
        yield attribute, str(value)

    return facts_of


def _of_host(host: str) -> Iterator[Fact]:
    labels = host.lower().split(".")
    yield "applications", ".".join(labels)
    for start in range(1, len(labels)):
        yield "applications", "*." + ".".join(labels[start:])


def _of_language(language: str) -> Iterator[Fact]:
    tag = language.lower()
    yield "languages", tag
    if "-" in tag:
        yield "languages", tag.partition("-")[0]


def _of_user_data(data: UserData) -> Iterator[Fact]:
    for key, value in data.items():
        attribute = user_data_attribute(key)
        for text in texts_of(value):
            yield attribute, text


def _of_moment(subscribed_ms: int) -> Iterator[Fact]:
    for bit in range(MOMENT_BITS):
        if subscribed_ms >> bit & 1:
            yield MOMENT, str(bit)


# By the name of the attribute in Profile: the facts that come of one value of it.
FACTS_OF: Final[Mapping[str, Callable[[Any], Iterator[Fact]]]] = {
    "account_id": _only("accounts"),
    "container_id": _only("apps"),
    "host": _of_host,
    "country": _only("countries"),
    "region": _only("regions"),
    "language": _of_language,
    "time_zone": _only("time_zone"),
    "browser": _only("browsers"),
    "os": _only("os"),
    "user_data": _of_user_data,
    "subscribed_ms": _of_moment,
}
