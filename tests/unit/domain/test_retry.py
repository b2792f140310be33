"""When to try again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.retry import MOST_ATTEMPTS, next_attempt_ms

NOW_MS = 1_767_225_600_000
DAY_MS = 86_400_000
DRAWS = st.floats(0, 1, exclude_max=True)


@given(
    made=st.integers(0, 10_000),
    ttl_ms=st.integers(-DAY_MS, 28 * DAY_MS),
    asked_ms=st.integers(0, DAY_MS),
    draw=DRAWS,
)
def test_a_retry_waits_as_asked_and_never_outlives_its_message(
    made: int, ttl_ms: int, asked_ms: int, draw: float
) -> None:
    at_ms = next_attempt_ms(
        made=made, now_ms=NOW_MS, expires_ms=NOW_MS + ttl_ms, asked_ms=asked_ms, draw=draw
    )

    assert at_ms is None or NOW_MS + max(asked_ms, 1000) <= at_ms < NOW_MS + ttl_ms


@given(made=st.integers(0, MOST_ATTEMPTS - 1), asked_ms=st.integers(0, 600_000), draw=DRAWS)
def test_while_there_is_time_there_is_another_try(made: int, asked_ms: int, draw: float) -> None:
    at_ms = next_attempt_ms(
        made=made, now_ms=NOW_MS, expires_ms=NOW_MS + DAY_MS, asked_ms=asked_ms, draw=draw
    )

    assert at_ms is not None
    assert at_ms - NOW_MS <= max(600_000, asked_ms + 1000)


@pytest.mark.parametrize("made", [0, 1], ids=["throttled before any attempt", "one attempt"])
@given(draw=DRAWS)
def test_the_first_retry_comes_after_one_to_four_seconds(made: int, draw: float) -> None:
    at_ms = next_attempt_ms(
        made=made, now_ms=NOW_MS, expires_ms=NOW_MS + DAY_MS, asked_ms=0, draw=draw
    )

    assert at_ms is not None
    assert 1000 <= at_ms - NOW_MS <= 4000


@pytest.mark.parametrize(
    ("made", "longest_ms"),
    [(1, 4_000), (2, 8_000), (3, 16_000), (7, 256_000), (8, 512_000), (9, 600_000), (200, 600_000)],
)
def test_the_wait_doubles_up_to_ten_minutes(made: int, longest_ms: int) -> None:
    almost_one = 1 - 2**-53
    waits = [
        next_attempt_ms(made=made, now_ms=0, expires_ms=DAY_MS, asked_ms=0, draw=draw)
        for draw in (0.0, almost_one)
    ]

    assert waits == [1000, pytest.approx(longest_ms, abs=1)]


def test_who_was_asked_to_wait_does_not_all_come_back_at_once() -> None:
    early, late = (
        next_attempt_ms(made=1, now_ms=0, expires_ms=DAY_MS, asked_ms=60_000, draw=draw)
        for draw in (0.0, 0.5)
    )

    assert (early, late) == (60_000, 60_500)


@pytest.mark.parametrize("made", [MOST_ATTEMPTS, 10**9])
def test_after_the_last_attempt_there_is_none(made: int) -> None:
    assert next_attempt_ms(made=made, now_ms=0, expires_ms=DAY_MS, asked_ms=0, draw=0.0) is None
