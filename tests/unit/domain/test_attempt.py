"""What became of one recipient, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.attempt import NO_ATTEMPT, Attempt, Unanswered, reason_of
from tocsin.domain.outcome import Outcome

PAUSED = "their container was paused at their push service, which refused its VAPID key"
ALL = [*Unanswered, *range(100, 1000)]


@pytest.mark.parametrize(
    ("outcome", "answer", "reason"),
    [
        (Outcome.PENDING, 0, "waiting to be sent"),
        (
            Outcome.PENDING,
            503,
            "waiting for another attempt; at the last one the push service was in trouble (503)",
        ),
        (
            Outcome.PENDING,
            406,
            "waiting for another attempt; at the last one the push service throttled (406)",
        ),
        (Outcome.ACCEPTED, 201, "accepted by the push service (201)"),
        (Outcome.ACCEPTED, 0, "accepted by the push service"),
        (Outcome.GONE, 410, "the push service says that the subscription is over (410)"),
        (Outcome.GONE, 1, "they were no active subscriber any more when their turn came"),
        (Outcome.GONE, 0, "the subscription is over"),
        (Outcome.REJECTED, 400, "the push service refused the message (400)"),
        (Outcome.REJECTED, 406, "the push service refused the message (406)"),
        (Outcome.REJECTED, 403, "the push service refused the VAPID key (403)"),
        (Outcome.REJECTED, 413, "the message is too large for the push service (413)"),
        (
            Outcome.REJECTED,
            308,
            "the push service redirects, and pushes follow no redirect (308)",
        ),
        (Outcome.REJECTED, 2, "their endpoint is none of a push service that pushes may go to"),
        (Outcome.REJECTED, 3, "no message can be encrypted for the keys of their subscription"),
        (Outcome.REJECTED, 4, "with their own values in it the message is too large for a push"),
        (Outcome.FAILED, 7, "several senders in a row ended while they held their parcel"),
        (
            Outcome.PENDING,
            7,
            "set aside: several senders in a row ended while they held their parcel",
        ),
        (
            Outcome.PENDING,
            8,
            f"waiting: {PAUSED}",
        ),
        *(
            (
                outcome,
                8,
                f"the message's TTL ran out; before, {PAUSED}",
            )
            for outcome in (Outcome.EXPIRED, Outcome.FAILED)
        ),
        (
            Outcome.FAILED,
            500,
            "no attempt was left; at the last one the push service was in trouble (500)",
        ),
        (
            Outcome.FAILED,
            13,
            "no attempt was left; at the last one the message was sent, but no answer came",
        ),
        (
            Outcome.FAILED,
            999,
            "no attempt was left; at the last one the push service gave a strange status (999)",
        ),
        (Outcome.EXPIRED, 0, "the message's TTL was over before it could be sent"),
        (Outcome.EXPIRED, 5, "the message's TTL was over before it could be sent"),
        (
            Outcome.EXPIRED,
            429,
            "the message's TTL ran out; before, the push service throttled (429)",
        ),
        (Outcome.SUPERSEDED, 503, "a later execution of the task took the place of this one"),
        (Outcome.CANCELLED, 0, "the execution was cancelled"),
    ],
)
def test_the_reasons(outcome: Outcome, answer: int, reason: str) -> None:
    assert reason_of(outcome, answer) == reason


@pytest.mark.parametrize("outcome", Outcome)
@given(answer=st.sampled_from(ALL))
def test_every_outcome_with_any_answer_has_a_reason(outcome: Outcome, answer: int) -> None:
    reason = reason_of(outcome, answer)

    assert reason
    assert not reason.endswith(".")
    if answer >= 100 and outcome not in (Outcome.SUPERSEDED, Outcome.CANCELLED):
        assert f"({answer})" in reason


def test_the_codes_are_those_that_are_stored() -> None:
    assert {code.name: int(code) for code in Unanswered} == {
        "NOTHING_YET": 0,
        "LEFT": 1,
        "BAD_ENDPOINT": 2,
        "BAD_KEYS": 3,
        "TOO_LARGE": 4,
        "OUT_OF_TIME": 5,
        "PARKED": 7,
        "KEY_REFUSED": 8,
        "UNREACHABLE": 10,
        "NO_TRUST": 11,
        "FORBIDDEN_ADDRESS": 12,
        "CUT_OFF": 13,
    }


def test_a_code_is_no_status() -> None:
    assert (Attempt(1, 201, 1).status, Attempt(1, 13, 1).status, NO_ATTEMPT.status) == (
        201,
        None,
        None,
    )
