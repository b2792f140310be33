"""What an answer means for one recipient: an outcome, or another try."""

from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Retry
from tocsin.domain.retry import next_attempt_ms
from tocsin.webpush.answer import Kind, Verdict


def decide(
    verdict: Verdict, *, made: int, now_ms: int, expires_ms: int, draw: float
) -> Outcome | Retry:
    """Return the recipient's final outcome, or when to try them again.

    made: attempts before this one; being throttled uses none up. draw: in [0, 1), for jitter.
    """
    match verdict.kind:
        case Kind.ACCEPTED:
            return Outcome.ACCEPTED
        case Kind.GONE:
            return Outcome.GONE
        case Kind.REJECTED | Kind.KEY_REFUSED:
            return Outcome.REJECTED
        case Kind.REDIRECTED if made:
            return Outcome.REJECTED
        case Kind.THROTTLED:
            attempts = made
        case _:
            attempts = made + 1
    at_ms = next_attempt_ms(
        made=attempts,
        now_ms=now_ms,
        expires_ms=expires_ms,
        asked_ms=verdict.wait_ms or 0,
        draw=draw,
    )
    return out_of_time(made=attempts) if at_ms is None else Retry(attempts, at_ms)


def out_of_time(*, made: int) -> Outcome:
    """Return the outcome of a recipient whose TTL leaves no further attempt.

    made: attempts that were used up. contract.md section 3: failed when there were any, expired
    when the message could not be sent at all.
    """
    return Outcome.FAILED if made else Outcome.EXPIRED
