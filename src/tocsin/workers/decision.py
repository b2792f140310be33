"""What an answer means for one recipient: an outcome, or another try."""

from collections.abc import Mapping
from typing import Final

from tocsin.domain.attempt import Attempt, Unanswered
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Retry
from tocsin.domain.retry import next_attempt_ms
from tocsin.webpush.answer import Answer, Failure, Kind, Verdict

_CODES: Final[Mapping[Failure | None, Unanswered]] = {
    Failure.UNREACHABLE: Unanswered.UNREACHABLE,
    Failure.TLS: Unanswered.NO_TRUST,
    Failure.REFUSED_ADDRESS: Unanswered.FORBIDDEN_ADDRESS,
    Failure.AMBIGUOUS: Unanswered.CUT_OFF,
    None: Unanswered.CUT_OFF,
}

# Who got a 400 for anything but the key is not pending any more.
_REFUSALS: Final = (400, 401, 403)


def decide(
    verdict: Verdict,
    *,
    made: int,
    now_ms: int,
    expires_ms: int,
    draw: float,
    refusal_is_theirs: bool = False,
) -> Outcome | Retry:
    """Return the recipient's final outcome, or when to try them again.

    made: attempts that were used up before this one. draw: in [0, 1), for jitter.
    refusal_is_theirs: a refusal of the VAPID key would be the second of this recipient, and others
    under the same key are taken.
    """
    match verdict.kind:
        case Kind.ACCEPTED:
            return Outcome.ACCEPTED
        case Kind.GONE:
            return Outcome.GONE
        case Kind.REJECTED:
            return Outcome.REJECTED
        case Kind.REDIRECTED if made:
            return Outcome.REJECTED
        case Kind.KEY_REFUSED if refusal_is_theirs:
            return Outcome.REJECTED
    attempts = used_up(verdict, made=made)
    at_ms = next_attempt_ms(
        made=attempts,
        now_ms=now_ms,
        expires_ms=expires_ms,
        asked_ms=verdict.wait_ms or 0,
        draw=draw,
    )
    return out_of_time(made=attempts) if at_ms is None else Retry(at_ms)


def was_refused(last: Attempt) -> bool:
    """Return whether the last attempt to reach somebody, still pending, met a refused VAPID key."""
    return last.status in _REFUSALS


def used_up(verdict: Verdict, *, made: int) -> int:
    """Return how many attempts are used up after an answer; *made* were before."""
    return made if verdict.kind is Kind.THROTTLED else made + 1


def code_of(answer: Answer) -> int:
    """Return what is kept of *answer*: its status, or the code for why there is none."""
    return answer.status if answer.status >= 200 else _CODES[answer.failure]


def out_of_time(*, made: int) -> Outcome:
    """Return the outcome of a recipient whose TTL leaves no further attempt.

    made: attempts that were used up. contract.md section 3: failed when there were any, expired
    when the message could not be sent at all.
    """
    return Outcome.FAILED if made else Outcome.EXPIRED
