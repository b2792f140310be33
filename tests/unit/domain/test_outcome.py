"""Outcomes: everybody is in exactly one counter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.outcome import COUNTER_OF, Outcome, counters, tally

OUTCOMES = st.lists(st.sampled_from(Outcome), max_size=1000)


@given(OUTCOMES)
def test_the_counters_sum_up_to_the_total(outcomes: list[Outcome]) -> None:
    found = counters(tally(bytes(outcomes)))

    assert found.pop("total_user") == sum(found.values()) == len(outcomes)


@given(OUTCOMES)
def test_bytes_of_either_kind_count_alike(outcomes: list[Outcome]) -> None:
    assert tally(bytearray(outcomes)) == tally(bytes(outcomes))
    assert tally(bytes(outcomes)) == {one: outcomes.count(one) for one in Outcome}


@pytest.mark.parametrize(
    ("outcome", "counter"),
    [
        ("PENDING", "pending"),
        ("ACCEPTED", "delivered"),
        ("GONE", "push_unsubscriptions"),
        ("REJECTED", "failed"),
        ("FAILED", "failed"),
        ("EXPIRED", "expired"),
        ("SUPERSEDED", "suppressed"),
        ("CANCELLED", "cancelled"),
    ],
)
def test_the_counter_of_an_outcome(outcome: str, counter: str) -> None:
    found = counters({Outcome[outcome]: 3})

    assert {name for name, count in found.items() if count} == {"total_user", counter}
    assert found[counter] == 3


def test_every_outcome_has_a_counter_and_only_the_first_is_not_final() -> None:
    assert COUNTER_OF.keys() == set(Outcome)
    assert [one for one in Outcome if not one] == [Outcome.PENDING]


def test_an_execution_of_nobody_has_every_counter() -> None:
    assert counters({}) == dict.fromkeys(["total_user", *COUNTER_OF.values()], 0)
