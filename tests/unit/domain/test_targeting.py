"""Targeting: what is read, what is refused, and whom it means."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.errors import Fault
from tocsin.domain.subscriber import Attributes, facts
from tocsin.domain.targeting import (
    NOT_YET,
    Criterion,
    Targeting,
    matches,
    read_targeting,
    targeting_json,
    unknown_excluded,
)

ATTRIBUTES = ("applications", "browsers", "countries", "languages", "os", "users")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CRITERION = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["include", "exclude", "eq", "neq", "in", ""]) | JSON,
        "items": st.lists(st.sampled_from(["RS", "en", "*.a.b", "12", 12, "ß", -1]) | JSON) | JSON,
    },
)


@given(JSON | st.dictionaries(st.sampled_from([*ATTRIBUTES, "segments"]), CRITERION | JSON))
def test_whatever_json_comes_is_read_or_refused(value: Any) -> None:
    targeting, faults = read_targeting(value)

    assert all(fault.field.split(".")[0] == "targeting" and fault.message for fault in faults)
    if not faults:
        assert read_targeting(targeting_json(targeting)) == (targeting, [])


@pytest.mark.parametrize("value", [None, {}], ids=["null", "empty"])
def test_no_criteria_mean_everybody(value: Any) -> None:
    targeting, faults = read_targeting(value)

    assert (targeting, faults) == (Targeting(), [])
    assert matches(targeting, frozenset(), 1)


def test_a_null_criterion_is_an_absent_one() -> None:
    assert read_targeting({"countries": None}) == (Targeting(), [])


def test_the_order_of_the_body_is_kept() -> None:
    part = {"op": "include", "items": ["1"]}

    targeting, _ = read_targeting({"users": part, "browsers": part, "os": part})

    assert [criterion.attribute for criterion in targeting.criteria] == ["users", "browsers", "os"]


@pytest.mark.parametrize(
    ("given_op", "op"),
    [("include", "include"), ("exclude", "exclude"), ("eq", "include"), ("neq", "exclude")],
)
def test_both_pairs_of_ops_are_read(given_op: str, op: str) -> None:
    targeting, faults = read_targeting({"countries": {"op": given_op, "items": ["RS"]}})

    assert faults == []
    assert targeting_json(targeting) == {"countries": {"op": op, "items": ["RS"]}}


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        pytest.param([], "targeting", "takes an object of criteria", id="a list"),
        pytest.param("everyone", "targeting", "takes an object of criteria", id="text"),
        pytest.param(
            {"aplications": {}}, "targeting.aplications", "did you mean applications?", id="a typo"
        ),
        pytest.param(
            {"country": {}}, "targeting.country", "did you mean countries?", id="the singular"
        ),
        pytest.param({"zzz": {}}, "targeting.zzz", "is no criterion", id="nothing near"),
        pytest.param({"os": ["12"]}, "targeting.os", 'takes {"op": "include" or', id="items alone"),
        pytest.param(
            {"os": {"op": "include", "items": ["4"], "item": ["12"]}},
            "targeting.os.item",
            "did you mean items?",
            id="a part misspelt",
        ),
        pytest.param(
            {"os": {"items": ["12"]}}, "targeting.os.op", "include or exclude", id="no op"
        ),
        pytest.param(
            {"os": {"op": "Include", "items": ["12"]}},
            "targeting.os.op",
            "include or exclude",
            id="an op in another case",
        ),
        pytest.param(
            {"os": {"op": ["include"], "items": ["12"]}},
            "targeting.os.op",
            "include or exclude",
            id="a list for an op",
        ),
        pytest.param(
            {"os": {"op": "include", "items": []}},
            "targeting.os.items",
            "a list of 1 to 100 items",
            id="an empty include must never be everybody",
        ),
        pytest.param(
            {"os": {"op": "exclude", "items": []}},
            "targeting.os.items",
            "a list of 1 to 100 items",
            id="an empty exclude",
        ),
        pytest.param(
            {"os": {"op": "include"}}, "targeting.os.items", "a list of 1 to 100", id="no items"
        ),
        pytest.param(
            {"os": {"op": "include", "items": "12"}},
            "targeting.os.items",
            "a list of 1 to 100",
            id="one item without a list",
        ),
        pytest.param(
            {"languages": {"op": "include", "items": ["en"] * 101}},
            "targeting.languages.items",
            "a list of 1 to 100",
            id="101 items",
        ),
        pytest.param(
            {"countries": {"op": "include", "items": ["CAN"]}},
            "targeting.countries.items.0",
            "'CAN' is no country",
            id="a country of three letters",
        ),
        pytest.param(
            {"countries": {"op": "include", "items": ["ß"]}},
            "targeting.countries.items.0",
            "'ß' is no country",
            id="a sharp s is not South Sudan",
        ),
        pytest.param(
            {"languages": {"op": "include", "items": ["english"]}},
            "targeting.languages.items.0",
            "'english' is no language",
            id="a language by its name",
        ),
        pytest.param(
            {"applications": {"op": "include", "items": ["a.example", "https://a.example"]}},
            "targeting.applications.items.1",
            "is no host name",
            id="a URL for a host",
        ),
        pytest.param(
            {"applications": {"op": "include", "items": ["*"]}},
            "targeting.applications.items.0",
            "is no host name",
            id="a bare star",
        ),
        pytest.param(
            {"applications": {"op": "include", "items": ["a.*.example"]}},
            "targeting.applications.items.0",
            "is no host name",
            id="a star inside",
        ),
        pytest.param(
            {"applications": {"op": "include", "items": ["a" * 64 + ".example"]}},
            "targeting.applications.items.0",
            "is no host name",
            id="a label over 63 characters",
        ),
        pytest.param(
            {"browsers": {"op": "include", "items": ["Chrome"]}},
            "targeting.browsers.items.0",
            "is no id",
            id="a browser by its name",
        ),
        pytest.param(
            {"users": {"op": "include", "items": ["007"]}},
            "targeting.users.items.0",
            "is no id",
            id="leading zeros",
        ),
        pytest.param(
            {"users": {"op": "include", "items": [str(1 << 64)]}},
            "targeting.users.items.0",
            "is no id",
            id="65 bits",
        ),
        pytest.param(
            {"users": {"op": "include", "items": [True]}},
            "targeting.users.items.0",
            "takes text",
            id="true is no number",
        ),
        pytest.param(
            {"countries": {"op": "include", "items": [12]}},
            "targeting.countries.items.0",
            "takes text",
            id="a number for a country",
        ),
        pytest.param(
            {"countries": {"op": "include", "items": ["rs", "DE", "RS"]}},
            "targeting.countries.items.2",
            "'RS' stands there twice",
            id="twice, in another case",
        ),
        pytest.param(
            {"browsers": {"op": "exclude", "items": ["99"]}},
            "targeting.browsers.items.0",
            "would exclude nobody",
            id="an unknown browser excluded",
        ),
        pytest.param({"segments": {}}, "targeting.segments", NOT_YET, id="of a later version"),
    ],
)
def test_what_is_refused(value: Any, field: str, message: str) -> None:
    _, faults = read_targeting(value)

    assert [fault.field for fault in faults] == [field]
    assert message in faults[0].message


@pytest.mark.parametrize(
    ("attribute", "items"),
    [
        pytest.param("browsers", ["99"], id="an unknown browser included: it matches nobody"),
        pytest.param("browsers", [12], id="an id as a number"),
        pytest.param("users", ["0", str((1 << 64) - 1)], id="the ends of 64 bits"),
        pytest.param("users", [str(n) for n in range(10_000)], id="10,000 users"),
        pytest.param("applications", ["*.example.com", "com.example.app", "localhost"], id="hosts"),
        pytest.param("countries", ["ca"], id="any case"),
    ],
)
def test_what_is_taken(attribute: str, items: list[Any]) -> None:
    targeting, faults = read_targeting({attribute: {"op": "include", "items": items}})

    assert faults == []
    assert targeting.criteria == (Criterion(attribute, "include", tuple(map(str, items))),)


def test_every_fault_is_named_at_once() -> None:
    _, faults = read_targeting(
        {
            "countries": {"op": "includes", "items": ["CAN", "XX"]},
            "os": {"op": "exclude", "items": ["77"]},
            "brosers": {},
        }
    )

    assert [fault.field for fault in faults] == [
        "targeting.countries.op",
        "targeting.countries.items.0",
        "targeting.countries.items.1",
        "targeting.os.items.0",
        "targeting.brosers",
    ]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({f"aplications{n}": 1 for n in range(20_000)}, id="criteria"),
        pytest.param({"os": {f"item{n}": 1 for n in range(20_000)}}, id="parts"),
        pytest.param({"applications" * 50_000: 1}, id="one very long"),
    ],
)
def test_a_body_of_strange_keys_costs_little(value: Any) -> None:
    started = time.process_time()

    read_targeting(value)

    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("op", "item", "hosts", "is_unknown"),
    [
        ("exclude", "www.example.com", ["www.example.com"], False),
        ("exclude", "WWW.example.com", ["www.EXAMPLE.com"], False),
        ("exclude", "ww.example.com", ["www.example.com"], True),
        ("exclude", "*.example.com", ["www.example.com"], False),
        ("exclude", "*.example.com", ["example.com"], True),
        ("exclude", "*.example.com", ["badexample.com"], True),
        ("include", "ww.example.com", [], False),
    ],
)
def test_an_excluded_host_must_be_somebodys(
    op: str, item: str, hosts: list[str], is_unknown: bool
) -> None:
    targeting, _ = read_targeting({"applications": {"op": op, "items": [item]}})

    found = unknown_excluded(targeting, hosts)

    assert [fault.field for fault in found] == ["targeting.applications.items.0"] * is_unknown
    assert all(isinstance(fault, Fault) for fault in found)


def somebody(**known: Any) -> Attributes:
    unknown: dict[str, Any] = dict.fromkeys(Attributes.__dataclass_fields__)
    return Attributes(
        **unknown
        | {"account_id": 1, "container_id": 2, "user_data": {}, "subscribed_ms": 0}
        | known
    )


@pytest.mark.parametrize(
    ("attributes", "attribute", "item", "has"),
    [
        pytest.param({"language": "pt-BR"}, "languages", "pt", True, id="pt matches pt-BR"),
        pytest.param({"language": "pt"}, "languages", "pt-BR", False, id="pt-BR not pt"),
        pytest.param({"language": "pt-br"}, "languages", "PT-BR", True, id="tags ignore case"),
        pytest.param({"language": "pt-BR"}, "languages", "pt-PT", False, id="not another region"),
        pytest.param({"language": "fil"}, "languages", "fi", False, id="fil is not fi"),
        pytest.param({"host": "a.b.example.com"}, "applications", "*.example.com", True, id="deep"),
        pytest.param({"host": "example.com"}, "applications", "*.example.com", False, id="itself"),
        pytest.param({"host": "badexample.com"}, "applications", "*.example.com", False, id="tail"),
        pytest.param(
            {"host": "WWW.Example.com"}, "applications", "www.example.COM", True, id="case"
        ),
        pytest.param({"host": "a.example.com"}, "applications", "example.com", False, id="exact"),
        pytest.param({"country": "RS"}, "countries", "rs", True, id="countries ignore case"),
        pytest.param({"browser": 12}, "browsers", "12", True, id="browser"),
        pytest.param({"os": 12}, "browsers", "12", False, id="an os is no browser"),
        pytest.param({}, "countries", "RS", False, id="missing"),
        pytest.param({}, "users", "42", True, id="the user"),
        pytest.param({}, "users", "43", False, id="another user"),
    ],
)
def test_include_has_it_and_exclude_has_it_not(
    attributes: dict[str, Any], attribute: str, item: str, has: bool
) -> None:
    stands_under = facts(somebody(**attributes))

    for op, meant in (("include", has), ("exclude", not has)):
        targeting, faults = read_targeting({attribute: {"op": op, "items": [item]}})
        assert not faults
        assert matches(targeting, stands_under, 42) is meant


def test_criteria_must_all_hold() -> None:
    targeting, _ = read_targeting(
        {
            "countries": {"op": "include", "items": ["RS", "DE"]},
            "browsers": {"op": "exclude", "items": ["1"]},
        }
    )

    assert matches(targeting, facts(somebody(country="RS", browser=12)), 1)
    assert not matches(targeting, facts(somebody(country="RS", browser=1)), 1)
    assert not matches(targeting, facts(somebody(country="FR", browser=12)), 1)
    assert matches(targeting, facts(somebody(country="DE")), 1)
