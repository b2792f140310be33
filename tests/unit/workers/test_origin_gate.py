"""How hard a push service is pressed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.answer import Kind, Verdict
from tocsin.workers.origin_gate import (
    BREAK_AFTER,
    FIRST_WINDOW,
    LONGEST_BREAK_MS,
    SHORTEST_BREAK_MS,
    WIDEST_WINDOW,
    OriginGate,
)

NOW_MS = 1_000_000
ALIVE = (Kind.ACCEPTED, Kind.GONE, Kind.REJECTED, Kind.KEY_REFUSED, Kind.REDIRECTED)
TROUBLES = (Kind.TROUBLE, Kind.UNREACHABLE, Kind.AMBIGUOUS)


def meet(
    gate: OriginGate,
    kind: Kind,
    *,
    times: int = 1,
    now_ms: int = NOW_MS,
    wait_ms: int | None = None,
) -> None:
    """Send *times* requests one after the other, each answered alike."""
    for _ in range(times):
        gate.sent()
        gate.answered(Verdict(kind, wait_ms, ""), now_ms=now_ms)


def burst(gate: OriginGate, kind: Kind, *, size: int = 100, now_ms: int = NOW_MS) -> None:
    """Answer *size* requests alike that were all on the wire together."""
    for _ in range(size):
        gate.sent()
    for _ in range(size):
        gate.answered(Verdict(kind, None, ""), now_ms=now_ms)


def test_a_window_of_successes_widens_it_by_one_up_to_its_limit() -> None:
    gate = OriginGate()

    meet(gate, Kind.ACCEPTED, times=FIRST_WINDOW)
    assert gate.window == pytest.approx(FIRST_WINDOW + 1, abs=0.1)

    meet(gate, Kind.ACCEPTED, times=40_000)
    assert gate.window == WIDEST_WINDOW


@pytest.mark.parametrize("kind", [*TROUBLES, Kind.THROTTLED])
def test_a_setback_halves_the_window_but_one_request_always_fits(kind: Kind) -> None:
    gate = OriginGate()

    meet(gate, kind)
    assert gate.window == FIRST_WINDOW / 2

    meet(gate, kind, times=9)
    assert gate.window == 1
    assert gate.has_room()


def test_the_window_is_how_many_are_on_the_wire() -> None:
    gate = OriginGate()

    while gate.has_room():
        gate.sent()

    assert gate.on_wire == FIRST_WINDOW
    gate.answered(Verdict(Kind.ACCEPTED, None, ""), now_ms=NOW_MS)
    assert gate.has_room()


@pytest.mark.parametrize("kind", ALIVE)
def test_any_number_of_answers_for_a_recipient_never_closes_it(kind: Kind) -> None:
    gate = OriginGate()

    burst(gate, kind, size=5000)

    assert gate.is_open(NOW_MS)
    assert gate.window > FIRST_WINDOW


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.TROUBLE])
def test_a_retry_after_is_obeyed_and_never_shortened(kind: Kind) -> None:
    gate = OriginGate()

    meet(gate, kind, wait_ms=30_000)
    meet(gate, kind, wait_ms=5_000)

    assert not gate.is_open(NOW_MS + 29_999)
    assert gate.is_open(NOW_MS + 30_000)


def test_each_retry_after_of_a_burst_is_obeyed() -> None:
    gate = OriginGate()
    for _ in range(3):
        gate.sent()

    for wait_ms in (1000, 90_000, 2000):
        gate.answered(Verdict(Kind.THROTTLED, wait_ms, ""), now_ms=NOW_MS)

    assert not gate.is_open(NOW_MS + 89_999)


def test_throttled_without_a_retry_after_it_pauses_longer_each_time() -> None:
    gate, now_ms, pauses = OriginGate(), NOW_MS, []

    for _ in range(8):
        meet(gate, Kind.THROTTLED, now_ms=now_ms)
        pauses.append(gate.closed_until_ms - now_ms)
        now_ms = gate.closed_until_ms

    assert pauses == [1000, 2000, 4000, 8000, 16_000, 32_000, LONGEST_BREAK_MS, LONGEST_BREAK_MS]
    meet(gate, Kind.ACCEPTED, now_ms=now_ms)
    meet(gate, Kind.THROTTLED, now_ms=now_ms)
    assert gate.closed_until_ms - now_ms == SHORTEST_BREAK_MS


@pytest.mark.parametrize("kind", TROUBLES)
def test_the_breaker_opens_after_ten_troubles_in_a_row(kind: Kind) -> None:
    gate = OriginGate()

    meet(gate, kind, times=BREAK_AFTER - 1)
    assert gate.is_open(NOW_MS)

    meet(gate, kind)
    assert not gate.is_open(NOW_MS + SHORTEST_BREAK_MS - 1)
    assert gate.is_open(NOW_MS + SHORTEST_BREAK_MS)


def test_one_success_between_keeps_it_closed() -> None:
    gate = OriginGate()

    for _ in range(5):
        meet(gate, Kind.TROUBLE, times=BREAK_AFTER - 1)
        meet(gate, Kind.GONE)

    assert gate.is_open(NOW_MS)


def test_after_a_break_one_request_tries_and_each_failure_doubles_it() -> None:
    gate, now_ms, breaks = OriginGate(), NOW_MS, []
    meet(gate, Kind.TROUBLE, times=BREAK_AFTER - 1)

    for _ in range(9):
        meet(gate, Kind.TROUBLE, now_ms=now_ms)
        breaks.append(gate.closed_until_ms - now_ms)
        now_ms = gate.closed_until_ms
        assert gate.has_room()
        gate.sent()
        assert not gate.has_room()
        gate.on_wire -= 1

    assert breaks[:4] == [1000, 2000, 4000, 8000]
    assert breaks[-1] == LONGEST_BREAK_MS
    meet(gate, Kind.ACCEPTED, now_ms=now_ms)
    assert gate.is_open(now_ms)
    meet(gate, Kind.TROUBLE, now_ms=now_ms)
    assert gate.is_open(now_ms)


@pytest.mark.parametrize("kind", TROUBLES)
def test_what_breaks_together_is_one_trouble(kind: Kind) -> None:
    gate = OriginGate(window=WIDEST_WINDOW)

    burst(gate, kind)

    assert gate.is_open(NOW_MS)
    assert gate.window == WIDEST_WINDOW / 2
    assert gate.troubles == 1


def test_bursts_one_after_the_other_are_troubles_in_a_row() -> None:
    gate = OriginGate()

    for _ in range(BREAK_AFTER):
        assert gate.is_open(NOW_MS)
        burst(gate, Kind.AMBIGUOUS)

    assert not gate.is_open(NOW_MS)


def test_a_dead_origin_is_left_alone_after_few_requests() -> None:
    gate, requests = OriginGate(window=WIDEST_WINDOW), 0

    while gate.is_open(NOW_MS):
        size = 0
        while gate.has_room():
            gate.sent()
            size += 1
        for _ in range(size):
            gate.answered(Verdict(Kind.AMBIGUOUS, None, ""), now_ms=NOW_MS)
        requests += size

    assert requests <= 2 * WIDEST_WINDOW


@given(
    st.lists(
        st.none()
        | st.builds(
            Verdict, st.sampled_from(Kind), st.none() | st.integers(0, 86_400_000), st.just("")
        )
    )
)
def test_whatever_comes_the_gate_stays_in_bounds(steps: list[Verdict | None]) -> None:
    gate, wanted_until = OriginGate(), 0

    for verdict in steps:
        if verdict is None or not gate.on_wire:
            gate.sent()
            continue
        gate.answered(verdict, now_ms=NOW_MS)
        if verdict.kind not in ALIVE and verdict.wait_ms:
            wanted_until = max(wanted_until, NOW_MS + verdict.wait_ms)
        assert 1 <= gate.window <= WIDEST_WINDOW
        assert 0 <= gate.together <= gate.on_wire
        assert gate.closed_until_ms >= wanted_until
        assert gate.closed_until_ms <= max(wanted_until, NOW_MS + LONGEST_BREAK_MS)
