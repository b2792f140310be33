"""Where somebody is: what is read from a record, and what may stand beside what is known."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.dictionaries import COUNTRIES
from tocsin.domain.place import NOWHERE, Place, place_in, public_address, without_contradictions

UK = {"country": {"iso_code": "GB"}}


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (
            UK
            | {
                "city": {"geoname_id": 2640729},
                "subdivisions": [{"geoname_id": 6269131}, {"geoname_id": 2640726}],
            },
            Place("GB", "6269131", "2640729"),
        ),
        pytest.param(UK, Place("GB"), id="a country's record"),
        pytest.param(
            UK | {"city": {"geoname_id": 1}}, Place("GB", None, "1"), id="a city of no region"
        ),
        pytest.param(
            UK | {"city": {"names": {"en": "Oxford"}}, "subdivisions": [{"names": {}}]},
            Place("GB"),
            id="names without ids",
        ),
        pytest.param({"registered_country": {"iso_code": "GB"}}, NOWHERE, id="a network's owner"),
        pytest.param(
            {"country": {"iso_code": "XK"}, "city": {"geoname_id": 786714}},
            NOWHERE,
            id="a country that ISO 3166-1 lacks",
        ),
        *(
            pytest.param({"country": {"iso_code": code}}, NOWHERE, id=f"{code!r} is no country")
            for code in ("", "gb", "GBR", "EU", "A1", "T1", "ß", None, 7, ["GB"], {"GB": 1})
        ),
        *(
            pytest.param(
                UK | {"city": {"geoname_id": odd}, "subdivisions": [{"geoname_id": odd}]},
                Place("GB"),
                id=f"{odd!r} is no GeoNames id",
            )
            for odd in (0, -1, True, 10**10, "2640729", 1.5, None, [1])
        ),
        *(
            pytest.param(UK | {"city": odd, "subdivisions": odd}, Place("GB"), id=f"a {odd!r}")
            for odd in ([], {}, None, "x", [[]], [None])
        ),
        *((odd, NOWHERE) for odd in (None, [], "GB", 7, {}, {"country": None}, {"country": "GB"})),
    ],
)
def test_what_is_read_from_a_record(record: Any, place: Place) -> None:
    assert place_in(record) == place


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
_COUNTRY = _VALUES | st.fixed_dictionaries({"iso_code": st.sampled_from(["GB", "XK"]) | _VALUES})
_ENTITY = _VALUES | st.fixed_dictionaries({"geoname_id": _VALUES})


@settings(deadline=None)
@given(
    _VALUES
    | st.fixed_dictionaries(
        {"country": _COUNTRY, "city": _ENTITY, "subdivisions": _VALUES | st.lists(_ENTITY)}
    )
)
def test_what_is_read_may_be_stored(record: Any) -> None:
    place = place_in(record)

    assert place.country is None or place.country in COUNTRIES
    for geonames_id in (place.region, place.city):
        assert geonames_id is None or (geonames_id.isdecimal() and 0 < int(geonames_id) < 10**10)
        assert geonames_id is None or place.country is not None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("81.2.69.160", "81.2.69.160"),
        ("::ffff:81.2.69.160", "81.2.69.160"),
        ("2A02:2F0B::1", "2a02:2f0b::1"),
        *(
            (text, None)
            for text in (
                "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.0.1", "100.64.0.1",
                "0.0.0.1", "255.255.255.255", "203.0.113.7", "::1", "::", "fe80::1", "fe80::1%eth0",
                "fc00::1", "::ffff:127.0.0.1", "::ffff:192.168.1.1",
                "", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "081.2.69.160", "81.2.69.160:80",
                "[2a02:2f0b::1]", "81.2.69.160/32", "\x00", "9" * 5000, "²",
            )
        ),
    ],
)  # fmt: skip
def test_which_addresses_are_anybodys(text: str, address: str | None) -> None:
    found = public_address(text)

    assert (None if found is None else str(found)) == address


@settings(deadline=None)
@given(st.text() | st.ip_addresses().map(str))
def test_an_address_never_raises(text: str) -> None:
    found = public_address(text)

    assert found is None or found.is_global


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ({}, {"country", "region", "city"}),
        ({"country": None, "region": None, "city": None}, {"country", "region", "city"}),
        ({"country": "GB"}, {"country", "region", "city"}),
        ({"country": "GB", "region": "1"}, {"country", "region", "city"}),
        pytest.param({"country": "GB", "region": "9"}, {"country", "region"}, id="another region"),
        pytest.param({"country": "RS"}, {"country"}, id="another country"),
        pytest.param({"country": "RS", "region": "1"}, {"country"}, id="another, by chance alike"),
    ],
)
def test_a_city_lies_in_its_region_and_a_region_in_its_country(
    known: dict[str, Any], left: set[str]
) -> None:
    derived = {"country": "GB", "region": "1", "city": "2", "language": "en"}

    found = without_contradictions(derived, known)

    assert found == {name: derived[name] for name in left | {"language"}}
