"""A leased parcel on its way: who is still to be sent, who is on the wire, what is unrecorded."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tocsin.domain.attempt import Attempt, Unanswered
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Parcel, Retry
from tocsin.domain.subscription import Recipient
from tocsin.services.sending import Manifest
from tocsin.webpush.endpoint import BadEndpoint, Endpoint, PushHosts, parse
from tocsin.webpush.request import Urgency, topic
from tocsin.workers.decision import out_of_time
from tocsin.workers.gates import Lane
from tocsin.workers.rendering import Rendering

MOST_IN_CARE: Final = 32
"""How many of a parcel that was taken over may be on the wire."""


@dataclass(slots=True)
class Stop:
    """One recipient on the round: where they are reached, and where they stand in the parcel."""

    index: int
    recipient: Recipient
    endpoint: Endpoint
    lane: Lane


@dataclass(slots=True)
class Consignment:
    """A parcel in the sender's hands.

    load: how many recipients were pending when it was leased.
    careful: its last holder ended without a word, so few may be on the wire, and what is known is
    recorded at once: if this holder ends too, little is repeated and the next comes nearer to why.
    lanes: who may be sent now; a slow origin, or a throttled key, holds up nobody else's lane.
    on_wire: requests without an answer. unrecorded: outcomes and retries since the last record.
    gone: (ordinal, generation) to retire with the next record. awaited: lanes whose key is refused
    and in which somebody waits. ours: nobody has leased the parcel since. given_back: its last
    record was written, nothing is left to do.
    """

    parcel: Parcel
    rendering: Rendering
    topic: str
    urgency: Urgency
    ttl_s: int
    load: int = 0
    careful: bool = False
    lanes: dict[Lane, deque[Stop]] = field(default_factory=dict)
    on_wire: int = 0
    unrecorded: int = 0
    recorded_at_ms: int = 0
    gone: list[tuple[int, int]] = field(default_factory=list)
    awaited: set[Lane] = field(default_factory=set)
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
            last._replace(answer=answer, at_ms=now_ms),
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
    def room(self) -> int:
        """Return how many more requests may be on the wire, as far as this parcel goes."""
        return MOST_IN_CARE - self.on_wire if self.careful else self.load

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is left to do under this lease."""
        return not self.on_wire and not self.lanes

    @property
    def has_news(self) -> bool:
        """Return whether there is something to write down, or a lease to give back."""
        return self.unrecorded > 0 or self.is_idle

    def put_off(self, lane: Lane, *, until_ms: int, now_ms: int) -> None:
        """Let everybody in a lane wait, without using up an attempt.

        When the TTL is over by then, nobody will be sent: that is settled now, and an execution
        does not stay open for a day because a push service asked for one.
        """
        is_too_late = until_ms >= self.parcel.expires_ms
        for stop in self.lanes.pop(lane, ()):
            if is_too_late:
                self.give_up(stop.index, now_ms=now_ms)
            else:
                self.parcel.retries[stop.index] = Retry(until_ms)
                self.unrecorded += 1

    def await_key(self, lane: Lane, *, now_ms: int) -> None:
        """Let everybody in a lane wait for its key to be released, without using up an attempt.

        Until then, or until the TTL is over, they make their parcel fall due no more.
        """
        self.awaited.add(lane)
        for stop in self.lanes.pop(lane, ()):
            attempt = Attempt(self.made(stop.index), Unanswered.KEY_REFUSED, now_ms)
            self.settle(stop.index, Retry(self.parcel.expires_ms), attempt)

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
    """Return *parcel* ready to be sent: everybody in their lane.

    Settled at once: who has left since the parcel was cut (gone), whose endpoint is none that
    a push may go to (rejected), everybody once the TTL is over, and everybody of a parcel that is
    parked (failed). Who must wait for a
    retry is left for a later lease; who waited for a refused key is here, for it may be released.
    """
    pending = list(parcel.pending())
    consignment = Consignment(
        parcel,
        rendering,
        topic=topic(topic_key, manifest.task_id, 0),
        urgency=Urgency(manifest.order.urgency),
        ttl_s=manifest.order.ttl_s,
        load=len(pending),
        careful=parcel.recoveries > 0,
    )
    for index in pending:
        recipient = manifest.recipients.get(index)
        retry = parcel.retries.get(index)
        if recipient is None:
            consignment.drop(index, Outcome.GONE, Unanswered.LEFT, now_ms=now_ms)
        elif parcel.is_parked:
            consignment.drop(index, Outcome.FAILED, Unanswered.PARKED, now_ms=now_ms)
        elif consignment.has_expired(index, now_ms=now_ms):
            consignment.give_up(index, now_ms=now_ms)
        elif retry is None or retry.not_before_ms <= now_ms or _awaits_key(parcel, index, retry):
            try:
                endpoint = parse(recipient.endpoint, hosts)
            except BadEndpoint:
                consignment.drop(index, Outcome.REJECTED, Unanswered.BAD_ENDPOINT, now_ms=now_ms)
                continue
            if retry is not None and retry.not_before_ms > now_ms:
                del parcel.retries[index]  # whoever does not get to them waits for nothing
            lane = Lane(endpoint.origin, recipient.vapid_key_id)
            stops = consignment.lanes.setdefault(lane, deque())
            stops.append(Stop(index, recipient, endpoint, lane))
    return consignment


def _awaits_key(parcel: Parcel, index: int, retry: Retry) -> bool:
    """Return whether a recipient waits for a refused key to be released, and for nothing else."""
    is_open_end = retry.not_before_ms == parcel.expires_ms
    return is_open_end and parcel.attempt_of(index).answer == Unanswered.KEY_REFUSED
