"""A parcel on its way: everybody is in a lane, waiting, or settled."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.attempt import NO_ATTEMPT, Attempt, Unanswered
from tocsin.domain.execution import Order
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Parcel, Retry
from tocsin.domain.subscription import Recipient
from tocsin.services.sending import Manifest
from tocsin.webpush.endpoint import PushHosts
from tocsin.workers.consignment import MOST_IN_CARE, Consignment, open_consignment
from tocsin.workers.gates import Lane
from tocsin.workers.rendering import Rendering

DUE_MS = 1_000_000
FCM, MOZILLA = "https://fcm.googleapis.com", "https://updates.push.services.mozilla.com"
MESSAGE: dict[str, Any] = {
    "title": {"en": "Hello", "sr": "Zdravo", "pt-BR": "Olá"},
    "body": {},
    "image": {},
    "landing_url": "https://www.example.com/",
    "icon": None,
    "badge": None,
    "tag": None,
    "actions": [],
    "require_interaction": "0",
    "renotify": "0",
    "silent": "0",
    "vibration": None,
}


def order(ttl_s: int = 60, **more: Any) -> Order:
    shown = {"message": MESSAGE, "targeting": {}, "urgency": "low", "custom_data": None}
    return Order(ttl_s=ttl_s, **{**shown, **more})


def person(index: int, origin: str = FCM) -> Recipient:
    return Recipient(100 + index, "en", f"{origin}/fcm/send/{index}", b"p", b"a", 1, 0)


def opened(
    people: dict[int, Recipient],
    *,
    size: int = 4,
    ttl_s: int = 60,
    now_ms: int = DUE_MS,
    retries: dict[int, Retry] | None = None,
    settled: tuple[int, ...] = (),
    attempts: dict[int, Attempt] | None = None,
    recoveries: int = 0,
    **ordered: Any,
) -> Consignment:
    parcel = Parcel(
        id=1,
        execution_id=2,
        root_id=3,
        fence=4,
        expires_ms=DUE_MS + ttl_s * 1000,
        ordinals=range(100, 100 + size),
        outcomes=bytearray(size),
        retries=dict(retries or {}),
        recoveries=recoveries,
    )
    for index in settled:
        parcel.settle(index, Outcome.ACCEPTED)
    for index, attempt in (attempts or {}).items():
        parcel.note(index, attempt)
    return open_consignment(
        parcel,
        Manifest(task_id=9, order=order(ttl_s, **ordered), recipients=people),
        Rendering(order(ttl_s, **ordered), task_id=9),
        hosts=PushHosts(),
        topic_key=b"k" * 32,
        now_ms=now_ms,
    )


def lanes(one: Consignment) -> dict[str, list[int]]:
    assert {key for _, key in one.lanes} <= {1}
    return {lane.origin: [stop.index for stop in stops] for lane, stops in one.lanes.items()}


def outcomes(one: Consignment) -> list[Outcome]:
    return [Outcome(byte) for byte in one.parcel.outcomes]


def attempts(one: Consignment) -> list[Attempt]:
    return [one.parcel.attempt_of(index) for index in range(len(one.parcel.outcomes))]


def test_everybody_is_in_the_lane_of_their_origin() -> None:
    people = {0: person(0), 1: person(1, MOZILLA), 2: person(2), 3: person(3)}

    one = opened(people, settled=(3,))

    assert lanes(one) == {FCM: [0, 2], MOZILLA: [1]}
    assert (one.urgency, one.unrecorded, one.is_idle) == ("low", 0, False)
    assert len(one.topic) == 32


def test_a_lane_is_of_one_origin_and_one_key() -> None:
    people = {0: person(0), 1: person(1)._replace(vapid_key_id=2), 2: person(2, MOZILLA)}

    one = opened(people, size=3)

    assert {lane: [stop.index for stop in stops] for lane, stops in one.lanes.items()} == {
        Lane(FCM, 1): [0],
        Lane(FCM, 2): [1],
        Lane(MOZILLA, 1): [2],
    }


def test_who_cannot_be_sent_is_settled_at_once() -> None:
    elsewhere = Recipient(102, "en", "https://evil.example/push", b"p", b"a", 1, 0)

    one = opened({0: person(0), 2: elsewhere, 3: person(3)}, settled=(3,))

    assert lanes(one) == {FCM: [0]}
    assert outcomes(one) == [
        Outcome.PENDING,
        Outcome.GONE,
        Outcome.REJECTED,
        Outcome.ACCEPTED,
    ]
    assert attempts(one) == [
        NO_ATTEMPT,
        Attempt(0, Unanswered.LEFT, DUE_MS),
        Attempt(0, Unanswered.BAD_ENDPOINT, DUE_MS),
        NO_ATTEMPT,
    ]
    assert one.unrecorded == 2
    assert one.gone == []


def test_nobody_of_a_parked_parcel_is_sent() -> None:
    one = opened({0: person(0), 1: person(1)}, size=3, settled=(1,), recoveries=4)

    assert (lanes(one), one.is_idle) == ({}, True)
    assert outcomes(one) == [Outcome.FAILED, Outcome.ACCEPTED, Outcome.GONE]
    assert attempts(one)[0] == Attempt(0, Unanswered.PARKED, DUE_MS)


@pytest.mark.parametrize(("recoveries", "has_room"), [(0, True), (1, False)])
def test_of_a_parcel_that_was_taken_over_few_are_on_the_wire(
    recoveries: int, has_room: bool
) -> None:
    one = opened({}, recoveries=recoveries)
    one.on_wire = MOST_IN_CARE - 1
    assert one.room > 0

    one.on_wire += 1
    one.parcel.recoveries = 0  # something of it was recorded

    assert (one.room > 0) is has_room


def test_who_must_wait_is_left_for_a_later_lease() -> None:
    people = {index: person(index) for index in range(3)}
    retries = {0: Retry(DUE_MS + 1), 1: Retry(DUE_MS)}

    one = opened(people, size=3, retries=retries, attempts={1: Attempt(1, 503, 1000)})

    assert lanes(one) == {FCM: [1, 2]}
    assert (one.made(1), one.made(2)) == (1, 0)


@pytest.mark.parametrize(
    ("ttl_s", "late_ms", "tried", "outcome"),
    [
        pytest.param(60, 59_999, False, None, id="in its last millisecond"),
        pytest.param(60, 60_000, False, Outcome.EXPIRED, id="over"),
        pytest.param(60, 60_000, True, Outcome.FAILED, id="over, and tried before"),
        pytest.param(0, 0, False, None, id="ttl 0: one attempt"),
        pytest.param(0, 9000, False, None, id="ttl 0: one attempt, however late"),
        pytest.param(0, 9000, True, Outcome.FAILED, id="ttl 0: and no other"),
    ],
)
def test_the_ttl(ttl_s: int, late_ms: int, tried: bool, outcome: Outcome | None) -> None:
    retries = {0: Retry(DUE_MS)} if tried else {}
    tries = {0: Attempt(1, 503, 1000)} if tried else {}
    now_ms = DUE_MS + late_ms

    one = opened(
        {0: person(0)}, size=1, ttl_s=ttl_s, now_ms=now_ms, retries=retries, attempts=tries
    )

    assert lanes(one) == ({FCM: [0]} if outcome is None else {})
    assert outcomes(one) == [outcome or Outcome.PENDING]
    if outcome is not None:
        answer = 503 if tried else Unanswered.OUT_OF_TIME
        assert attempts(one) == [Attempt(int(tried), answer, now_ms // 1000 * 1000)]


def test_a_lane_that_is_put_off_waits_without_using_up_an_attempt() -> None:
    people = {0: person(0), 1: person(1, MOZILLA), 2: person(2)}
    tries = {2: Attempt(3, 503, 1000)}
    one = opened(people, size=3, retries={2: Retry(DUE_MS)}, attempts=tries)

    one.put_off(Lane(FCM, 1), until_ms=DUE_MS + 5000, now_ms=DUE_MS)

    assert lanes(one) == {MOZILLA: [1]}
    assert one.parcel.retries == {0: Retry(DUE_MS + 5000), 2: Retry(DUE_MS + 5000)}
    assert attempts(one) == [NO_ATTEMPT, NO_ATTEMPT, Attempt(3, 503, 1000)]
    assert one.unrecorded == 2
    assert outcomes(one) == [Outcome.PENDING] * 3


def test_who_would_wait_past_the_ttl_is_given_up_now() -> None:
    tries = {1: Attempt(1, 429, 1000)}
    one = opened({0: person(0), 1: person(1)}, size=2, retries={1: Retry(DUE_MS)}, attempts=tries)

    one.put_off(Lane(FCM, 1), until_ms=DUE_MS + 60_000, now_ms=DUE_MS)

    assert outcomes(one) == [Outcome.EXPIRED, Outcome.FAILED]
    assert (one.parcel.retries, one.is_idle) == ({}, True)
    assert attempts(one) == [
        Attempt(0, Unanswered.OUT_OF_TIME, DUE_MS),
        Attempt(1, 429, DUE_MS),
    ]


def test_who_waits_for_a_key_waits_until_the_ttl_is_over_without_using_up_an_attempt() -> None:
    people = {0: person(0), 1: person(1, MOZILLA), 2: person(2)}
    one = opened(people, size=3, attempts={2: Attempt(1, 403, 1000)})

    one.await_key(Lane(FCM, 1), now_ms=DUE_MS)

    assert lanes(one) == {MOZILLA: [1]}
    assert one.parcel.retries == {0: Retry(DUE_MS + 60_000), 2: Retry(DUE_MS + 60_000)}
    assert attempts(one) == [Attempt(0, 8, DUE_MS), NO_ATTEMPT, Attempt(1, 8, DUE_MS)]
    assert (one.awaited, one.unrecorded) == ({Lane(FCM, 1)}, 2)
    assert outcomes(one) == [Outcome.PENDING] * 3


AWAITING = {0: Retry(DUE_MS + 60_000)}
REFUSED = {0: Attempt(0, Unanswered.KEY_REFUSED, 1000)}


def test_who_waited_for_a_key_is_taken_along_at_the_next_lease() -> None:
    one = opened({0: person(0)}, size=1, retries=AWAITING, attempts=REFUSED)

    assert lanes(one) == {FCM: [0]}
    one.abandon()
    assert one.parcel.next_due_ms() == 0, "and waits no more if nobody gets to them"


@pytest.mark.parametrize(
    ("retry", "attempt"),
    [
        pytest.param(DUE_MS + 60_000, Attempt(1, 503, 1000), id="another answer"),
        pytest.param(DUE_MS + 5000, REFUSED[0], id="put off since"),
    ],
)
def test_who_waits_for_something_else_is_left(retry: int, attempt: Attempt) -> None:
    one = opened({0: person(0)}, size=1, retries={0: Retry(retry)}, attempts={0: attempt})

    assert lanes(one) == {}
    assert one.parcel.retries == {0: Retry(retry)}


@pytest.mark.parametrize("ttl_s", [0, 60])
@pytest.mark.parametrize("made", [0, 1])
def test_who_waited_for_a_key_until_the_ttl_was_over_is_given_up(ttl_s: int, made: int) -> None:
    expires_ms = DUE_MS + ttl_s * 1000

    one = opened(
        {0: person(0)},
        size=1,
        ttl_s=ttl_s,
        now_ms=expires_ms,
        retries={0: Retry(expires_ms)},
        attempts={0: Attempt(made, Unanswered.KEY_REFUSED, 1000)},
    )

    assert outcomes(one) == [Outcome.FAILED if made else Outcome.EXPIRED]
    assert attempts(one)[0].answer == Unanswered.KEY_REFUSED


def test_an_abandoned_parcel_keeps_everybody_pending() -> None:
    one = opened({0: person(0), 1: person(1, MOZILLA)}, size=2)
    one.on_wire = 1

    one.abandon()

    assert (one.lanes, one.is_idle) == ({}, False)
    assert list(one.parcel.pending()) == [0, 1]


PLACES = st.sampled_from(["left", "fcm", "mozilla", "nowhere", "waits", "settled"])


@given(st.lists(PLACES, min_size=1, max_size=30), st.booleans())
def test_everybody_is_in_one_place(places: list[str], is_over: bool) -> None:
    origins = {"mozilla": MOZILLA, "nowhere": "https://evil.example"}
    one = opened(
        {
            index: person(index, origins.get(place, FCM))
            for index, place in enumerate(places)
            if place not in ("left", "settled")
        },
        size=len(places),
        now_ms=DUE_MS + 60_000 * is_over,
        retries={i: Retry(DUE_MS + 90_000) for i, place in enumerate(places) if place == "waits"},
        settled=tuple(i for i, place in enumerate(places) if place == "settled"),
    )

    sent = {stop.index for lane in one.lanes.values() for stop in lane}
    waiting = {index for index in one.parcel.pending() if index in one.parcel.retries}
    final = {index for index, byte in enumerate(one.parcel.outcomes) if byte}
    assert sent | waiting | final == set(range(len(places)))
    assert len(sent) + len(waiting) + len(final) == len(places)
    known = {index for index, one in enumerate(attempts(one)) if one != NO_ATTEMPT}
    assert known == {index for index in final if places[index] != "settled"}
