"""The gate of one push service: windows, rounds and breaks."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.answer import Kind, Verdict
from tocsin.workers.origin_gate import (
    FIRST_WINDOW,
    LONGEST_BREAK_MS,
    SHORTEST_BREAK_MS,
    WIDEST_WINDOW,
    OriginGate,
)

NOW_MS = 1_800_000_000_000
GOOD = (Kind.ACCEPTED, Kind.GONE, Kind.REJECTED, Kind.KEY_REFUSED, Kind.REDIRECTED)
TROUBLE = (Kind.TROUBLE, Kind.UNREACHABLE, Kind.AMBIGUOUS)


def verdict(kind: Kind, wait_ms: int | None = None) -> Verdict:
    return Verdict(kind, wait_ms, "")


def play_round(gate: OriginGate, kind_of: Callable[[int], Kind], *, now_ms: int = NOW_MS) -> None:
    """Fill the window, and let everything on the wire be answered."""
    rounds = []
    while gate.has_room():
        rounds.append(gate.sent())
    for number, of_round in enumerate(rounds):
        gate.answered(verdict(kind_of(number)), of_round=of_round, now_ms=now_ms)


@pytest.mark.parametrize("kind", GOOD)
def test_a_round_of_answers_widens_the_window_up_to_the_widest(kind: Kind) -> None:
    gate = OriginGate()
    seen = [gate.window]

    for _ in range(10):
        play_round(gate, lambda _: kind)
        seen.append(gate.window)

    assert seen[0] == FIRST_WINDOW
    assert seen == sorted(seen)
    assert seen[-1] == WIDEST_WINDOW
    assert gate.is_open(NOW_MS)


def test_a_quarter_of_trouble_holds_the_window_where_it_is() -> None:
    gate = OriginGate()

    for _ in range(20):
        play_round(gate, lambda n: Kind.AMBIGUOUS if n % 4 == 0 else Kind.ACCEPTED)

    assert gate.window == FIRST_WINDOW
    assert gate.is_open(NOW_MS)


def test_more_trouble_than_not_halves_the_window_once_a_round() -> None:
    gate = OriginGate()

    play_round(gate, lambda n: Kind.ACCEPTED if n % 4 == 0 else Kind.TROUBLE)

    assert gate.window == FIRST_WINDOW // 2
    assert gate.is_open(NOW_MS)


@pytest.mark.parametrize("kind", TROUBLE)
def test_a_round_of_nothing_but_trouble_breaks_and_then_one_request_tries(kind: Kind) -> None:
    gate = OriginGate()

    play_round(gate, lambda _: kind)

    assert not gate.is_open(NOW_MS + SHORTEST_BREAK_MS - 1)
    assert gate.is_open(NOW_MS + SHORTEST_BREAK_MS)
    gate.sent()
    assert not gate.has_room()


def test_breaks_double_up_to_the_longest_and_end_with_a_good_answer() -> None:
    gate = OriginGate()
    now_ms, pauses = NOW_MS, []
    for _ in range(12):
        play_round(gate, lambda _: Kind.TROUBLE, now_ms=now_ms)
        pauses.append(gate.closed_until_ms - now_ms)
        now_ms = gate.closed_until_ms

    assert pauses[:4] == [SHORTEST_BREAK_MS * 2**n for n in range(4)]
    assert pauses[-1] == LONGEST_BREAK_MS
    play_round(gate, lambda _: Kind.ACCEPTED, now_ms=now_ms)
    assert gate.is_open(now_ms)
    play_round(gate, lambda _: Kind.TROUBLE, now_ms=now_ms)
    assert gate.closed_until_ms == now_ms + SHORTEST_BREAK_MS


def test_a_connection_that_dies_under_a_hundred_requests_is_one_piece_of_news() -> None:
    gate = OriginGate(window=100)
    rounds = [gate.sent() for _ in range(100)]
    for of_round in rounds[:50]:
        gate.answered(verdict(Kind.ACCEPTED), of_round=of_round, now_ms=NOW_MS)
    more = [gate.sent() for _ in range(50)]

    for of_round in [*rounds[50:], *more]:
        gate.answered(verdict(Kind.AMBIGUOUS), of_round=of_round, now_ms=NOW_MS)

    assert gate.on_wire == 0
    assert gate.is_open(NOW_MS + SHORTEST_BREAK_MS)
    assert gate.breaks <= 1


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.TROUBLE])
def test_what_the_push_service_asks_for_begins_at_once_and_is_never_cut_short(kind: Kind) -> None:
    gate = OriginGate()
    of_round = gate.sent()
    gate.answered(verdict(kind, 30_000), of_round=of_round, now_ms=NOW_MS)
    gate.answered(verdict(kind, 5_000), of_round=gate.sent(), now_ms=NOW_MS)

    assert not gate.is_open(NOW_MS + 29_999)
    assert gate.is_open(NOW_MS + 30_000)


def test_a_late_answer_of_an_earlier_round_still_closes_the_gate() -> None:
    gate = OriginGate()
    late = gate.sent()
    play_round(gate, lambda _: Kind.ACCEPTED)
    play_round(gate, lambda _: Kind.ACCEPTED)

    gate.answered(verdict(Kind.THROTTLED, 7_000), of_round=late, now_ms=NOW_MS)

    assert not gate.is_open(NOW_MS + 6_999)


def test_a_429_that_names_no_pause_still_makes_one_and_halves_the_window() -> None:
    gate = OriginGate()

    play_round(gate, lambda n: Kind.THROTTLED if n == 0 else Kind.ACCEPTED)

    assert gate.closed_until_ms == NOW_MS + SHORTEST_BREAK_MS
    assert gate.window == FIRST_WINDOW // 2


@given(st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 100_000)), max_size=400))
def test_the_window_stays_in_its_bounds_and_the_wire_is_counted(
    answers: list[tuple[Kind, int]],
) -> None:
    gate = OriginGate()
    now_ms, on_wire = NOW_MS, []
    for kind, wait_ms in answers:
        while gate.has_room():
            on_wire.append(gate.sent())
        gate.answered(verdict(kind, wait_ms), of_round=on_wire.pop(0), now_ms=now_ms)
        now_ms += 10

        assert 1 <= gate.window <= WIDEST_WINDOW
        assert gate.on_wire == len(on_wire)
