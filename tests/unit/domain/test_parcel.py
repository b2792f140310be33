"""Parcels: everybody is in one, and what became of them is written once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import PARCEL_SIZE, Parcel, Retry, cut, pack_retries, unpack_retries

RETRIES = st.dictionaries(
    st.integers(0, PARCEL_SIZE - 1),
    st.builds(Retry, attempts=st.integers(0, 255), not_before_ms=st.integers(0, 1 << 63)),
)


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


def test_attempts_beyond_a_byte_stay_its_largest() -> None:
    assert unpack_retries(pack_retries({0: Retry(1000, 7)})) == {0: Retry(255, 7)}


@given(st.sets(st.integers(0, 1 << 31)).map(sorted))
def test_cutting_covers_everybody_once_and_in_order(ordinals: list[int]) -> None:
    assert [one for piece in cut(ordinals) for one in piece] == ordinals


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (999, [999]), (1000, [1000]), (1001, [1000, 1]), (2000, [1000, 1000])],
)
def test_a_parcel_holds_a_thousand_at_most(count: int, sizes: list[int]) -> None:
    assert [len(piece) for piece in cut(range(count))] == sizes


def test_an_outcome_is_final_and_ends_the_retries() -> None:
    one = parcel()
    one.retries[1] = Retry(1, 500)

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
    one.retries = {index: Retry(1, at_ms) for index, at_ms in retries.items()}
    for index in settled:
        one.settle(index, Outcome.ACCEPTED)

    assert one.next_due_ms() == due_ms
