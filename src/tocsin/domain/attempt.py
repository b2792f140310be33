"""The attempts to reach one recipient: what is kept of them, and the sentence that it makes."""

from collections.abc import Container, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from tocsin.domain.outcome import Outcome


class Unanswered(IntEnum):
    """What stands in the place of an HTTP status where there is none. Stored: never renumbered.

    Below 10 nothing was sent by our own decision, from 10 on because the connection failed.
    """

    NOTHING_YET = 0
    LEFT = 1
    BAD_ENDPOINT = 2
    BAD_KEYS = 3
    TOO_LARGE = 4
    OUT_OF_TIME = 5
    PARKED = 7
    KEY_REFUSED = 8
    UNREACHABLE = 10
    NO_TRUST = 11
    FORBIDDEN_ADDRESS = 12
    CUT_OFF = 13


class Attempt(NamedTuple):
    """What is known of the attempts to reach one recipient.

    attempts: how many were used up; being throttled uses up none. answer: the HTTP status of the
    last one, or a code of Unanswered. at_ms: when that was learnt, to the second; None when
    nothing was.
    """

    attempts: int = 0
    answer: int = Unanswered.NOTHING_YET
    at_ms: int | None = None

    @property
    def status(self) -> int | None:
        """Return the HTTP status of the last answer, None when there is none."""
        return self.answer if self.answer >= 100 else None


NO_ATTEMPT: Final = Attempt()

_OF_UNANSWERED: Final[Mapping[int, str]] = {
    Unanswered.LEFT: "they were no active subscriber any more when their turn came",
    Unanswered.BAD_ENDPOINT: "their endpoint is none of a push service that pushes may go to",
    Unanswered.BAD_KEYS: "no message can be encrypted for the keys of their subscription",
    Unanswered.TOO_LARGE: "with their own values in it the message is too large for a push",
    Unanswered.OUT_OF_TIME: "the message's TTL was over before it could be sent",
    Unanswered.PARKED: "several senders in a row ended while they held their parcel",
    Unanswered.KEY_REFUSED: (
        "their container was paused at their push service, which refused its VAPID key"
    ),
    Unanswered.UNREACHABLE: "the push service could not be reached",
    Unanswered.NO_TRUST: "there was no trusted connection to the push service",
    Unanswered.FORBIDDEN_ADDRESS: "the push service's name leads to an address that is forbidden",
    Unanswered.CUT_OFF: "the message was sent, but no answer came",
}

# The first row that fits decides; it is followed by the status.
_OF_STATUS: Final[tuple[tuple[Container[int], str], ...]] = (
    (range(200, 300), "accepted by the push service"),
    (range(300, 400), "the push service redirects, and pushes follow no redirect"),
    ((401, 403), "the push service refused the VAPID key"),
    ((404, 410), "the push service says that the subscription is over"),
    ((408, 421, 425), "the push service was in trouble"),
    ((413,), "the message is too large for the push service"),
    ((429,), "the push service throttled"),
    (range(400, 500), "the push service refused the message"),
    (range(500, 600), "the push service was in trouble"),
)
_STRANGE: Final = "the push service gave a strange status"

# For recipients of whom no answer was kept.
_ALONE: Final[Mapping[Outcome, str]] = {
    Outcome.PENDING: "waiting to be sent",
    Outcome.ACCEPTED: "accepted by the push service",
    Outcome.GONE: "the subscription is over",
    Outcome.REJECTED: "refused for good",
    Outcome.FAILED: "no attempt was left",
    Outcome.EXPIRED: _OF_UNANSWERED[Unanswered.OUT_OF_TIME],
}

# Where the last answer is not the outcome itself.
_BEFORE: Final[Mapping[Outcome, str]] = {
    Outcome.PENDING: "waiting for another attempt; at the last one ",
    Outcome.FAILED: "no attempt was left; at the last one ",
    Outcome.EXPIRED: "the message's TTL ran out; before, ",
}

_WHATEVER_CAME: Final[Mapping[Outcome, str]] = {
    Outcome.SUPERSEDED: "a later execution of the task took the place of this one",
    Outcome.CANCELLED: "the execution was cancelled",
}


def reason_of(outcome: Outcome, answer: int) -> str:
    """Return why a recipient has *outcome*, without a full stop.

    answer: an HTTP status, or a code of Unanswered.
    """
    if outcome in _WHATEVER_CAME:
        return _WHATEVER_CAME[outcome]
    if answer == Unanswered.NOTHING_YET:
        return _ALONE[outcome]
    last = _OF_UNANSWERED.get(answer) or f"{_of_status(answer, outcome)} ({answer})"
    if answer == Unanswered.PARKED:
        return f"set aside: {last}" if outcome is Outcome.PENDING else last
    if answer == Unanswered.KEY_REFUSED:
        waits = outcome is Outcome.PENDING
        return f"waiting: {last}" if waits else f"{_BEFORE[Outcome.EXPIRED]}{last}"
    return last if answer == Unanswered.OUT_OF_TIME else _BEFORE.get(outcome, "") + last


def _of_status(status: int, outcome: Outcome) -> str:
    if status == 406 and outcome is not Outcome.REJECTED:  # so Windows' push service throttles
        status = 429
    return next((reason for statuses, reason in _OF_STATUS if status in statuses), _STRANGE)
