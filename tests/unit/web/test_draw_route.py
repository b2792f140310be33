"""The bounds of the route of draws: in time, and in how many are under way."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import pytest
from starlette.applications import Starlette

from doubles import START_MS, FakeClock
from loops import run
from tocsin.domain import message_token
from tocsin.domain.adex import Adex
from tocsin.domain.draw import Ad, DrawRef, Why
from tocsin.domain.message_token import MessageRef
from tocsin.services.demand import Device
from tocsin.services.drawing import Claim, Settled
from tocsin.web import problems
from tocsin.web.edge import adex as route

KEY: Final = b"k" * 32
SOON_MS: Final = 50


class Draws:
    """Claims whatever is wished, and notes it."""

    def __init__(self) -> None:
        self.claimed: list[DrawRef] = []
        self.settled: list[Settled] = []

    def claim(self, wishes: Sequence[DrawRef], *, now_ms: int) -> list[Claim]:
        self.claimed += wishes
        return [
            Claim(
                ref=wish,
                drawn_ms=now_ms,
                task_id=1,
                task_name="Sale",
                custom_data=None,
                adex=Adex(zone_id="1"),
                source=None,
                why=None,
                is_counted=False,
                subscriber_id=1,
                language=None,
                host=None,
                user_data={},
                known={},
            )
            for wish in wishes
        ]

    def settle(self, settled: Sequence[Settled], *, now_ms: int) -> list[bool]:
        del now_ms
        self.settled += settled
        return [True] * len(settled)


class Sources:
    """Answers nothing, once it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def ask(
        self, claim: Claim, device: Device, *, budget_ms: int
    ) -> tuple[Why, tuple[Ad, ...]]:
        del claim, device, budget_ms
        self.asked.set()
        await self.may_answer.wait()
        return Why.EMPTY, ()


class House:
    """An application with the route alone."""

    def __init__(self) -> None:
        self.draws, self.sources = Draws(), Sources()
        self.app = Starlette(
            routes=[route.adex(self.draws, self.sources, token_key=KEY, clock=FakeClock())]
        )
        problems.install(self.app, new_trace_id=lambda: "trace", on_crash=lambda *_: None)

    async def draw(self, ordinal: int, method: str = "GET") -> tuple[int, dict[str, str]]:
        """Return the status and the headers that the draw of a message is answered with."""
        token = message_token.mint(KEY, MessageRef(1, ordinal), expires_ms=START_MS)
        path = f"/v1/edge/adex/{token}"
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
            "client": ("192.0.2.1", 1),
        }
        started: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in started[0]["headers"]}
        return started[0]["status"], headers


def test_a_draw_that_comes_to_no_end_is_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(route, "DEADLINE_MS", SOON_MS)

    async def ask() -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(10):  # so that a draw without an end fails, and does not hang
            return await House().draw(1)

    status, headers = run(ask())

    assert status == 503
    assert headers["retry-after"] == "1"
    assert headers["access-control-allow-origin"] == "*"


def test_beyond_so_many_a_draw_is_not_even_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "MOST_UNDER_WAY", 1)

    async def ask() -> tuple[list[int], list[int]]:
        house = House()
        first = asyncio.create_task(house.draw(1))
        await house.sources.asked.wait()
        second, _ = await house.draw(2)
        house.sources.may_answer.set()
        done, _ = await first
        third, _ = await house.draw(2)
        return [done, second, third], [ref.ordinal for ref in house.draws.claimed]

    assert run(ask()) == ([200, 503, 200], [1, 2])


def test_asking_for_the_head_alone_leaves_the_draw_to_be_made() -> None:
    async def ask() -> tuple[int, str, int, list[DrawRef]]:
        house = House()
        house.sources.may_answer.set()
        status, headers = await house.draw(1, "HEAD")
        assert house.draws.claimed == []
        drawn, _ = await house.draw(1)
        return status, headers["allow"], drawn, house.draws.claimed

    assert run(ask()) == (405, "GET", 200, [DrawRef(1, 1, 0)])
