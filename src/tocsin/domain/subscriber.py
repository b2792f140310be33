"""A subscriber's attributes, and the facts that a targeting can ask of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
UserData: TypeAlias = Mapping[str, Scalar | Sequence[Scalar]]
# One attribute of a subscriber and one value of it: ("countries", "CA").
Fact: TypeAlias = tuple[str, str]
Facts: TypeAlias = frozenset[Fact]

EVERYONE: Final = ("everyone", "")
"""The fact that every active subscriber has."""

# Facts of which there may be as many as subscribers: the index has no bitmaps of them.
USERS: Final = "users"
REMOTE_USERS: Final = "remote_users"
USER_DATA: Final = "user_data"
_OF_USER_DATA: Final = f"{USER_DATA}."


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
    for key, value in attributes.user_data.items():
        found.update((user_data_attribute(key), text) for text in texts_of(value))
    return Standing(frozenset(found), attributes.subscribed_ms)


def user_data_attribute(key: str) -> str:
    """Return the attribute of the facts about one key of custom data."""
    return _OF_USER_DATA + key


def user_data_key(attribute: str) -> str | None:
    """Return the key of custom data that *attribute* is about, None when it is about none."""
    return attribute.removeprefix(_OF_USER_DATA) if attribute.startswith(_OF_USER_DATA) else None


def is_indexed(attribute: str) -> bool:
    """Return whether the index has bitmaps for the facts of *attribute*."""
    return attribute not in (USERS, REMOTE_USERS) and user_data_key(attribute) is None


def texts_of(value: Scalar | Sequence[Scalar]) -> frozenset[str]:
    """Return a value of custom data as the texts that items are compared with.

    Numbers and booleans in their JSON form; null and an empty list have none.
    """
    values = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
    return frozenset(text_of(one) for one in values if one is not None)


def text_of(value: str | float | bool) -> str:
    """Return one value as text: ``1`` and ``"1"`` are the same."""
    return value if isinstance(value, str) else json.dumps(value)


def facts(attributes: Attributes) -> Facts:
    """Return the facts under which the index holds a subscriber, named as in targeting.

    A range or a wildcard is spelled out here, so that every item of a targeting is one exact
    look-up: a host also stands under ``*.`` and each of its parents, a language under its
    first subtag.
    """
    found = {
        EVERYONE,
        ("accounts", str(attributes.account_id)),
        ("apps", str(attributes.container_id)),
    }
    if attributes.host is not None:
        host = attributes.host.lower()
        found.add(("applications", host))
        labels = host.split(".")
        found.update(
            ("applications", "*." + ".".join(labels[start:])) for start in range(1, len(labels))
        )
    if attributes.language is not None:
        language = attributes.language.lower()
        found.add(("languages", language))
        found.add(("languages", language.partition("-")[0]))
    for attribute, value in (
        ("countries", attributes.country),
        ("regions", attributes.region),
        ("browsers", attributes.browser),
        ("os", attributes.os),
        ("time_zone", attributes.time_zone),
    ):
        if value is not None:
            found.add((attribute, str(value)))
    return frozenset(found)
