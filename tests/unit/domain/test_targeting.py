"""Reading a targeting, saying what is wrong with it, and showing it again."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from targeting_bodies import BAD, GOOD, exclude, include

from tocsin.domain.targeting import (
    TARGETING_SCHEMA,
    Age,
    Criterion,
    Targeting,
    read_targeting,
    targeting_json,
)

SCHEMA = jsonschema_rs.validator_for(dict(TARGETING_SCHEMA))


def good(value: object) -> Targeting:
    targeting, faults = read_targeting(value)
    assert faults == []
    return targeting


@pytest.mark.parametrize(
    ("value", "criteria"), [pytest.param(body, read, id=name) for name, body, read in GOOD]
)
def test_what_is_read(value: object, criteria: tuple[Criterion | Age, ...]) -> None:
    assert good(value) == Targeting(criteria)


@pytest.mark.parametrize(
    ("value", "faults"), [pytest.param(body, said, id=name) for name, body, said in BAD]
)
def test_what_is_refused(value: object, faults: dict[str, str]) -> None:
    found = read_targeting(value)[1]

    prefixed = {f"targeting.{path}" if path else "targeting": said for path, said in faults.items()}
    assert {fault.field: fault.message for fault in found} == prefixed
    assert len(found) == len(faults)


def test_the_tables_are_worth_their_name() -> None:
    assert len(GOOD) + len(BAD) >= 120


@pytest.mark.parametrize("value", [pytest.param(body, id=name) for name, body, _ in GOOD])
def test_what_is_shown_is_read_as_the_same(value: object) -> None:
    read = good(value)

    assert good(targeting_json(read)) == read


def test_a_targeting_is_shown_as_it_was_given() -> None:
    value = {
        "languages": include("PT-br"),
        "applications": exclude("*.Example.com"),
        "user_data": {"a.b": include("x"), "n": exclude("1", "true")},
        "subscribed_age": {"from": 1},
        "users": include("7"),
    }

    assert targeting_json(good(value)) == value
    assert list(targeting_json(good(value))) == list(value)


def test_what_is_read_is_said_in_one_spelling() -> None:
    value = {"os": {"op": "neq", "items": [4]}, "user_data": {"k": {"op": "eq", "items": [True]}}}

    assert targeting_json(good(value)) == {"os": exclude("4"), "user_data": {"k": include("true")}}


@pytest.mark.parametrize("value", [pytest.param(body, id=name) for name, body, _ in GOOD if body])
def test_the_schema_takes_what_is_read(value: object) -> None:
    assert SCHEMA.is_valid(value)
    assert SCHEMA.is_valid(targeting_json(good(value)))


# What a schema cannot say: bytes, sameness after folding, codes that do not exist, which is more.
BEYOND_SCHEMAS = (
    *("countries", "languages", "hosts that are the same", "types that no id has"),
    *("remote users", "an age that ends before it begins", "no days: 1.0"),
    "no id: '18446744073709551616'",
)


@pytest.mark.parametrize(
    "value", [pytest.param(body, id=name) for name, body, _ in BAD if name not in BEYOND_SCHEMAS]
)
def test_the_schema_refuses_what_a_schema_can(value: object) -> None:
    assert not SCHEMA.is_valid(value)


SCALARS = st.none() | st.booleans() | st.integers(-5, 2**65) | st.floats(0, 3) | st.text(max_size=4)
ITEMS = st.lists(SCALARS | st.sampled_from(["CA", "pt", "a.com", "*.a.com", "1", "12"]), max_size=3)
CRITERIA = st.fixed_dictionaries(
    {}, optional={"op": st.sampled_from(["include", "neq", "x"]), "items": ITEMS}
)
ANYTHING = st.dictionaries(
    st.sampled_from(sorted(TARGETING_SCHEMA["properties"])),
    CRITERIA
    | st.dictionaries(st.text(max_size=3), CRITERIA, max_size=2)
    | st.fixed_dictionaries({}, optional={"from": SCALARS, "to": SCALARS})
    | SCALARS,
    max_size=3,
)


@given(ANYTHING)
def test_whatever_is_taken_fits_the_schema_and_comes_back(value: dict[str, Any]) -> None:
    read, faults = read_targeting(value)

    if not faults:
        assert SCHEMA.is_valid(value)
        assert good(targeting_json(read)) == read


def test_the_path_of_the_body_is_in_the_fields() -> None:
    _, faults = read_targeting({"os": {"op": "include", "items": ["x"]}}, "segment.targeting")

    assert [fault.field for fault in faults] == ["segment.targeting.os.items.0"]


def test_a_hostile_body_gets_a_short_answer() -> None:
    _, faults = read_targeting(
        {"users": include(*["x"] * 10_000), **{f"k{number}": 1 for number in range(1000)}}
    )

    assert len(faults) == 42
    assert faults[-1].message == "has 9980 more faults like these"


@pytest.mark.parametrize(
    ("criterion", "name"),
    [
        (Criterion("countries", "include", ("CA",)), "countries"),
        (Criterion("user_data", "include", ("x",), "a.b"), "user_data.a.b"),
        (Age(1, None), "subscribed_age"),
    ],
)
def test_how_a_waterfall_calls_a_criterion(criterion: Criterion | Age, name: str) -> None:
    assert criterion.name == name
