"""Asking demand sources: so many at once, none that is in trouble, and within the time there is."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from tocsin.domain.draw import Ad, Why
from tocsin.exchange.answers import Got, read_answer
from tocsin.exchange.asking import ask_of
from tocsin.exchange.breaker import Breaker
from tocsin.exchange.question import Ask, Question, Source
from tocsin.services.drawing import Claim

MOST_AT_ONCE: Final = 512
"""How many draws of one process ask at a time, of all zones; the others are answered without.

A draw asks only while fewer of its zone do than could still begin: a zone that is alone has half of
them, two that are slow have a third each, and however many are slow, some are left for another. A
fixed share would be used up by a few. Each draw takes two descriptors, one towards the device and
one towards the source.
"""

LEAST_MS: Final = 20
"""With less time than this left nobody is asked."""


class Client(Protocol):
    """What fetches from the addresses of zones."""

    async def fetch(self, ask: Ask, *, timeout_ms: int) -> Got: ...


class Clock(Protocol):
    """Durations."""

    def monotonic_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Device:
    """Who draws, as its request tells. address: IPv4 or IPv6, as text."""

    user_agent: str
    address: str


class Demand:
    """The demand sources, as one process asks them.

    on_rest: is told of a zone that is left alone from now on, and how the last question to it
    ended.
    """

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock,
        new_id: Callable[[], str],
        on_rest: Callable[[int, Why], None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._new_id = new_id
        self._on_rest = on_rest
        self._breakers: dict[int, Breaker] = {}
        self._under_way: Counter[int] = Counter()
        self._free = MOST_AT_ONCE

    async def ask(
        self, claim: Claim, device: Device, *, budget_ms: int
    ) -> tuple[Why, tuple[Ad, ...]]:
        """Return how the draw of *claim* ended, and its ads, within *budget_ms*.

        One of UNASKED says that the zone was not asked, and nothing else says so.
        """
        if claim.why is not None or claim.source is None:
            return claim.why or Why.NO_ZONE, ()
        zone_id = int(claim.adex.zone_id)
        if self._under_way[zone_id] >= self._free or budget_ms < LEAST_MS:
            return Why.SHED, ()
        breaker = self._breakers.setdefault(zone_id, Breaker())
        if not breaker.may_ask(self._clock.monotonic_ms()):
            return Why.RESTING, ()
        self._under_way[zone_id] += 1
        self._free -= 1
        try:
            limit_ms = min(claim.source.timeout_ms, budget_ms)
            return await self._ask(zone_id, claim, claim.source, _question(claim, device), limit_ms)
        finally:
            self._under_way[zone_id] -= 1
            self._free += 1

    async def _ask(
        self, zone_id: int, claim: Claim, source: Source, question: Question, limit_ms: int
    ) -> tuple[Why, tuple[Ad, ...]]:
        """Ask, and for the default campaign when nothing is offered; both within *limit_ms*."""
        ends_ms = self._clock.monotonic_ms() + limit_ms
        why, ads = await self._ask_once(zone_id, source, question, limit_ms)
        default = claim.adex.default_campaign_id
        if why is not Why.EMPTY or default is None or question.campaign_ids == (default,):
            return why, ads
        left_ms = ends_ms - self._clock.monotonic_ms()
        if left_ms < LEAST_MS:
            return why, ads
        again = replace(question, campaign_ids=(default,))
        return await self._ask_once(zone_id, source, again, left_ms)

    async def _ask_once(
        self, zone_id: int, source: Source, question: Question, limit_ms: int
    ) -> tuple[Why, tuple[Ad, ...]]:
        name = self._new_id()
        ask = ask_of(source, question, id=name)
        got = await self._client.fetch(ask, timeout_ms=limit_ms)
        why, ads = read_answer(
            source.protocol,
            got,
            id=name,
            bid_floor_micros=source.bid_floor_micros,
            most=question.number,
        )
        self._hear(zone_id, why, got.status)
        return why, ads

    def _hear(self, zone_id: int, why: Why, status: int) -> None:
        """Note how asking a zone went; tell when it is left alone from now on."""
        breaker = self._breakers[zone_id]
        was_open = breaker.is_open
        breaker.heard(why, self._clock.monotonic_ms(), status=status)
        if breaker.is_open and not was_open:
            self._on_rest(zone_id, why)


def _question(claim: Claim, device: Device) -> Question:
    adex = claim.adex
    return Question(
        user_agent=device.user_agent,
        address=device.address,
        language=claim.language,
        page=None if claim.host is None else f"https://{claim.host}/",
        number=adex.number_of_messages,
        task_id=claim.task_id,
        subscriber_id=str(claim.subscriber_id),
        campaign_ids=adex.campaign_ids,
        group_ids=adex.group_ids,
        account_ids=adex.account_ids,
        user_data=claim.user_data,
    )
