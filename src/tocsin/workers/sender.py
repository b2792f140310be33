"""The sending room: leases parcels, encrypts, pushes, and writes down what became of everybody."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tocsin.domain.attempt import Attempt, Unanswered
from tocsin.domain.errors import Unavailable
from tocsin.domain.keyring import Keyring
from tocsin.domain.message_token import MessageRef, mint
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import PARCEL_SIZE, Parcel
from tocsin.services.sending import HOLD_MS, ROOM, Entry, Manifest, Sending, Standing
from tocsin.telemetry.events import Event, Telemetry
from tocsin.webpush.answer import Answer, read
from tocsin.webpush.encryption import BadSubscriptionKeys, PlaintextTooLarge, encrypt
from tocsin.webpush.endpoint import Endpoint, PushHosts
from tocsin.webpush.request import headers
from tocsin.webpush.vapid import Authorizations
from tocsin.workers.bells import Bells, News
from tocsin.workers.consignment import Consignment, Stop, open_consignment
from tocsin.workers.decision import code_of, decide, used_up, was_refused
from tocsin.workers.gates import Gates, Lane
from tocsin.workers.loop import Clock, Rest, run_loop
from tocsin.workers.refusals import Refusals
from tocsin.workers.rendering import Renderings
from tocsin.workers.signers import Signers

MOST_IN_HAND: Final = 512
"""Parcels held at a time, however small: new ones are leased when half of the hand is free."""

RECORD_EVERY_MS: Final = 250
RECORD_EVERY: Final = 256
NET_S: Final = 2.0
"""How long an idle sender rests at most. A parcel that another sender gives back is not told."""

HELD_UP_S: Final = 0.1
"""How long to leave alone parcels that are due, but in the hands of another worker."""

HEED_EVERY_MS: Final = 500
"""How often it is asked what may be sent: of which executions, and under which keys."""

LAST_ANSWERS_MS: Final = 10_000
_WAIT_MS: Final = 50


_OnWire: TypeAlias = tuple[Consignment, Stop, tuple[int, int]]
"""A request: whose, and of which rounds of its gates."""


class PushClient(Protocol):
    """Many requests on the wire at once, driven by one thread."""

    @property
    def in_flight(self) -> int: ...
    def submit(
        self, endpoint: Endpoint, headers: tuple[str, ...], body: bytes, tag: _OnWire
    ) -> None: ...
    def wait(self, timeout_ms: int) -> Iterable[tuple[_OnWire, Answer]]: ...


class Entropy(Protocol):
    """Fresh keys, salts and jitter."""

    def token_bytes(self, count: int, /) -> bytes: ...
    def draw(self) -> float: ...
    def p256_key(self) -> EllipticCurvePrivateKey: ...


class Sender:
    """One sender process. Any number may run, on any number of machines.

    Nothing of value is in its memory: a parcel's outcomes are on the disk at the latest
    RECORD_EVERY_MS or RECORD_EVERY outcomes after they are known, and the lease of a killed
    sender ends by itself. What was on the wire is then sent once more, under the same Topic.
    So what nobody foresaw ends the process too: of what is in hand it leaves nobody knows what.
    """

    def __init__(
        self,
        sending: Sending,
        client: PushClient,
        *,
        hosts: PushHosts,
        keyring: Keyring,
        bells: Bells,
        clock: Clock,
        entropy: Entropy,
        telemetry: Telemetry,
        subject: str,
    ) -> None:
        self._sending = sending
        self._client = client
        self._hosts = hosts
        self._keyring = keyring
        self._bell = bells.hang(News.EXECUTIONS, News.PARCELS)
        self._clock = clock
        self._entropy = entropy
        self._telemetry = telemetry
        self._authorizations = Authorizations(subject=subject)
        self._signers = Signers(sending, keyring)
        self._renderings = Renderings()
        self._gates = Gates()
        self._refusals = Refusals()
        self._unopened: Sequence[Parcel] = ()  # leased, and then the database went away
        self._in_hand: list[Consignment] = []
        self._heed_at_ms = 0

    def run(self, stop: threading.Event) -> None:
        """Send due parcels until *stop*; then finish what is on the wire and give leases back."""
        self._repeat(self.look, stop)
        for consignment in self._in_hand:
            consignment.abandon()
        patience_ms = self._clock.monotonic_ms() + LAST_ANSWERS_MS
        over = threading.Event()

        def finish() -> None:
            if not self._holds or self._clock.monotonic_ms() >= patience_ms:
                over.set()
                return
            self._collect()
            self._record()

        self._repeat(finish, over)

    def _repeat(self, turn: Callable[[], Rest | None], stop: threading.Event) -> None:
        run_loop(
            "sender",
            turn,
            bell=self._bell,
            stop=stop,
            clock=self._clock,
            telemetry=self._telemetry,
            outlives=Unavailable,
        )

    def look(self) -> Rest | None:
        """Do a round if anything is in hand, or due; return what rest to take if nothing is."""
        if self._holds:
            self.turn()
            return None
        self._collect()  # nothing is awaited: for connections that want an answer themselves
        now_ms, due_ms = self._clock.now_ms(), self._sending.next_due_ms()
        if due_ms is None or due_ms > now_ms:
            return Rest(NET_S, until_ms=due_ms)
        return None if self.turn() else Rest(HELD_UP_S, deaf_s=HELD_UP_S)

    def turn(self) -> bool:
        """Do a round of everything; return whether there was anything to do.

        When the database is away this raises, and what is known stays in hand: the next round
        sends nothing new before it has written that down, for a result that cannot be recorded
        must not be produced.
        """
        self._collect()
        self._record()
        self._heed()
        self._take_parcels()
        self._feed()
        return bool(self._in_hand)

    @property
    def _holds(self) -> bool:
        """Whether there is a lease to be given back in the end."""
        return bool(self._in_hand or self._unopened)

    def _collect(self) -> None:
        for tag, answer in self._client.wait(_WAIT_MS if self._client.in_flight else 0):
            self._take_answer(tag, answer)

    # -- parcels in

    def _take_parcels(self) -> None:
        """Lease what there is room for: a full parcel at least, or half a hand of small ones.

        Nothing beside a parcel that was taken over and of which nothing is recorded yet.
        """
        held = len(self._in_hand)
        room = ROOM - sum(one.load for one in self._in_hand)
        is_full = room < PARCEL_SIZE or 2 * held > MOST_IN_HAND
        if is_full or any(one.parcel.recoveries for one in self._in_hand):
            return
        now_ms = self._clock.now_ms()
        parcels, parked = self._sending.lease(
            now_ms=now_ms, limit=MOST_IN_HAND - held, room=room, beside=held > 0
        )
        for one in parked:
            self._telemetry.emit(Event.PARCEL_PARKED, parcel=one.id, execution=one.execution_id)
        if not parcels:
            return
        self._unopened = parcels
        manifests = zip(parcels, self._sending.manifests(parcels), strict=True)
        self._in_hand += [self._open(parcel, one, now_ms) for parcel, one in manifests]
        self._unopened = ()

    def _open(self, parcel: Parcel, manifest: Manifest, now_ms: int) -> Consignment:
        self._signers.load({one.vapid_key_id for one in manifest.recipients.values()})
        consignment = open_consignment(
            parcel,
            manifest,
            self._renderings.of(parcel.execution_id, manifest.order, task_id=manifest.task_id),
            hosts=self._hosts,
            topic_key=self._keyring.topic,
            now_ms=now_ms,
        )
        consignment.recorded_at_ms = self._clock.monotonic_ms()
        return consignment

    def _give_back_unopened(self) -> None:
        """Give back what was never opened, else it would look as if its holder had fallen."""
        if self._unopened:
            now_ms = self._clock.now_ms()
            self._sending.record([Entry(one, now_ms, keep=False) for one in self._unopened])
            self._unopened = ()

    # -- requests out

    def _feed(self) -> None:
        now_ms = self._clock.now_ms()
        for consignment in self._in_hand:
            for lane in list(consignment.lanes):
                self._feed_lane(consignment, lane, now_ms)

    def _feed_lane(self, consignment: Consignment, lane: Lane, now_ms: int) -> None:
        """Send who is in a lane, as far as its gates let; nobody who is overtaken."""
        if consignment.is_overtaken(now_ms=now_ms):
            consignment.lanes.pop(lane, None)
            return
        if self._refusals.is_refused(lane):
            consignment.await_key(lane, now_ms=now_ms)
            return
        closed_until_ms = self._gates.closed_until_ms(lane)
        if closed_until_ms > now_ms:
            jitter_ms = int(self._entropy.draw() * 1000)
            consignment.put_off(lane, until_ms=closed_until_ms + jitter_ms, now_ms=now_ms)
            return
        stops = consignment.lanes[lane]
        lines = self._headers(consignment, lane, now_ms)
        for _ in range(min(len(stops), consignment.room, self._gates.room(lane))):
            self._push(consignment, stops.popleft(), lines, now_ms)
        if not stops:
            del consignment.lanes[lane]

    def _headers(self, consignment: Consignment, lane: Lane, now_ms: int) -> tuple[str, ...]:
        """Return the header lines of every push in a lane, as of now."""
        left_s = max(0, consignment.parcel.expires_ms - now_ms) // 1000
        return headers(
            authorization=self._authorizations.value(
                lane.origin, self._signers[lane.vapid_key_id], now_ms=now_ms
            ),
            ttl_s=min(consignment.ttl_s, left_s),
            urgency=consignment.urgency,
            topic=consignment.topic,
        )

    def _push(
        self, consignment: Consignment, stop: Stop, lines: tuple[str, ...], now_ms: int
    ) -> None:
        parcel, recipient = consignment.parcel, stop.recipient
        if consignment.has_expired(stop.index, now_ms=now_ms):
            consignment.give_up(stop.index, now_ms=now_ms)
            return
        token = mint(
            self._keyring.message_token,
            MessageRef(parcel.execution_id, recipient.ordinal),
            expires_ms=parcel.expires_ms,
        )
        try:
            body = encrypt(
                consignment.rendering.render(recipient, token, now_ms=now_ms),
                p256dh=recipient.p256dh,
                auth=recipient.auth,
                sender_key=self._entropy.p256_key(),
                salt=self._entropy.token_bytes(16),
            )
        except (BadSubscriptionKeys, PlaintextTooLarge) as error:
            is_large = isinstance(error, PlaintextTooLarge)
            why = Unanswered.TOO_LARGE if is_large else Unanswered.BAD_KEYS
            consignment.drop(stop.index, Outcome.REJECTED, why, now_ms=now_ms)
            return
        tag = (consignment, stop, self._gates.sent(stop.lane))
        self._client.submit(stop.endpoint, lines, body, tag)
        consignment.on_wire += 1

    # -- answers in

    def _take_answer(self, tag: _OnWire, answer: Answer) -> None:
        consignment, stop, of_rounds = tag
        now_ms = self._clock.now_ms()
        verdict = read(answer, host=stop.endpoint.host, now_ms=now_ms)
        self._gates.answered(
            stop.lane, verdict, of_rounds=of_rounds, now_ms=now_ms, multiplexed=answer.multiplexed
        )
        consignment.on_wire -= 1
        last = consignment.parcel.attempt_of(stop.index)
        made, again = last.attempts, was_refused(last)
        self._refusals.answered(stop.lane, verdict.kind, status=answer.status, again=again)
        decision = decide(
            verdict,
            made=made,
            now_ms=now_ms,
            expires_ms=consignment.parcel.expires_ms,
            draw=self._entropy.draw(),
            refusal_is_theirs=again and not self._refusals.is_doubted(stop.lane),
        )
        attempt = Attempt(used_up(verdict, made=made), code_of(answer), now_ms)
        consignment.settle(stop.index, decision, attempt)
        if decision is Outcome.GONE:
            consignment.gone.append((stop.recipient.ordinal, stop.recipient.generation))

    def _heed(self) -> None:
        """Drop what may not be sent any more: who waits in hand hears of a pause in time."""
        self._tell_refusals()
        at_ms = self._clock.monotonic_ms()
        if at_ms < self._heed_at_ms:
            return
        waiting = [one for one in self._in_hand if one.lanes]
        heeded = self._sending.heed({one.parcel.execution_id for one in waiting})
        self._heed_at_ms = at_ms + HEED_EVERY_MS
        self._refusals.heard(heeded.refused)
        for consignment in waiting:
            if consignment.parcel.execution_id not in heeded.sendable:
                consignment.abandon()

    def _tell_refusals(self) -> None:
        if not self._refusals.untold:
            return
        added = self._sending.refuse(self._refusals.untold, now_ms=self._clock.now_ms())
        self._refusals.told()
        for one in added:
            self._telemetry.emit(
                Event.KEY_REFUSED, container=one.container_id, origin=one.origin, status=one.status
            )

    def _record(self) -> None:
        """Write down what is known, before it is more than a kill may cost."""
        self._give_back_unopened()
        at_ms = self._clock.monotonic_ms()
        if not self._must_record(at_ms):
            return
        told = [one for one in self._in_hand if one.has_news or _must_renew(one, at_ms)]
        ours = [one for one in told if one.ours]
        standings = self._sending.record([self._entry(one) for one in ours]) if ours else []
        for consignment in told:
            consignment.given_back = consignment.is_idle
            consignment.unrecorded = consignment.parcel.recoveries = 0
            consignment.gone = []
            consignment.recorded_at_ms = at_ms
        for consignment, standing in zip(ours, standings, strict=True):
            self._take_standing(consignment, standing)
        self._in_hand = [one for one in self._in_hand if not one.given_back]

    def _must_record(self, at_ms: int) -> bool:
        """Return whether news must be written now, or room be made for the next parcels."""
        idle = [one.load for one in self._in_hand if one.is_idle]
        return (
            bool(idle and len(idle) == len(self._in_hand))
            or sum(idle) >= PARCEL_SIZE
            or sum(one.unrecorded for one in self._in_hand) >= RECORD_EVERY
            or any(
                _must_renew(one, at_ms)
                or (one.has_news and at_ms - one.recorded_at_ms >= RECORD_EVERY_MS)
                or (one.has_news and one.careful)
                for one in self._in_hand
            )
        )

    def _entry(self, consignment: Consignment) -> Entry:
        now_ms = self._clock.now_ms()
        due_ms = now_ms + HOLD_MS
        if consignment.is_idle:
            due_ms = max(now_ms, consignment.parcel.next_due_ms() or 0)
        return Entry(
            consignment.parcel,
            due_ms,
            keep=not consignment.is_idle,
            gone=consignment.gone,
            awaited=consignment.awaited,
            roused_ms=now_ms,
        )

    def _take_standing(self, consignment: Consignment, standing: Standing) -> None:
        """Send no further what was lost or has paused; of the lost nothing more is written.

        What waited for a key that has been released is taken again, once this sender knows it too.
        """
        parcel = consignment.parcel
        consignment.ours = standing.ours
        if standing.roused:
            self._heed_at_ms = 0
        if not standing.ours:
            self._telemetry.emit(Event.LEASE_LOST, parcel=parcel.id, execution=parcel.execution_id)
        if not (standing.ours and standing.sendable):
            consignment.abandon()


def _must_renew(consignment: Consignment, at_ms: int) -> bool:
    return at_ms - consignment.recorded_at_ms >= HOLD_MS // 3
