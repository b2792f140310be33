"""A subscriber's attributes, and the facts under which the audience index holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
UserData: TypeAlias = Mapping[str, Scalar | Sequence[Scalar]]
Facts: TypeAlias = frozenset[tuple[str, str]]

EVERYONE = ("everyone", "")
"""The fact that every active subscriber has."""


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


def facts(attributes: Attributes) -> Facts:
    """Return the (attribute, value) pairs of a subscriber, named as in targeting.

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
