"""What an answer means for one recipient: an outcome, or another try."""

from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Retry
from tocsin.domain.retry import next_attempt_ms
from tocsin.webpush.answer import Kind, Verdict


def decide(
    verdict: Verdict, *, made: int, now_ms: int, expires_ms: int, draw: float
) -> Outcome | Retry:
    """Return the recipient's final outcome, or when to try them again.

    made: attempts before this one. draw: in [0, 1), for jitter. When no attempt is left inside
    the TTL, a throttled recipient has expired (nobody took an attempt), any other has failed.
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
            attempts, otherwise = made, Outcome.EXPIRED
        case _:
            attempts, otherwise = made + 1, Outcome.FAILED
    at_ms = next_attempt_ms(
        made=attempts,
        now_ms=now_ms,
        expires_ms=expires_ms,
        asked_ms=verdict.wait_ms or 0,
        draw=draw,
    )
    return otherwise if at_ms is None else Retry(attempts, at_ms)
