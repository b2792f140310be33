"""What is taken along is what was brought in: export with keys, import elsewhere, export again."""

import json
from collections.abc import Sequence
from typing import Any

from face import Face, subscription
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.domain.account import Account
from tocsin.domain.dictionaries import is_country, is_time_zone
from tocsin.domain.instants import iso_text
from tocsin.web.imports import export_line, import_lines

_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40
)
_SCALAR = (
    _TEXT
    | st.integers(-(10**19), 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
)
_GEONAMES = st.integers(1, 9_999_999_999).map(str)
_ATTRIBUTES = {
    "application": st.from_regex(r"\A[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,3}\Z"),
    "country": st.sampled_from([one for one in ("RS", "CA", "US", "ZA", "XK") if is_country(one)]),
    "region": _GEONAMES,
    "city": _GEONAMES,
    "language": st.sampled_from(["en", "pt-BR", "sr", "zh-Hant-TW"]),
    "timezone": st.sampled_from(
        [one for one in ("Europe/Belgrade", "UTC", "Asia/Kolkata") if is_time_zone(one)]
    ),
    "browser": st.sampled_from(["12", "Firefox", "Safari"]),
    "os": st.sampled_from(["12", "4", "Windows"]),
    "remote_user_id": _TEXT,
    "user_data": st.dictionaries(
        _TEXT.filter(lambda key: len(key.encode()) <= 64),
        _SCALAR | st.lists(_SCALAR, max_size=4),
        max_size=4,
    ),
    "subscribed_at": st.integers(0, 1_770_000_000_000).map(iso_text),
    "last_seen": st.integers(0, 1_770_000_000_000).map(iso_text),
    "status": st.sampled_from(["active", "unsubscribed"]),
}
# An attribute is absent, null or given.
_PERSON = st.fixed_dictionaries(
    {}, optional={name: st.none() | values for name, values in _ATTRIBUTES.items()}
)


def take(face: Face, owner: Account, lines: Sequence[Any]) -> list[dict[str, Any]]:
    return list(
        import_lines(
            [json.dumps(one).encode() for one in lines],
            owner.scope,
            subscribers=face.program.subscribers,
            containers=face.program.containers,
        )
    )


def people(face: Face, owner: Account) -> list[dict[str, Any]]:
    """Return everybody as an export with keys has them, but for what is this account's own."""
    found = [export_line(one, keys=True) for one in face.program.subscribers.export(owner.scope)]
    return [json.loads(one) | {"id": None, "container": None} for one in found]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PERSON, min_size=1, max_size=6))
def test_who_is_taken_along_is_the_same_elsewhere(
    face: Face, persons: Sequence[dict[str, Any]]
) -> None:
    here, there = face.account(), face.account()
    lines = [
        {"container": face.site(here).key, "subscription": subscription(number), **person}
        for number, person in enumerate(persons)
    ]
    assert {one["status"] for one in take(face, here, lines)} == {"created"}
    before = people(face, here)

    its_site = face.site(there).key
    taken = take(face, there, [one | {"container": its_site} for one in before])

    assert {one["status"] for one in taken} == {"created"}
    assert people(face, there) == before
    for person, exported in zip(persons, before, strict=True):
        for name in ("region", "city", "remote_user_id", "user_data", "subscribed_at", "status"):
            if person.get(name) is not None:
                assert exported[name] == person[name]
