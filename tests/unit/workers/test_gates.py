"""The gates of push services: windows, rounds and breaks, of an origin and of a key there."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.transport.push_http import CONNECTIONS_TO_HOST
from tocsin.webpush.answer import Kind, Verdict
from tocsin.workers.gates import (
    FIRST_WINDOW,
    LONGEST_BREAK_MS,
    OF_KEY,
    OF_ORIGIN,
    SHORTEST_BREAK_MS,
    WIDEST_WINDOW,
    Gate,
    Gates,
    Lane,
)

NOW_MS = 1_800_000_000_000
BREAKING = [(OF_ORIGIN, kind) for kind in sorted(OF_ORIGIN, key=str)]
GOOD = [(of, kind) for of in (OF_ORIGIN, OF_KEY) for kind in Kind if kind not in of]
ASKING = [(OF_ORIGIN, Kind.TROUBLE), (OF_KEY, Kind.THROTTLED)]


def verdict(kind: Kind, wait_ms: int | None = None) -> Verdict:
    return Verdict(kind, wait_ms, "")


def play_round(gate: Gate, kind_of: Callable[[int], Kind], *, now_ms: int = NOW_MS) -> None:
    """Fill the window, and let everything on the wire be answered."""
    rounds = []
    while gate.room:
        rounds.append(gate.sent())
    for number, of_round in enumerate(rounds):
        gate.answered(verdict(kind_of(number)), of_round=of_round, now_ms=now_ms)


@pytest.mark.parametrize(("of", "kind"), GOOD)
def test_a_round_of_answers_widens_the_window_up_to_the_widest(
    of: frozenset[Kind], kind: Kind
) -> None:
    gate = Gate(of)
    seen = [gate.window]

    for _ in range(10):
        play_round(gate, lambda _: kind)
        seen.append(gate.window)

    assert seen[0] == FIRST_WINDOW
    assert seen == sorted(seen)
    assert seen[-1] == WIDEST_WINDOW
    assert gate.is_open(NOW_MS)


def test_where_each_request_has_a_connection_of_its_own_the_window_is_as_wide_as_there_are() -> (
    None
):
    gate = Gate(OF_ORIGIN, window=WIDEST_WINDOW)

    for _ in range(2):
        for _ in range(gate.window):
            of_round = gate.sent()
            good = verdict(Kind.ACCEPTED)
            gate.answered(good, of_round=of_round, now_ms=NOW_MS, multiplexed=False)
        assert gate.window == CONNECTIONS_TO_HOST


def test_a_quarter_of_trouble_holds_the_window_where_it_is() -> None:
    gate = Gate(OF_ORIGIN)

    for _ in range(20):
        play_round(gate, lambda n: Kind.AMBIGUOUS if n % 4 == 0 else Kind.ACCEPTED)

    assert gate.window == FIRST_WINDOW
    assert gate.is_open(NOW_MS)


def test_more_trouble_than_not_halves_the_window_once_a_round() -> None:
    gate = Gate(OF_ORIGIN)

    play_round(gate, lambda n: Kind.ACCEPTED if n % 4 == 0 else Kind.TROUBLE)

    assert gate.window == FIRST_WINDOW // 2
    assert gate.is_open(NOW_MS)


@pytest.mark.parametrize(("of", "kind"), BREAKING)
def test_a_round_of_nothing_but_trouble_breaks_and_then_one_request_tries(
    of: frozenset[Kind], kind: Kind
) -> None:
    gate = Gate(of)

    play_round(gate, lambda _: kind)

    assert not gate.is_open(NOW_MS + SHORTEST_BREAK_MS - 1)
    assert gate.is_open(NOW_MS + SHORTEST_BREAK_MS)
    gate.sent()
    assert not gate.room


@pytest.mark.parametrize(("of", "kind"), [*BREAKING, (OF_KEY, Kind.THROTTLED)])
def test_pauses_double_up_to_the_longest_and_end_with_a_good_answer(
    of: frozenset[Kind], kind: Kind
) -> None:
    gate = Gate(of)
    now_ms, pauses = NOW_MS, []
    for _ in range(12):
        play_round(gate, lambda _: kind, now_ms=now_ms)
        pauses.append(gate.closed_until_ms - now_ms)
        now_ms = gate.closed_until_ms

    assert pauses[:4] == [SHORTEST_BREAK_MS * 2**n for n in range(4)]
    assert pauses[-1] == LONGEST_BREAK_MS
    play_round(gate, lambda _: Kind.ACCEPTED, now_ms=now_ms)
    assert gate.is_open(now_ms)
    play_round(gate, lambda _: kind, now_ms=now_ms)
    assert gate.closed_until_ms == now_ms + SHORTEST_BREAK_MS


def test_a_connection_that_dies_under_a_hundred_requests_is_one_piece_of_news() -> None:
    gate = Gate(OF_ORIGIN, window=100)
    rounds = [gate.sent() for _ in range(100)]
    for of_round in rounds[:50]:
        gate.answered(verdict(Kind.ACCEPTED), of_round=of_round, now_ms=NOW_MS)
    more = [gate.sent() for _ in range(50)]

    for of_round in [*rounds[50:], *more]:
        gate.answered(verdict(Kind.AMBIGUOUS), of_round=of_round, now_ms=NOW_MS)

    assert gate.on_wire == 0
    assert gate.is_open(NOW_MS + SHORTEST_BREAK_MS)
    assert gate.breaks <= 1


@pytest.mark.parametrize(("of", "kind"), ASKING)
def test_what_the_push_service_asks_for_begins_at_once_and_is_never_cut_short(
    of: frozenset[Kind], kind: Kind
) -> None:
    gate = Gate(of)
    of_round = gate.sent()
    gate.answered(verdict(kind, 30_000), of_round=of_round, now_ms=NOW_MS)
    gate.answered(verdict(kind, 5_000), of_round=gate.sent(), now_ms=NOW_MS)

    assert not gate.is_open(NOW_MS + 29_999)
    assert gate.is_open(NOW_MS + 30_000)


def test_a_late_answer_of_an_earlier_round_still_closes_the_gate() -> None:
    gate = Gate(OF_KEY)
    late = gate.sent()
    play_round(gate, lambda _: Kind.ACCEPTED)
    play_round(gate, lambda _: Kind.ACCEPTED)

    gate.answered(verdict(Kind.THROTTLED, 7_000), of_round=late, now_ms=NOW_MS)

    assert not gate.is_open(NOW_MS + 6_999)


def test_a_429_that_names_no_pause_still_makes_one_and_halves_the_window() -> None:
    gate = Gate(OF_KEY)

    play_round(gate, lambda n: Kind.THROTTLED if n == 0 else Kind.ACCEPTED)

    assert gate.closed_until_ms == NOW_MS + SHORTEST_BREAK_MS
    assert gate.window == FIRST_WINDOW // 2


@given(
    st.sampled_from([OF_ORIGIN, OF_KEY]),
    st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 100_000)), max_size=400),
)
def test_the_window_stays_in_its_bounds_and_the_wire_is_counted(
    of: frozenset[Kind],
    answers: list[tuple[Kind, int]],
) -> None:
    gate = Gate(of)
    now_ms, on_wire = NOW_MS, []
    for kind, wait_ms in answers:
        while gate.room:
            on_wire.append(gate.sent())
        gate.answered(verdict(kind, wait_ms), of_round=on_wire.pop(0), now_ms=now_ms)
        now_ms += 10

        assert 1 <= gate.window <= WIDEST_WINDOW
        assert gate.on_wire == len(on_wire)


FCM, MOZILLA = "https://fcm.googleapis.com", "https://updates.push.services.mozilla.com"


def answer(gates: Gates, lane: Lane, *kinds: Kind) -> None:
    """Let requests of a lane be answered, one after another."""
    for kind in kinds:
        gates.answered(lane, verdict(kind), of_rounds=gates.sent(lane), now_ms=NOW_MS)


def test_a_throttled_key_holds_up_no_other_key_at_the_same_origin() -> None:
    gates = Gates()

    answer(gates, Lane(FCM, 1), Kind.THROTTLED)

    assert gates.closed_until_ms(Lane(FCM, 1)) == NOW_MS + SHORTEST_BREAK_MS
    assert gates.closed_until_ms(Lane(FCM, 2)) <= NOW_MS
    assert gates.closed_until_ms(Lane(MOZILLA, 1)) <= NOW_MS


def test_an_origin_in_trouble_holds_up_every_key_there_and_none_elsewhere() -> None:
    gates = Gates()

    answer(gates, Lane(FCM, 1), *[Kind.UNREACHABLE] * FIRST_WINDOW)

    assert gates.closed_until_ms(Lane(FCM, 2)) == NOW_MS + SHORTEST_BREAK_MS
    assert gates.closed_until_ms(Lane(MOZILLA, 1)) <= NOW_MS


def test_keys_share_the_window_of_their_origin() -> None:
    gates = Gates()
    for number in range(FIRST_WINDOW):
        assert gates.room(Lane(FCM, number % 2))
        gates.sent(Lane(FCM, number % 2))

    assert not gates.room(Lane(FCM, 0))
    assert not gates.room(Lane(FCM, 2))
    assert gates.room(Lane(MOZILLA, 0))


def test_a_lane_widens_with_what_its_key_is_answered() -> None:
    gates, lane = Gates(), Lane(FCM, 1)
    for _ in range(3):
        rounds = []
        while gates.room(lane):
            rounds.append(gates.sent(lane))
        for of_rounds in rounds:
            gates.answered(lane, verdict(Kind.ACCEPTED), of_rounds=of_rounds, now_ms=NOW_MS)
    sent = 0
    while gates.room(lane):
        gates.sent(lane)
        sent += 1

    assert sent > 2 * FIRST_WINDOW
