"""The two windows, against a plain count of what was taken."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.rate_limit import (
    MINUTE_MS,
    SECOND_MS,
    SKEW_MS,
    Allowance,
    Rates,
    Refusal,
    Window,
    Windows,
    seconds_to,
    take,
)

NOON = 1_770_289_200_000
STEPS = st.lists(
    st.sampled_from([0, 0, 0, 1, 99, 333, 999, 1000, 59_000, 60_000]) | st.integers(0, 70_000),
    max_size=60,
)
RATES = st.builds(Rates, st.integers(0, 4), st.integers(0, 8)).filter(bool)


@given(steps=STEPS, rates=RATES)
def test_what_is_taken_fits_both_windows_and_what_fits_is_taken(
    steps: list[int], rates: Rates
) -> None:
    windows, now_ms, taken = Windows(), NOON, Counter[tuple[int, int]]()
    for step in steps:
        now_ms += step
        in_minute = [("minute", now_ms // MINUTE_MS, rates.steady, MINUTE_MS)]
        in_second = [("second", now_ms // SECOND_MS, rates.burst, SECOND_MS)]
        limited = [one for one in in_minute + in_second if one[2]]
        left = {name: limit - taken[length, at] for name, at, limit, length in limited}

        windows, result = take(windows, rates, now_ms=now_ms)

        if min(left.values()) > 0:
            name, at, limit, length = min(limited, key=lambda one: left[one[0]])
            assert result == Allowance(
                limit, left[name] - 1, seconds_to((at + 1) * length, now_ms=now_ms)
            )
            taken[MINUTE_MS, now_ms // MINUTE_MS] += 1
            taken[SECOND_MS, now_ms // SECOND_MS] += 1
        else:
            _, at, limit, length = next(one for one in limited if left[one[0]] == 0)
            assert result == Refusal(limit, length, (at + 1) * length)


def filled(now_ms: int, rates: Rates) -> Windows:
    """Return the windows of an account that can have no more."""
    windows = Windows()
    while True:
        windows, result = take(windows, rates, now_ms=now_ms)
        if isinstance(result, Refusal):
            return windows


@pytest.mark.parametrize(
    ("back_ms", "is_taken"),
    [
        pytest.param(1, False, id="another clock, in the second before"),
        pytest.param(SKEW_MS, False, id="as far behind as two clocks may be"),
        pytest.param(SKEW_MS + 1, True, id="a clock that was put back"),
        pytest.param(3_600_000, True, id="by an hour"),
    ],
)
def test_a_clock_that_is_behind(back_ms: int, is_taken: bool) -> None:
    windows = filled(NOON, Rates(burst=3, steady=3))

    _, result = take(windows, Rates(burst=3, steady=3), now_ms=NOON - back_ms)

    assert isinstance(result, Allowance) is is_taken


@given(ahead_ms=st.integers(0, 10**12), rates=RATES)
def test_nobody_is_locked_out_for_longer_than_a_minute_and_the_skew(
    ahead_ms: int, rates: Rates
) -> None:
    windows = filled(NOON + ahead_ms, rates)

    _, result = take(windows, rates, now_ms=NOON)

    if isinstance(result, Refusal):
        assert result.until_ms <= NOON + SKEW_MS + MINUTE_MS
        _, later = take(windows, rates, now_ms=result.until_ms)
        assert isinstance(later, Allowance)


@given(ahead_ms=st.integers(0, SKEW_MS), steps=STEPS, rates=RATES)
def test_two_clocks_that_differ_a_little_give_no_second_allowance(
    ahead_ms: int, steps: list[int], rates: Rates
) -> None:
    """One process is ahead of the other; they take turns at the same instants."""
    windows, now_ms, taken = Windows(), NOON, Counter[Window]()
    for number, step in enumerate(steps):
        now_ms += step
        at_ms = now_ms + (ahead_ms if number % 2 else 0)
        windows, result = take(windows, rates, now_ms=at_ms)
        if isinstance(result, Allowance):
            taken[Window(windows.second.begin_ms, SECOND_MS)] += 1
            taken[Window(windows.minute.begin_ms, MINUTE_MS)] += 1

    for window, count in taken.items():
        limit = rates.burst if window.count == SECOND_MS else rates.steady
        assert not limit or count <= limit


def test_a_refusal_holds_until_its_window_ends_and_for_no_clock_that_was_put_back() -> None:
    refusal = Refusal(10, SECOND_MS, NOON + SECOND_MS)

    assert [refusal.covers(NOON + at) for at in (0, 999, 1000, -SKEW_MS, -SKEW_MS - 1)] == [
        True,
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("until", "seconds"), [(1, 1), (1000, 1), (1001, 2), (60_000, 60), (0, 1), (-5, 1)]
)
def test_seconds_are_whole_and_one_at_least(until: int, seconds: int) -> None:
    assert seconds_to(NOON + until, now_ms=NOON) == seconds
