"""The sender at work on a real store: what it puts on the wire, and what it writes down."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import update
from wire import Listening, Wire, addressed, cut, go_on, send, sender
from world import DyingStore, KilledError, World, enrolment

from tocsin.domain.account import Account
from tocsin.domain.adex import Adex
from tocsin.domain.attempt import Attempt, Unanswered
from tocsin.domain.container import Container
from tocsin.domain.errors import Unavailable
from tocsin.domain.message import Message
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import MOST_RECOVERIES
from tocsin.services.sending import HOLD_MS, Sending
from tocsin.store.tables import parcel, subscription
from tocsin.telemetry.events import Event
from tocsin.webpush.answer import Answer, Failure
from tocsin.webpush.encryption import decrypt
from tocsin.workers.gates import FIRST_WINDOW
from tocsin.workers.sender import HEED_EVERY_MS, RECORD_EVERY_MS

URL = "https://www.example.com/"


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


@pytest.fixture
def site(world: World, owner: Account) -> Container:
    """Return the tenant's site."""
    return world.container(owner)


def test_each_recipient_reads_their_own_values(
    world: World, owner: Account, site: Container
) -> None:
    browser = world.entropy.p256_key()
    point = browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    people: list[dict[str, Any]] = [
        {"language": "sr", "country": "RS", "user_data": {"name": 'Ana "A" \u2028', "n": [1, 2]}},
        {"language": "en", "time_zone": "Europe/Belgrade", "user_data": {"name": None}},
    ]
    joined = [enrolment(site, number, **given) for number, given in enumerate(people)]
    ids = [
        one.id
        for one in world.register(
            *(replace(one, registration=replace(one.registration, p256dh=point)) for one in joined)
        )
    ]
    world.clock.forward(2 * 86_400_000)
    wire = Wire({})
    message = Message(
        title={"en": "Hi ${user_data.name|friend}", "sr": "Zdravo ${user_data.name|druže}"},
        body={"en": "${OCMH_CAMPAIGN_NAME} ${user_data.n|none} ${OCMH_PROFILE_AGE}"},
        image={},
        landing_url=URL
        + "?c=${OCMH_CLICK_ID}&p=${OCMH_PROFILE_ID}&z=${OCMH_PROFILE_TIMEZONE}"
        + "&t=${OCMH_CONTAINER_TYPE}&s=${OCMH_UTM_SOURCE}&l=${OCMH_PROFILE_COUNTRY_CODE}",
    )

    send(world, owner, wire, message=message)

    read = [
        json.loads(decrypt(body, receiver_key=browser, auth=number.to_bytes(16, "big")))
        for number, body in sorted(wire.bodies.items())
    ]
    assert [one["title"] for one in read] == ['Zdravo Ana "A" \u2028', "Hi friend"]
    assert [one["options"]["body"] for one in read] == ["Spring sale 1,2 2", "Spring sale none 2"]
    assert [one["url"] for one in read] == [
        f"{URL}?c={read[0]['token']}&p={ids[0]}&z=&t=web&s=www.example.com&l=RS",
        f"{URL}?c={read[1]['token']}&p={ids[1]}&z=Europe%2FBelgrade&t=web&s=www.example.com&l=RS",
    ]


def test_what_could_not_be_read_is_given_back_and_nobody_is_blamed(
    world: World, owner: Account, site: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away between a lease and the reading of whom it is for."""
    world.join(site, 0)
    found = cut(world, owner)
    wire = Wire({})
    one = sender(world, wire)

    def away(*_: object) -> None:
        raise Unavailable("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(world.sending, "manifests", away)
        with pytest.raises(Unavailable):
            one.turn()
        patched.setattr(world.sending, "record", away)
        with pytest.raises(Unavailable):
            one.turn()
    go_on(one)

    assert addressed(world, found, 0).outcome is Outcome.ACCEPTED
    (row,) = world.rows(parcel)
    assert (row.recoveries, row.lease_ms) == (0, None)


def test_what_became_of_everybody_is_written_down(
    world: World, owner: Account, site: Container
) -> None:
    answers = {
        0: [Answer(201)],
        1: [Answer(410)],
        2: [Answer(400)],
        3: [Answer(503), Answer(201)],
        4: [Answer(0, failure=Failure.AMBIGUOUS)],
        5: [Answer(429, retry_after="7200")],
    }
    world.register(*(enrolment(site, number) for number in range(7)))
    with world.database.write() as connection:
        connection.execute(
            update(subscription).where(subscription.c.ordinal == 6).values(auth=b"too short")
        )
    wire = Wire(answers)
    started_ms = world.clock.now_ms()

    found = send(world, owner, wire)

    first = [addressed(world, found, number) for number in range(7)]
    assert [one.outcome for one in first] == [
        Outcome.ACCEPTED,
        Outcome.GONE,
        Outcome.REJECTED,
        Outcome.PENDING,
        Outcome.PENDING,
        Outcome.EXPIRED,
        Outcome.REJECTED,
    ]
    assert [one.attempt for one in first] == [
        Attempt(1, 201, started_ms),
        Attempt(1, 410, started_ms),
        Attempt(1, 400, started_ms),
        Attempt(1, 503, started_ms),
        Attempt(1, Unanswered.CUT_OFF, started_ms),
        Attempt(0, 429, started_ms),
        Attempt(0, Unanswered.BAD_KEYS, started_ms),
    ]


def test_a_retry_of_another_sender_goes_on_counting(
    world: World, owner: Account, site: Container
) -> None:
    world.join(site, 0)
    wire = Wire({0: [Answer(503), Answer(503), Answer(201)]})
    found = send(world, owner, wire)

    for _ in range(2):
        world.clock.forward(20_000)
        go_on(sender(world, wire))

    one = addressed(world, found, 0)
    assert (one.outcome, one.due_ms) == (Outcome.ACCEPTED, None)
    assert one.attempt == Attempt(3, 201, world.clock.now_ms())


def fall(world: World, wire: Wire, *, times: int) -> None:
    """Let senders take what is due, push, and end without having written anything down."""
    for _ in range(times):
        sender(world, wire).turn()
        wire.cut_off()
        world.clock.forward(HOLD_MS)


def test_what_fells_sender_after_sender_is_parked_and_told_of(
    world: World, owner: Account, site: Container
) -> None:
    world.join(site, 0)
    wire = Wire({})
    wire.holds_back = True
    telemetry = Listening()
    cut(world, owner)

    fall(world, wire, times=MOST_RECOVERIES + 1)
    go_on(sender(world, wire, telemetry=telemetry))

    (row,) = world.rows(parcel)
    assert telemetry.heard == [
        (Event.PARCEL_PARKED, {"parcel": row.id, "execution": row.execution_id})
    ]
    assert wire.sent == MOST_RECOVERIES + 1
    assert (row.pending, row.due_ms, row.lease_ms) == (1, row.expires_ms, None)


def test_a_sender_that_wrote_something_down_was_not_felled(
    world: World, owner: Account, site: Container
) -> None:
    for number in range(2):
        world.join(site, number)
    wire = Wire({0: [Answer(503)], 1: [Answer(503)]})
    wire.holds_back = True
    cut(world, owner)
    fall(world, wire, times=MOST_RECOVERIES)
    assert world.rows(parcel)[0].recoveries == MOST_RECOVERIES - 1, "the first fell over nothing"

    wire.holds_back = False
    last = sender(world, wire)
    while not world.rows(parcel)[0].attempts:
        last.turn()

    assert world.rows(parcel)[0].recoveries == 0


def test_beside_what_was_taken_over_nothing_is_taken_until_something_is_known_of_it(
    world: World, owner: Account, site: Container
) -> None:
    for number in range(2):
        world.join(site, number)
    wire = Wire({})
    wire.holds_back = True
    cut(world, owner)
    fall(world, wire, times=1)
    last = sender(world, wire)
    last.turn()
    cut(world, owner)
    last.turn()
    assert wire.sent == 4, "the fresh parcel waits"

    wire.holds_back = False
    wire.silent = frozenset({0})
    last.turn()
    assert world.rows(parcel)[0].pending == 1, "the first that is known is written down at once"
    assert wire.sent == 6


def test_what_was_taken_over_is_written_down_answer_by_answer(
    world: World, owner: Account, site: Container
) -> None:
    for number in range(3):
        world.join(site, number)
    wire = Wire({})
    wire.holds_back = True
    cut(world, owner)
    fall(world, wire, times=1)
    last = sender(world, wire)
    last.turn()
    wire.holds_back = False

    for silent, pending in (({0, 1}, 2), ({0}, 1), (set(), 0)):
        wire.silent = frozenset(silent)
        last.turn()
        assert world.rows(parcel)[0].pending == pending


def test_who_has_something_in_hand_takes_nothing_over(
    world: World, owner: Account, site: Container
) -> None:
    world.join(site, 0)
    wire = Wire({})
    wire.holds_back = True
    cut(world, owner)
    sender(world, wire).turn()
    wire.cut_off()
    last = sender(world, wire)
    cut(world, owner)
    last.turn()
    world.clock.forward(HOLD_MS)
    last.turn()
    assert wire.sent == 2, "what has lapsed waits"

    wire.holds_back = False
    go_on(last)
    assert [row.pending for row in world.rows(parcel)] == [0, 0]


def test_a_person_whose_values_do_not_fit_is_rejected_alone(
    world: World, owner: Account, site: Container
) -> None:
    world.join(site, 0, user_data={"a": ["x" * 250] * 20})
    world.join(site, 1, user_data={"a": "x"})
    wire = Wire({})
    message = Message(title={"en": "${user_data.a|}"}, body={}, image={}, landing_url=URL)

    found = send(world, owner, wire, message=message)

    assert addressed(world, found, 0).attempt.answer == Unanswered.TOO_LARGE
    assert [addressed(world, found, number).outcome for number in (0, 1)] == [
        Outcome.REJECTED,
        Outcome.ACCEPTED,
    ]


@pytest.mark.parametrize("has_fallback", [True, False])
def test_a_draw_is_sent_with_its_fallback_and_without(
    world: World, owner: Account, site: Container, has_fallback: bool
) -> None:
    world.join(site, 0)
    wire = Wire({})
    fallback = Message(title={"en": "${OCMH_PROFILE_ID}"}, body={}, image={}, landing_url=URL)

    found = send(
        world,
        owner,
        wire,
        message=None,
        adex=Adex(zone_id="1", fallback=fallback if has_fallback else None),
    )

    one = addressed(world, found, 0)
    assert len(wire.bodies) == 1
    assert one.outcome is Outcome.ACCEPTED


def order_small(world: World, owner: Account, site: Container, count: int) -> list[int]:
    """Order so many executions of one parcel for everybody, who is one; return their tasks."""
    world.join(site, 0)
    tasks = [world.order(owner) for _ in range(count)]
    world.plan()
    world.cut_all()
    return tasks


def test_small_parcels_share_their_transactions(
    world: World, owner: Account, site: Container
) -> None:
    order_small(world, owner, site, 40)
    wire, store = Wire({}), DyingStore(world.store, ())

    go_on(sender(world, wire, Sending(store)))

    assert [bytes(row.outcomes) for row in world.rows(parcel)] == [b"\1"] * 40
    assert wire.sent == 40
    assert store.turn <= 4, "a lease, a record, and looks for more"


def test_a_hand_holds_no_more_than_its_most(
    world: World, owner: Account, site: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.workers.sender.MOST_IN_HAND", 4)
    order_small(world, owner, site, 6)
    wire = Wire({})
    wire.holds_back = True
    one = sender(world, wire)

    one.turn()
    one.turn()

    assert sum(row.lease_ms is not None for row in world.rows(parcel)) == wire.sent == 4
    wire.holds_back = False
    go_on(one)
    assert wire.sent == 6


def test_who_waits_in_hand_hears_of_a_pause(world: World, owner: Account, site: Container) -> None:
    tasks = order_small(world, owner, site, FIRST_WINDOW + 8)
    wire = Wire({})
    wire.holds_back = True
    one = sender(world, wire)
    one.turn()

    for task_id in tasks:
        world.commands.pause(owner.scope, task_id, now_ms=world.clock.now_ms())
    world.clock.forward(HEED_EVERY_MS)
    wire.holds_back = False
    go_on(one)

    assert wire.sent == FIRST_WINDOW
    rows = world.rows(parcel)
    assert sum(row.accepted for row in rows) == FIRST_WINDOW
    assert {(row.pending, row.lease_ms) for row in rows} == {(0, None), (1, None)}


@pytest.mark.parametrize("parcels", [1, FIRST_WINDOW + 8])
def test_what_cannot_be_written_down_is_kept_and_nothing_more_is_sent(
    world: World, owner: Account, site: Container, parcels: int
) -> None:
    people = FIRST_WINDOW + 8
    world.register(*(enrolment(site, number) for number in range(people // parcels)))
    order_small(world, owner, site, parcels)
    wire = Wire({})
    one = sender(world, wire, Sending(DyingStore(world.store, (2, 3))))
    one.turn()
    world.clock.forward(RECORD_EVERY_MS)

    for _ in range(2):
        with pytest.raises(KilledError):
            one.turn()

    assert wire.sent == FIRST_WINDOW
    assert sum(row.pending for row in world.rows(parcel)) == people
    wire.holds_back = True
    one.turn()
    assert sum(row.accepted for row in world.rows(parcel)) == FIRST_WINDOW
    wire.holds_back = False
    go_on(one)
    assert sum(row.accepted for row in world.rows(parcel)) == people
    assert wire.sent == people
