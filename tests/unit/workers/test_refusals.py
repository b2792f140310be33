"""When it is the VAPID key that a push service refuses, and not those who were sent to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.answer import Kind
from tocsin.workers.gates import Lane
from tocsin.workers.refusals import JUDGING, LAST, LEAST, SHARE, Refusals

FCM, MOZILLA = Lane("https://fcm.googleapis.com", 1), Lane("https://updates.example", 1)
A, R = Kind.ACCEPTED, Kind.KEY_REFUSED


def play(one: Refusals, *kinds: Kind, lane: Lane = FCM, again: bool = False) -> None:
    for kind in kinds:
        one.answered(lane, kind, status=403, again=again)


def refused(*kinds: Kind) -> bool:
    one = Refusals()
    play(one, *kinds)
    return one.is_refused(FCM)


@pytest.mark.parametrize(
    ("kinds", "is_refused"),
    [
        pytest.param([R] * 39, False, id="a handful, and nothing else"),
        pytest.param([R] * 40, True, id="the first forty"),
        pytest.param([A] * 160 + [R] * 40, False, id="a fifth of the last two hundred"),
        pytest.param([A] * 159 + [R] * 40, True, id="more than a fifth of what there is"),
        pytest.param([A] * 200 + [R] * 41, True, id="what is past is forgotten"),
        pytest.param([R] * 30 + [A] * 200 + [R] * 30, False, id="refusals are forgotten too"),
        pytest.param([A, A, A, A, R] * 200, False, id="one in five, for good"),
        pytest.param([A, A, A, R] * 40, True, id="one in four"),
        pytest.param([Kind.GONE, Kind.REJECTED] * 80 + [R] * 40, False, id="a key that is read"),
    ],
)
def test_a_key_is_refused_from_a_number_and_a_share_of_refusals_on(
    kinds: list[Kind], is_refused: bool
) -> None:
    assert refused(*kinds) == is_refused


@given(st.lists(st.sampled_from(sorted(JUDGING, key=str)), max_size=500))
def test_the_record_is_that_of_the_last_answers(kinds: list[Kind]) -> None:
    """Compared with a count from scratch after each answer: once refused, it stays so."""
    expected = any(
        (count := last.count(R)) >= LEAST and SHARE * count > len(last) and last[-1] is R
        for last in (kinds[max(0, end - LAST) : end] for end in range(1, len(kinds) + 1))
    )

    assert refused(*kinds) == expected


@pytest.mark.parametrize("kind", sorted(set(Kind) - JUDGING, key=str))
def test_an_answer_that_is_none_of_the_key_judges_nothing(kind: Kind) -> None:
    assert refused(*[kind] * 400, *[R] * 40)


def test_who_is_refused_again_counts_once() -> None:
    one = Refusals()

    play(one, *[R] * 39)
    play(one, *[R] * 39, again=True)

    assert not one.is_refused(FCM)


def test_a_refused_key_stops_one_lane_and_is_to_be_told_once() -> None:
    one = Refusals()

    play(one, *[R] * 50)

    assert (one.untold, one.is_refused(FCM), one.is_refused(MOZILLA)) == ({FCM: 403}, True, False)
    one.told()
    play(one, *[R] * 50)
    assert (one.untold, one.is_refused(FCM), one.is_doubted(FCM)) == ({}, True, True)


def test_what_others_found_out_is_heard() -> None:
    one = Refusals()

    one.heard({(MOZILLA.origin, 1)})

    assert (one.is_refused(MOZILLA), one.is_refused(FCM)) == (True, False)


def released() -> Refusals:
    one = Refusals()
    play(one, *[R] * 40)
    one.told()
    one.heard({tuple(FCM)})
    one.heard(set())
    return one


def test_a_released_key_is_on_trial_until_something_is_accepted() -> None:
    one = released()
    assert (one.is_refused(FCM), one.is_doubted(FCM)) == (False, True)

    play(one, *[R] * 39, again=True)
    assert (one.is_refused(FCM), one.is_doubted(FCM)) == (False, True)
    play(one, A)
    assert (one.is_refused(FCM), one.is_doubted(FCM)) == (False, False)


def test_a_key_that_is_refused_on_trial_stops_again() -> None:
    one = released()

    play(one, *[R] * 40, again=True)

    assert one.untold == {FCM: 403}
