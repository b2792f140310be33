"""How many draws ask at once, and what is asked within the time there is."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Final

from doubles import START_MS, FakeClock
from loops import run
from tocsin.domain.adex import Adex
from tocsin.domain.draw import Ad, DrawRef, Why
from tocsin.exchange.answers import Got
from tocsin.exchange.question import Ask, Source
from tocsin.services.demand import LEAST_MS, MOST_AT_ONCE, Demand, Device
from tocsin.services.drawing import Claim

DEVICE: Final = Device(user_agent="agent", address="192.0.2.1")
EMPTY: Final = Got(200, "application/json", "", b'{"items": []}', None)
CLAIM: Final = Claim(
    ref=DrawRef(1, 2, 0),
    drawn_ms=START_MS,
    task_id=3,
    task_name="Sale",
    custom_data=None,
    adex=Adex(zone_id="5", campaign_ids=("6",), default_campaign_id="7"),
    source=Source("feed", "https://ads.example.com/", {}, 300, None),
    why=None,
    is_counted=False,
    subscriber_id=8,
    language=None,
    host=None,
    user_data={},
    known={},
)


class Client:
    """Answers when it is let, each question after *takes_ms*; notes how long it was given."""

    def __init__(self, clock: FakeClock, *, takes_ms: int = 0) -> None:
        self.clock = clock
        self.takes_ms = takes_ms
        self.may_answer = asyncio.Event()
        self.given_ms: list[int] = []

    async def fetch(self, ask: Ask, *, timeout_ms: int) -> Got:
        del ask
        self.given_ms.append(timeout_ms)
        await self.may_answer.wait()
        self.clock.forward(self.takes_ms)
        return EMPTY


def demand(client: Client, told: list[tuple[int, Why]] | None = None) -> Demand:
    def on_rest(zone_id: int, why: Why) -> None:
        (told if told is not None else []).append((zone_id, why))

    return Demand(client, clock=client.clock, new_id=lambda: "name", on_rest=on_rest)


class Crowd:
    """Draws of several zones, none of which is answered until all may be."""

    def __init__(self) -> None:
        self.client = Client(FakeClock())
        self.demand = demand(self.client)
        self.waiting: list[asyncio.Task[tuple[Why, tuple[Ad, ...]]]] = []

    async def asks(self, zone_id: int) -> bool:
        """Return whether one more draw of a zone asks. Whoever does not is told at once."""
        claim = replace(CLAIM, adex=Adex(zone_id=str(zone_id)))
        asking = self.demand.ask(claim, DEVICE, budget_ms=1000)
        draw = asyncio.create_task(asking, name=str(zone_id))
        await asyncio.sleep(0)
        if draw.done():
            assert draw.result() == (Why.SHED, ())
            return False
        self.waiting.append(draw)
        return True

    async def fill(self, zone_id: int) -> int:
        """Return how many draws of a zone ask until one is shed."""
        count = 0
        while await self.asks(zone_id):
            count += 1
        return count

    async def ended(self) -> list[Why]:
        """Return how those that asked ended."""
        self.client.may_answer.set()
        waiting, self.waiting = self.waiting, []
        ended = [why for why, _ in await asyncio.gather(*waiting)]
        self.client.may_answer.clear()
        return ended


def test_half_of_all_ask_one_zone_at_once_and_no_more() -> None:
    async def ask() -> tuple[int, list[Why], int]:
        crowd = Crowd()
        return await crowd.fill(5), await crowd.ended(), await crowd.fill(5)

    half = MOST_AT_ONCE // 2
    assert run(ask()) == (half, [Why.EMPTY] * half, half)


def test_however_many_zones_are_slow_another_is_asked() -> None:
    async def ask() -> tuple[list[int], int]:
        crowd = Crowd()
        for _ in range(MOST_AT_ONCE):  # they come in turn
            for zone_id in (1, 2, 3):
                await crowd.asks(zone_id)
        slow = Counter(task.get_name() for task in crowd.waiting)
        return sorted(slow.values()), await crowd.fill(4)

    quarter = MOST_AT_ONCE // 4
    assert run(ask()) == ([quarter] * 3, quarter // 2)


def test_a_zone_that_was_alone_makes_room_for_one_that_comes() -> None:
    async def ask() -> list[int]:
        crowd = Crowd()
        return [await crowd.fill(zone_id) for zone_id in (1, 2, 3, 1)]

    assert run(ask()) == [MOST_AT_ONCE // 2, MOST_AT_ONCE // 4, MOST_AT_ONCE // 8, 0]


def given(*, takes_ms: int, budget_ms: int, claim: Claim = CLAIM) -> tuple[Why, list[int]]:
    """Return how asking ended, and how long each question was given."""

    async def ask() -> tuple[Why, list[int]]:
        client = Client(FakeClock(), takes_ms=takes_ms)
        client.may_answer.set()
        why, _ = await demand(client).ask(claim, DEVICE, budget_ms=budget_ms)
        return why, client.given_ms

    return run(ask())


def test_the_default_campaign_is_asked_in_what_is_left_of_the_zone_s_time() -> None:
    assert given(takes_ms=100, budget_ms=1000) == (Why.EMPTY, [300, 200])
    assert given(takes_ms=301 - LEAST_MS, budget_ms=1000) == (Why.EMPTY, [300])


def test_a_draw_that_is_late_has_less_time_than_its_zone() -> None:
    assert given(takes_ms=0, budget_ms=120)[1][0] == 120
    assert given(takes_ms=0, budget_ms=LEAST_MS) == (Why.EMPTY, [LEAST_MS, LEAST_MS])


def test_a_draw_without_time_is_not_one_that_its_zone_let_wait() -> None:
    assert given(takes_ms=0, budget_ms=LEAST_MS - 1) == (Why.SHED, [])


def test_a_draw_that_has_ended_asks_nobody() -> None:
    capped = replace(CLAIM, why=Why.CAPPED, source=None)

    assert given(takes_ms=0, budget_ms=1000, claim=capped) == (Why.CAPPED, [])


def test_a_default_campaign_that_was_asked_alone_is_not_asked_twice() -> None:
    claim = replace(CLAIM, adex=replace(CLAIM.adex, campaign_ids=("7",)))

    assert given(takes_ms=0, budget_ms=1000, claim=claim) == (Why.EMPTY, [300])


def test_a_zone_that_is_left_alone_is_told_of_once() -> None:
    told: list[tuple[int, Why]] = []

    async def ask() -> set[Why]:
        client = Client(FakeClock(), takes_ms=0)
        client.may_answer.set()
        asking = demand(client, told)
        broken = replace(CLAIM, source=Source("openrtb", "https://a.example/", {}, 300, None))
        return {(await asking.ask(broken, DEVICE, budget_ms=1000))[0] for _ in range(20)}

    assert run(ask()) == {Why.MALFORMED, Why.RESTING}
    assert told == [(5, Why.MALFORMED)]
