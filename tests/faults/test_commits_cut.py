"""A connection that is cut in the very moment of a COMMIT: nobody knows what was done (F12)."""

import random
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from scene import Scene
from sqlalchemy import func, select

from tocsin.store.tables import subscriber
from wires import Cut, Wire

pytestmark = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)

PEOPLE = 2_000
CUTS = 4
KEY = "5b0a9d6e-4d6c-4f51-9a6f-6d4f1c1f8c11"
TASK = {
    "name": "Once",
    "message": {"title": {"en": "Once"}, "landing_url": "https://www.example.com/"},
}


@pytest.fixture
def wire(scene: Scene) -> Iterator[Wire]:
    """Return the way that the programs under test take to the database."""
    place = urlsplit(scene.url)
    with Wire.to("127.0.0.1", place.port or 0) as wire:
        scene.url = place._replace(netloc=f"tocsin@127.0.0.1:{wire.port}").geturl()
        yield wire


def test_what_a_sender_does_not_know_to_be_written_is_neither_lost_nor_done_twice(
    scene: Scene, wire: Wire
) -> None:
    push_service = scene.start_push_service()
    scene.subscribe(push_service.origin, PEOPLE)
    gone = {"modulo": 10}
    push_service.behave({"subscribers": gone, "answer": 410}, {"delay_ms": 20})
    wire.cuts.append(Cut.BEFORE)  # a lease; one cut after it waits ten seconds
    sender = scene.start_sender()
    task_id = scene.order()
    push_service.await_received(PEOPLE // 8)
    records = random.sample([*Cut] * (CUTS // 2), CUTS)
    print(*records, sep=", ")
    wire.cuts.extend(records)

    counters = scene.until_over(task_id)

    assert not wire.cuts
    assert sender.output.count("loop=sender") == 1 + CUTS
    assert counters["push_unsubscriptions"] == PEOPLE // 10
    assert counters["delivered"] == PEOPLE - PEOPLE // 10
    attempts = push_service.lines("attempts")
    assert {len(line["attempts"]) for line in attempts.values()} == {1}, "no cut repeats anything"
    assert attempts.keys() == set(range(PEOPLE))
    with scene.program.database.read() as connection:
        still = select(func.count()).select_from(subscriber).where(subscriber.c.active)
        assert connection.scalar(still) == PEOPLE - PEOPLE // 10
    assert "parcel_parked" not in sender.output


@pytest.mark.parametrize("cut", Cut)
def test_an_order_whose_answer_was_lost_is_repeated_under_its_key_and_there_once(
    scene: Scene, wire: Wire, cut: Cut
) -> None:
    web = scene.start_web()
    path = "/v1/hood/push-tasks"
    web.ask("GET", path)
    wire.cuts.append(cut)

    status, headers, _ = web.ask("POST", path, TASK, Idempotency_Key=KEY)
    assert (status, headers["Retry-After"] is not None, list(wire.cuts)) == (503, True, [])
    status, _, made = web.ask("POST", path, TASK, Idempotency_Key=KEY)
    assert status == 201
    assert [item["id"] for item in web.ask("GET", path)[2]["items"]] == [made["id"]]
