"""``GET /v1/edge/adex/{token}``: what a device shows that was woken to draw its messages."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tocsin.domain import ad_token, message_token
from tocsin.domain.adex import shown_fallback
from tocsin.domain.draw import (
    FALLBACK_SLOT,
    FIRST_PATH,
    Ad,
    DrawRef,
    Why,
    may_draw,
    path_in,
)
from tocsin.domain.errors import Gone, NotFound, Unavailable
from tocsin.domain.macros import recipient_values, task_values
from tocsin.domain.message import DRAW_PATH, Message, macros_of
from tocsin.domain.signed_token import BadToken
from tocsin.services.demand import Device
from tocsin.services.drawing import Claim, Refusal, Settled
from tocsin.web.gather import Gather

DEADLINE_MS: Final = 1500
"""A draw is answered within so long of its arrival (contract.md section 4)."""

SETTLING_MS: Final = 300
"""So much of it is kept for writing down what came of the draw, before it is answered."""

MOST_UNDER_WAY: Final = 2000
"""Draws in one process, asking or not; whoever comes beyond them is asked to come later."""

# The answer is for whoever has the token, and for nobody a second time.
_HEADERS: Final = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}


class Draws(Protocol):
    """Where draws are claimed and settled."""

    def claim(self, wishes: Sequence[DrawRef], *, now_ms: int) -> Sequence[Claim | Refusal]: ...
    def settle(self, settled: Sequence[Settled], *, now_ms: int) -> Sequence[bool]: ...


class Sources(Protocol):
    """Who asks the demand sources."""

    async def ask(
        self, claim: Claim, device: Device, *, budget_ms: int
    ) -> tuple[Why, tuple[Ad, ...]]: ...


class Clock(Protocol):
    """Wall time, and durations."""

    def now_ms(self) -> int: ...
    def monotonic_ms(self) -> int: ...


def adex(draws: Draws, sources: Sources, *, token_key: bytes, clock: Clock) -> Route:
    """Return the route of draws; HEAD is not among its methods, for it would use up the draw.

    Both of a draw's commits take what has gathered.
    """

    def claim_all(group: Sequence[DrawRef]) -> Sequence[Claim | Refusal]:
        return draws.claim(group, now_ms=clock.now_ms())

    def settle_all(group: Sequence[Settled]) -> Sequence[bool]:
        return draws.settle(group, now_ms=clock.now_ms())

    claims: Gather[DrawRef, Claim | Refusal] = Gather(claim_all)
    settlements: Gather[Settled, bool] = Gather(settle_all)
    under_way = 0

    async def draw(request: Request) -> Response:
        nonlocal under_way
        request.state.answer_headers = _HEADERS
        ends_ms = clock.monotonic_ms() + DEADLINE_MS
        wish = _wish(request.path_params["token"], token_key, clock.now_ms())
        if under_way >= MOST_UNDER_WAY:
            raise Unavailable("too many devices draw at once", retry_after_s=1)
        under_way += 1
        try:
            async with asyncio.timeout(DEADLINE_MS / 1000):
                return await answer(wish, _device(request), ends_ms)
        except TimeoutError:
            raise Unavailable("the draw could not be settled in time", retry_after_s=1) from None
        finally:
            under_way -= 1

    async def answer(wish: DrawRef, device: Device, ends_ms: int) -> Response:
        claim = await claims.add(wish)
        if isinstance(claim, Refusal):
            raise Gone(claim.value)
        budget_ms = ends_ms - clock.monotonic_ms() - SETTLING_MS
        why, ads = await sources.ask(claim, device, budget_ms=budget_ms)
        if not await settlements.add(Settled(claim, why, ads)):
            raise Unavailable("the draw was given up meanwhile")
        return JSONResponse({"items": _items(claim, ads, token_key)}, headers=_HEADERS)

    route = Route(DRAW_PATH + "{token}", draw, methods=["GET"])
    route.methods = {"GET"}  # Starlette has added HEAD
    return route


def _wish(token: str, token_key: bytes, now_ms: int) -> DrawRef:
    """Return which draw *token* means. Raises NotFound for one that is no good."""
    try:
        if len(token) == ad_token.AD_TOKEN_LENGTH:
            return ad_token.read(token_key, token, now_ms=now_ms)
        message = message_token.read(token_key, token, now_ms=now_ms)
    except BadToken:
        raise NotFound("draw", "of this token") from None
    return DrawRef(message.execution_id, message.ordinal, FIRST_PATH)


def _device(request: Request) -> Device:
    address = request.client.host if request.client else ""
    return Device(user_agent=request.headers.get("user-agent", ""), address=address)


def _items(claim: Claim, ads: Sequence[Ad], token_key: bytes) -> list[dict[str, Any]]:
    """Return what the device shows: the ads, else at a first draw the fallback."""

    def token_of(path: int) -> str:
        return ad_token.mint(token_key, claim.ref._replace(path=path), drawn_ms=claim.drawn_ms)

    custom = {} if claim.custom_data is None else {"custom": json.loads(claim.custom_data)}
    if ads:
        paths = [path_in(claim.ref.path, slot) for slot in range(len(ads))]
        repeats = claim.adex.repeat_on_click
        return [
            {**_item(ad, token_of(path), repeats=repeats and may_draw(path)), **custom}
            for ad, path in zip(ads, paths, strict=True)
        ]
    if claim.adex.fallback is None or claim.ref.path != FIRST_PATH:
        return []
    token = token_of(path_in(FIRST_PATH, FALLBACK_SLOT))
    shown = _fallback(claim.adex.fallback, claim, token)
    return [{**shown, "pixels": [], "repeat": None, **custom}]


def _fallback(fallback: Message, claim: Claim, token: str) -> dict[str, Any]:
    """Return the fallback as its push has it, but for the token."""
    task_id = str(claim.task_id)
    values = {
        **recipient_values(macros_of(fallback), claim.known, now_ms=claim.drawn_ms),
        **task_values(task_id=task_id, name=claim.task_name),
    }
    return shown_fallback(fallback, token, task_id=task_id, values=values)


def _item(ad: Ad, token: str, *, repeats: bool) -> dict[str, Any]:
    options = {"body": ad.body, "icon": ad.icon, "image": ad.image}
    return {
        "token": token,
        "title": ad.title,
        "options": {name: value for name, value in options.items() if value is not None},
        "url": ad.url,
        "action_urls": [],
        "pixels": list(ad.pixels),
        "repeat": DRAW_PATH + token if repeats else None,
    }
