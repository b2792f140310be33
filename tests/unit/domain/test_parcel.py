"""Parcels: everybody is in one, and what became of them is written once."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.attempt import NO_ATTEMPT, Attempt
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import (
    PARCEL_SIZE,
    Parcel,
    Retry,
    cut,
    fitting,
    pack_retries,
    unpack_attempts,
    unpack_retries,
)

RETRIES = st.dictionaries(
    st.integers(0, PARCEL_SIZE - 1), st.builds(Retry, st.integers(0, 1 << 63))
)
# As a program wrote them that counted attempts beside the instants: 7 of recipient 1, none of 2.
OLD_RETRIES = struct.pack("<HBQHBQ", 1, 7, 500, 2, 0, 600)


def parcel(size: int = 3) -> Parcel:
    return Parcel(
        id=1,
        execution_id=2,
        root_id=3,
        fence=4,
        expires_ms=5,
        ordinals=range(10, 10 + size),
        outcomes=bytearray(size),
    )


@given(RETRIES)
def test_retries_come_back_as_they_were(retries: dict[int, Retry]) -> None:
    assert unpack_retries(pack_retries(retries)) == retries


def test_a_parcel_without_trouble_keeps_nothing() -> None:
    assert pack_retries({}) == b""


ATTEMPTS = st.builds(
    Attempt,
    attempts=st.integers(0, 255),
    answer=st.integers(0, 999),
    at_ms=st.integers(1, 0xFFFF_FFFF).map(lambda at_s: at_s * 1000),
)


@given(st.dictionaries(st.integers(0, 9), ATTEMPTS))
def test_attempts_come_back_as_they_were(noted: dict[int, Attempt]) -> None:
    one = parcel(10)
    for index, attempt in noted.items():
        one.note(index, attempt)

    kept = None if one.attempts is None else bytes(one.attempts)
    again = parcel(10)
    again.attempts = unpack_attempts(kept, retries=b"", size=10)

    assert [again.attempt_of(index) for index in range(10)] == [
        noted.get(index, NO_ATTEMPT) for index in range(10)
    ]
    assert (kept is None) == (not noted)


def test_an_attempt_beyond_its_bytes_stays_the_largest_there_is() -> None:
    one = parcel()

    one.note(0, Attempt(1000, 503, 1 << 50))
    one.note(1, Attempt(1, 201, 5999))

    assert one.attempt_of(0) == Attempt(255, 503, 0xFFFF_FFFF * 1000)
    assert one.attempt_of(1).at_ms == 5000


def test_attempts_that_an_older_program_counted_are_carried_over() -> None:
    one = parcel()
    one.attempts = unpack_attempts(None, retries=OLD_RETRIES, size=3)

    assert unpack_retries(OLD_RETRIES) == {1: Retry(500), 2: Retry(600)}
    assert [one.attempt_of(index) for index in range(3)] == [
        NO_ATTEMPT,
        Attempt(7, 0, None),
        NO_ATTEMPT,
    ]
    assert unpack_attempts(None, retries=pack_retries({1: Retry(500)}), size=3) is None


@pytest.mark.parametrize(("noted", "attempts"), [(2, 7), (9, 9)])
def test_the_larger_count_of_two_programs_holds(noted: int, attempts: int) -> None:
    """One older than the record may have held the parcel in between."""
    one = parcel()
    one.note(1, Attempt(noted, 503, 9000))

    assert one.attempts is not None
    one.attempts = unpack_attempts(bytes(one.attempts), retries=OLD_RETRIES, size=3)

    assert one.attempt_of(1) == Attempt(attempts, 503, 9000)


@given(st.sets(st.integers(0, 1 << 31)).map(sorted))
def test_cutting_covers_everybody_once_and_in_order(ordinals: list[int]) -> None:
    assert [one for piece in cut(ordinals) for one in piece] == ordinals


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (999, [999]), (1000, [1000]), (1001, [1000, 1]), (2000, [1000, 1000])],
)
def test_a_parcel_holds_a_thousand_at_most(count: int, sizes: list[int]) -> None:
    assert [len(piece) for piece in cut(range(count))] == sizes


@given(st.lists(st.integers(1, PARCEL_SIZE)), st.integers(0, 5 * PARCEL_SIZE))
def test_as_many_fit_as_there_is_room_for_and_the_first_always(sizes: list[int], room: int) -> None:
    count = fitting(sizes, room)

    taken, left = sizes[:count], sizes[count:]
    assert sum(taken) <= room or count == 1
    assert not left or (taken and sum(taken) + left[0] > room)


def test_an_outcome_is_final_and_ends_the_retries() -> None:
    one = parcel()
    one.retries[1] = Retry(500)

    one.settle(1, Outcome.ACCEPTED)

    assert (list(one.pending()), one.retries) == ([0, 2], {})
    with pytest.raises(ValueError, match="recipient 1 of parcel 1 has an outcome already"):
        one.settle(1, Outcome.GONE)
    assert one.outcomes == bytes([0, 1, 0])


@pytest.mark.parametrize(
    ("settled", "retries", "due_ms"),
    [
        pytest.param([], {}, 0, id="nobody was tried"),
        pytest.param([0], {1: 500, 2: 400}, 400, id="the earliest retry"),
        pytest.param([], {1: 500}, 0, id="somebody was not tried"),
        pytest.param([0, 1, 2], {}, None, id="everybody is settled"),
    ],
)
def test_when_a_parcel_falls_due_again(
    settled: list[int], retries: dict[int, int], due_ms: int | None
) -> None:
    one = parcel()
    one.retries = {index: Retry(at_ms) for index, at_ms in retries.items()}
    for index in settled:
        one.settle(index, Outcome.ACCEPTED)

    assert one.next_due_ms() == due_ms
