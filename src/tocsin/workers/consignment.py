"""A leased parcel on its way: who is still to be sent, who is on the wire, what is unrecorded."""

from collections import deque
from dataclasses import dataclass, field, replace

from tocsin.domain.attempt import Attempt, Unanswered
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Parcel, Retry
from tocsin.domain.subscription import Recipient
from tocsin.services.sending import Manifest
from tocsin.webpush.endpoint import BadEndpoint, Endpoint, PushHosts, parse
from tocsin.webpush.request import topic
from tocsin.workers.decision import out_of_time
from tocsin.workers.rendering import Rendering


@dataclass(frozen=True, slots=True)
class Stop:
    """One recipient on the round: where they are reached, and where they stand in the parcel."""

    index: int
    recipient: Recipient
    endpoint: Endpoint


@dataclass(slots=True)
class Consignment:
    """A parcel in the sender's hands.

    load: how many recipients were pending when it was leased.
    lanes: who may be sent now, by origin, so that a slow origin holds up nobody else's lane.
    on_wire: requests without an answer. unrecorded: outcomes and retries since the last record.
    gone: (ordinal, generation) to retire with the next record. ours: nobody has leased the parcel
    since. given_back: its last record was written, nothing is left to do.
    """

    parcel: Parcel
    rendering: Rendering
    topic: str
    urgency: str
    ttl_s: int
    load: int = 0
    lanes: dict[str, deque[Stop]] = field(default_factory=dict)
    on_wire: int = 0
    unrecorded: int = 0
    recorded_at_ms: int = 0
    gone: list[tuple[int, int]] = field(default_factory=list)
    ours: bool = True
    given_back: bool = False

    def settle(self, index: int, decision: Outcome | Retry, attempt: Attempt) -> None:
        """Note what became of a recipient, or that they are to be tried again, and why."""
        self.parcel.note(index, attempt)
        if isinstance(decision, Outcome):
            self.parcel.settle(index, decision)
        else:
            self.parcel.retries[index] = decision
        self.unrecorded += 1

    def made(self, index: int) -> int:
        """Return how many attempts a recipient has had."""
        return self.parcel.attempt_of(index).attempts

    def drop(self, index: int, outcome: Outcome, why: Unanswered, *, now_ms: int) -> None:
        """Settle a recipient to whom nothing can be sent."""
        self.settle(index, outcome, Attempt(self.made(index), why, now_ms))

    def give_up(self, index: int, *, now_ms: int) -> None:
        """Settle a recipient for whom the TTL leaves no further attempt."""
        last = self.parcel.attempt_of(index)
        answer = last.answer or Unanswered.OUT_OF_TIME
        self.settle(
            index,
            out_of_time(made=last.attempts),
            replace(last, answer=answer, at_ms=now_ms),
        )

    def has_expired(self, index: int, *, now_ms: int) -> bool:
        """Return whether the message's TTL is over; a ttl of 0 still gets its one attempt."""
        if self.ttl_s == 0 and index not in self.parcel.retries:
            return False
        return now_ms >= self.parcel.expires_ms

    def is_overtaken(self, *, now_ms: int) -> bool:
        """Return whether the next slot of the task has come for these recipients."""
        overtaken_ms = self.parcel.overtaken_ms
        return overtaken_ms is not None and now_ms >= overtaken_ms

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is left to do under this lease."""
        return not self.on_wire and not self.lanes

    @property
    def has_news(self) -> bool:
        """Return whether there is something to write down, or a lease to give back."""
        return self.unrecorded > 0 or self.is_idle

    def put_off(self, origin: str, *, until_ms: int, now_ms: int) -> None:
        """Let everybody in an origin's lane wait, without using up an attempt.

        When the TTL is over by then, nobody will be sent: that is settled now, and an execution
        does not stay open for a day because a push service asked for one.
        """
        is_too_late = until_ms >= self.parcel.expires_ms
        for stop in self.lanes.pop(origin, ()):
            if is_too_late:
                self.give_up(stop.index, now_ms=now_ms)
            else:
                self.parcel.retries[stop.index] = Retry(until_ms)
                self.unrecorded += 1

    def abandon(self) -> None:
        """Send nobody else: what is on the wire may still be answered."""
        self.lanes.clear()


def open_consignment(
    parcel: Parcel,
    manifest: Manifest,
    rendering: Rendering,
    *,
    hosts: PushHosts,
    topic_key: bytes,
    now_ms: int,
) -> Consignment:
    """Return *parcel* ready to be sent: everybody in the lane of their origin.

    Settled at once: who has left since the parcel was cut (gone), whose endpoint is none that
    a push may go to (rejected), and everybody once the TTL is over, or when the order shows
    nothing (rejected). Who must wait for a retry is left for a later lease.
    """
    pending = list(parcel.pending())
    consignment = Consignment(
        parcel,
        rendering,
        topic=topic(topic_key, manifest.task_id, 0),
        urgency=manifest.order.urgency,
        ttl_s=manifest.order.ttl_s,
        load=len(pending),
    )
    for index in pending:
        recipient = manifest.recipients.get(index)
        retry = parcel.retries.get(index)
        if recipient is None:
            consignment.drop(index, Outcome.GONE, Unanswered.LEFT, now_ms=now_ms)
        elif rendering.is_blank:
            consignment.drop(index, Outcome.REJECTED, Unanswered.NO_MESSAGE, now_ms=now_ms)
        elif consignment.has_expired(index, now_ms=now_ms):
            consignment.give_up(index, now_ms=now_ms)
        elif retry is None or retry.not_before_ms <= now_ms:
            try:
                endpoint = parse(recipient.endpoint, hosts)
            except BadEndpoint:
                consignment.drop(index, Outcome.REJECTED, Unanswered.BAD_ENDPOINT, now_ms=now_ms)
                continue
            lane = consignment.lanes.setdefault(endpoint.origin, deque())
            lane.append(Stop(index, recipient, endpoint))
    return consignment
