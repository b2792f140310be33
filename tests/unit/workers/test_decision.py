"""The whole answer table, as one recipient meets it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.attempt import Attempt, Unanswered, reason_of
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Retry
from tocsin.domain.retry import MOST_ATTEMPTS
from tocsin.webpush.answer import Answer, Failure, Kind, Verdict, read
from tocsin.workers.decision import code_of, decide, used_up, was_refused

NOW_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
FCM = "fcm.googleapis.com"
WINDOWS = "db5p.notify.windows.com"

A, G, R, F, E = (
    Outcome.ACCEPTED,
    Outcome.GONE,
    Outcome.REJECTED,
    Outcome.FAILED,
    Outcome.EXPIRED,
)


def meet(answer: Answer, *, made: int, left_ms: int, host: str = FCM) -> Outcome | Retry:
    verdict = read(answer, host=host, now_ms=NOW_MS)
    return decide(
        verdict,
        made=made,
        now_ms=NOW_MS,
        expires_ms=NOW_MS + left_ms,
        draw=0.0,
        refusal_is_theirs=made > 0,
    )


@pytest.mark.parametrize(
    ("answer", "host", "first", "second", "over"),
    [
        # What becomes of a first attempt and of a second inside the TTL (an outcome, or the
        # attempts that were used up when the next one waits), and of the last when it is over.
        pytest.param(Answer(200), FCM, A, A, A, id="200"),
        pytest.param(Answer(201), FCM, A, A, A, id="201"),
        pytest.param(Answer(202), FCM, A, A, A, id="202"),
        pytest.param(Answer(302), FCM, 1, R, F, id="302: rejected after one more"),
        pytest.param(Answer(308), FCM, 1, R, F, id="308: rejected after one more"),
        pytest.param(Answer(400), FCM, R, R, R, id="400"),
        pytest.param(Answer(400, reason="VapidPkHashMismatch"), FCM, 1, R, F, id="400: the key"),
        pytest.param(Answer(401), FCM, 1, R, F, id="401: rejected after one more"),
        pytest.param(Answer(403), FCM, 1, R, F, id="403: rejected after one more"),
        pytest.param(Answer(404), FCM, G, G, G, id="404"),
        pytest.param(Answer(406), FCM, R, R, R, id="406"),
        pytest.param(Answer(406), WINDOWS, 0, 1, E, id="406 of Windows: throttled"),
        pytest.param(Answer(410), FCM, G, G, G, id="410"),
        pytest.param(Answer(413), FCM, R, R, R, id="413"),
        pytest.param(Answer(429), FCM, 0, 1, E, id="429: no attempt is used up"),
        pytest.param(Answer(429, retry_after="60"), FCM, 0, 1, E, id="429, Retry-After"),
        pytest.param(Answer(500), FCM, 1, 2, F, id="500"),
        pytest.param(Answer(502), FCM, 1, 2, F, id="502"),
        pytest.param(Answer(503, retry_after="60"), FCM, 1, 2, F, id="503, Retry-After"),
        pytest.param(Answer(504), FCM, 1, 2, F, id="504"),
        pytest.param(Answer(0, failure=Failure.UNREACHABLE), FCM, 1, 2, F, id="unreachable"),
        pytest.param(Answer(0, failure=Failure.TLS), FCM, 1, 2, F, id="no trusted channel"),
        pytest.param(Answer(0, failure=Failure.REFUSED_ADDRESS), FCM, 1, 2, F, id="forbidden"),
        pytest.param(Answer(0, failure=Failure.AMBIGUOUS), FCM, 1, 2, F, id="ambiguous"),
    ],
)
def test_the_table(
    answer: Answer, host: str, first: Outcome | int, second: Outcome | int, over: Outcome
) -> None:
    wait_ms = 60_000 if answer.retry_after else 1000
    at_ms = NOW_MS + wait_ms

    expected = [one if isinstance(one, Outcome) else Retry(at_ms) for one in (first, second)]
    verdict = read(answer, host=host, now_ms=NOW_MS)
    counts = [used_up(verdict, made=made) for made in (0, 1)]
    assert all(
        isinstance(one, Outcome) or count == one
        for one, count in zip((first, second), counts, strict=True)
    )
    assert [meet(answer, made=made, left_ms=HOUR_MS, host=host) for made in (0, 1)] == expected
    assert meet(answer, made=0, left_ms=wait_ms, host=host) == over
    # The ttl 0: the message was over before it left, and gets this one attempt.
    assert meet(answer, made=0, left_ms=0, host=host) == over
    assert meet(answer, made=0, left_ms=-5000, host=host) == over


@pytest.mark.parametrize("made", [0, 1, 7, MOST_ATTEMPTS - 2])
def test_a_refusal_that_is_the_keys_is_nobodys_end(made: int) -> None:
    verdict = read(Answer(403), host=FCM, now_ms=NOW_MS)

    decision = decide(
        verdict,
        made=made,
        now_ms=NOW_MS,
        expires_ms=NOW_MS + HOUR_MS,
        draw=0.0,
        refusal_is_theirs=False,
    )

    assert decision == Retry(NOW_MS + 1000)


@pytest.mark.parametrize("kind", Kind)
@given(
    made=st.integers(0, 300),
    left_ms=st.integers(-HOUR_MS, HOUR_MS),
    wait_ms=st.none() | st.integers(0, 2 * HOUR_MS),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_a_decision_is_final_or_inside_the_ttl(
    kind: Kind, made: int, left_ms: int, wait_ms: int | None, draw: float
) -> None:
    decision = decide(
        Verdict(kind, wait_ms, ""),
        made=made,
        now_ms=NOW_MS,
        expires_ms=NOW_MS + left_ms,
        draw=draw,
    )

    if isinstance(decision, Retry):
        assert NOW_MS + (wait_ms or 0) <= decision.not_before_ms < NOW_MS + left_ms
        assert made < MOST_ATTEMPTS
    else:
        assert decision is not Outcome.PENDING


@pytest.mark.parametrize("status", [500, 429])
def test_attempts_are_used_up(status: int) -> None:
    assert meet(Answer(status), made=MOST_ATTEMPTS, left_ms=HOUR_MS) == F


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(201), 201),
        (Answer(410), 410),
        (Answer(999), 999),
        (Answer(0, failure=Failure.UNREACHABLE), Unanswered.UNREACHABLE),
        (Answer(0, failure=Failure.TLS), Unanswered.NO_TRUST),
        (Answer(0, failure=Failure.REFUSED_ADDRESS), Unanswered.FORBIDDEN_ADDRESS),
        (Answer(0, failure=Failure.AMBIGUOUS), Unanswered.CUT_OFF),
        (Answer(0), Unanswered.CUT_OFF),
        (Answer(100), Unanswered.CUT_OFF),
    ],
)
def test_what_is_kept_of_an_answer(answer: Answer, code: int) -> None:
    assert code_of(answer) == code


@pytest.mark.parametrize(
    ("answer", "refused"),
    [(400, True), (401, True), (403, True), (0, False), (8, False), (503, False), (429, False)],
)
def test_who_was_refused_is_known_by_the_last_answer(answer: int, refused: bool) -> None:
    assert was_refused(Attempt(1, answer, NOW_MS)) == refused


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_a_code_and_a_reason(failure: Failure) -> None:
    code = code_of(Answer(0, failure=failure))

    assert code in set(Unanswered)
    assert "at the last one" in reason_of(Outcome.FAILED, code)
