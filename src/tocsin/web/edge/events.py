"""``POST /v1/edge/events``: what browsers report of a message, or of an ad that it drew."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tocsin.domain import ad_token, message_token
from tocsin.domain.errors import TocsinError
from tocsin.domain.event import Event, kinds_of, kinds_of_ad
from tocsin.domain.signed_token import BadToken
from tocsin.web.gather import Gather
from tocsin.web.strict_json import loads, read_body

MAX_BYTES: Final = 4096
_MEDIA_TYPES: Final = ("text/plain", "application/json")  # sendBeacon and keepalive send text
# The answer carries nothing, so any page may see it; the token alone decides what counts.
_HEADERS: Final = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}


class Counting(Protocol):
    """The counting house."""

    def record(self, events: Sequence[Event]) -> None: ...


class Clock(Protocol):
    """Wall time."""

    def now_ms(self) -> int: ...


def events(counting: Counting, *, token_key: bytes, clock: Clock) -> Route:
    """Return the route of events. It answers 204 whatever the token's fate: nobody learns it."""

    def commit(group: Sequence[Event]) -> Sequence[None]:
        counting.record(group)
        return [None] * len(group)

    gather: Gather[Event, None] = Gather(commit)

    async def report(request: Request) -> Response:
        try:
            body = loads(await read_body(request, limit_bytes=MAX_BYTES, media_types=_MEDIA_TYPES))
        except TocsinError:
            return Response(status_code=204, headers=_HEADERS)
        event = read_event(body, token_key=token_key, now_ms=clock.now_ms())
        if event is not None:
            await gather.add(event)
        return Response(status_code=204, headers=_HEADERS)

    return Route("/v1/edge/events", report, methods=["POST"])


def read_event(body: dict[str, Any], *, token_key: bytes, now_ms: int) -> Event | None:
    """Return the report in *body*; None when it is none, or its token is no good."""
    token, name, action = body.get("token"), body.get("event"), body.get("action")
    if not isinstance(token, str) or not isinstance(name, str):
        return None
    if action is not None and (not isinstance(action, int) or isinstance(action, bool)):
        return None
    try:
        if len(token) == ad_token.AD_TOKEN_LENGTH:
            ad = ad_token.read(token_key, token, now_ms=now_ms)
            kinds = kinds_of_ad(ad.path, name, action)
            return None if kinds is None else Event(ad.execution_id, ad.ordinal, kinds, ad.path)
        message = message_token.read(token_key, token, now_ms=now_ms)
    except BadToken:
        return None
    kinds = kinds_of(name, action)
    return None if kinds is None else Event(message.execution_id, message.ordinal, kinds)
