"""A merge patch, and arrays of what is read alike."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.errors import Fault
from tocsin.web.hood.arrays import array_of
from tocsin.web.hood.fields import Field, Place, RefusedError, object_schema, text, whole_number
from tocsin.web.hood.patching import merge, of_a_patch

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


def by_rfc_7396(target: Any, patch: Any) -> Any:
    """Return what the pseudocode of RFC 7396 section 2 makes of it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = by_rfc_7396(result.get(key), value)
    return result


def without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: without_nulls(item) for key, item in value.items() if item is not None}


@given(JSON, JSON)
def test_it_merges_as_the_standard_says_but_for_nulls(known: Any, patch: Any) -> None:
    known = without_nulls(known)

    assert without_nulls(merge(known, patch)) == by_rfc_7396(known, patch)


@given(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3))
def test_an_empty_patch_changes_nothing(known: dict[str, Any]) -> None:
    assert merge(known, {}) == known


def test_a_null_stays_so_that_what_it_stands_for_is_judged() -> None:
    assert merge({"a": 1}, {"a": None, "unknown": None}) == {"a": None, "unknown": None}


def test_a_patch_may_leave_out_what_a_new_one_needs() -> None:
    fields = {"name": Field(text(most_bytes=5), required=True)}

    assert object_schema(fields)["required"] == ["name"]
    assert object_schema(of_a_patch(fields))["required"] == []


@pytest.mark.parametrize(
    ("value", "found", "complaints"),
    [
        ([], (), []),
        ([1, "2"], (1, 2), []),
        ([1, "1"], (1,), ["a.1"]),
        ([1, None, 7, True], (1,), ["a.1", "a.2", "a.3"]),
    ],
)
def test_an_array_names_each_item_that_is_wrong(
    value: Any, found: tuple[int, ...], complaints: list[str]
) -> None:
    faults: list[Fault] = []

    assert array_of(whole_number(0, 5), most=4)(value, Place("a", faults)) == found
    assert [fault.field for fault in faults] == complaints


def test_what_may_come_twice_is_not_complained_of() -> None:
    faults: list[Fault] = []

    read = array_of(whole_number(0, 5), most=4, distinct=False)

    assert read([1, "1"], Place("a", faults)) == (1,)
    assert not faults


@pytest.mark.parametrize("value", [None, {}, "1", 1, [], [1, 2, 3]])
def test_what_is_no_such_array(value: Any) -> None:
    with pytest.raises(RefusedError):
        array_of(whole_number(0, 5), least=1, most=2)(value, Place("a", []))


def test_very_many_faults_are_counted() -> None:
    faults: list[Fault] = []

    array_of(whole_number(0, 5), most=1000)([9] * 1000, Place("a", faults))

    assert len(faults) == 21
    assert faults[-1].field == "a"
