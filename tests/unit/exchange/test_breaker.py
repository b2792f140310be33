"""The breaker: when a source is left alone, and how it is taken up again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.draw import Why
from tocsin.exchange.breaker import LONGEST_REST_MS, PROBE_MS, SHORTEST_REST_MS, Breaker


def failed(times: int = 10, *, now_ms: int = 0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.heard(Why.TIMEOUT, now_ms)
    return breaker


def test_ten_failures_open_it_and_nine_do_not() -> None:
    assert failed(9).may_ask(0)
    assert not failed(10).may_ask(0)


@pytest.mark.parametrize(
    ("successes", "opens"),
    [
        pytest.param(10, True, id="half of the last twenty"),
        pytest.param(11, False, id="ten failures, the first of which is too long ago"),
    ],
)
def test_half_of_the_last_twenty_answers_decide(successes: int, opens: bool) -> None:
    breaker = Breaker()
    for why in [Why.TIMEOUT, *[Why.FILLED] * successes, *[Why.UNREACHABLE] * 9]:
        breaker.heard(why, 0)

    assert breaker.may_ask(0) is not opens


@pytest.mark.parametrize(
    ("why", "status", "opens"),
    [
        (Why.TIMEOUT, 0, True),
        (Why.UNREACHABLE, 0, True),
        (Why.MALFORMED, 200, True),
        (Why.REFUSED, 0, True),
        (Why.REFUSED, 429, True),
        (Why.REFUSED, 500, True),
        (Why.REFUSED, 503, True),
        (Why.REFUSED, 302, False),
        (Why.REFUSED, 403, False),
        (Why.FILLED, 200, False),
        (Why.EMPTY, 204, False),
        *((why, 0, False) for why in (Why.RESTING, Why.SHED, Why.CAPPED, Why.NO_ZONE, Why.LOST)),
    ],
)
def test_what_speaks_against_a_source(why: Why, status: int, opens: bool) -> None:
    breaker = Breaker()
    for _ in range(20):
        breaker.heard(why, 0, status=status)

    assert breaker.may_ask(0) is not opens


def test_draws_that_did_not_ask_leave_the_failures_where_they_are() -> None:
    breaker = failed(9)
    for _ in range(30):
        breaker.heard(Why.SHED, 0)
    breaker.heard(Why.TIMEOUT, 0)

    assert not breaker.may_ask(0)


def test_one_draw_probes_when_the_rest_is_over_and_its_success_closes() -> None:
    breaker = failed()

    assert not breaker.may_ask(SHORTEST_REST_MS - 1)
    assert breaker.may_ask(SHORTEST_REST_MS)
    assert not breaker.may_ask(SHORTEST_REST_MS)

    breaker.heard(Why.EMPTY, SHORTEST_REST_MS + 100)
    assert breaker.may_ask(SHORTEST_REST_MS + 100)
    assert breaker.may_ask(SHORTEST_REST_MS + 100)
    for _ in range(9):  # what was before is forgotten
        breaker.heard(Why.TIMEOUT, SHORTEST_REST_MS + 200)
    assert breaker.may_ask(SHORTEST_REST_MS + 200)


def test_rests_double_to_a_minute_and_begin_anew_after_a_success() -> None:
    breaker = failed()
    now_ms, rests = 0, []
    for _ in range(7):
        rest = next(ms for ms in range(1000, 61_000, 1000) if breaker.may_ask(now_ms + ms))
        rests.append(rest)
        now_ms += rest
        breaker.heard(Why.TIMEOUT, now_ms)

    assert rests == [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]

    assert breaker.may_ask(now_ms + LONGEST_REST_MS)
    breaker.heard(Why.FILLED, now_ms + LONGEST_REST_MS)
    for _ in range(10):
        breaker.heard(Why.TIMEOUT, now_ms + LONGEST_REST_MS)
    assert not breaker.may_ask(now_ms + LONGEST_REST_MS)
    assert breaker.may_ask(now_ms + LONGEST_REST_MS + SHORTEST_REST_MS)


def test_answers_that_come_during_a_rest_move_nothing() -> None:
    breaker = failed()
    breaker.heard(Why.FILLED, 10)
    breaker.heard(Why.TIMEOUT, 1999)

    assert not breaker.may_ask(1999)
    assert breaker.may_ask(2000)


def test_a_probe_that_says_nothing_is_replaced() -> None:
    breaker = failed()
    assert breaker.may_ask(2000)

    assert not breaker.may_ask(2000 + PROBE_MS - 1)
    assert breaker.may_ask(2000 + PROBE_MS)
    assert not breaker.may_ask(2000 + PROBE_MS)


def test_a_clock_that_is_set_back_does_not_make_a_rest_longer() -> None:
    breaker = failed(now_ms=3_600_000)

    assert breaker.may_ask(0)
    assert not breaker.may_ask(0)
    assert breaker.may_ask(PROBE_MS)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 90_000), st.sampled_from([Why.TIMEOUT, Why.FILLED, Why.SHED, None])
        )
    )
)
def test_whatever_happens_a_source_is_asked_again_within_a_minute(
    steps: list[tuple[int, Why | None]],
) -> None:
    breaker, now_ms = Breaker(), 0
    for wait_ms, why in steps:
        now_ms += wait_ms
        if why is None:
            breaker.may_ask(now_ms)
        else:
            breaker.heard(why, now_ms)

    assert breaker.may_ask(now_ms + LONGEST_REST_MS)
