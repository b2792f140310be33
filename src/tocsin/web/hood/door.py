"""The door of the Hood API: what every call passes before its handler, and what is said of it.

A handler reads, calls a service and answers; who is calling, how often, and whether the body is
JSON at all was settled here. An operation also says of itself what the OpenAPI document tells.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Match, Route
from starlette.types import Scope as AsgiScope

from tocsin.domain.account import Account, Credential, Scope
from tocsin.domain.errors import Forbidden, TocsinError, Unavailable
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.web.hood.fields import Field, Schema
from tocsin.web.hood.replays import claim_of, refuse_key
from tocsin.web.ndjson import MEDIA_TYPES
from tocsin.web.strict_json import JSON, check_media_type, loads, read_body, refuse_body

_UNHURRIED: Final = "tocsin.unhurried"
"""The ASGI extension by which a request may take as long as it keeps coming."""


class Callers(Protocol):
    """What recognises a caller."""

    async def recognise(self, request: Request) -> Credential: ...


class Limits(Protocol):
    """What counts requests."""

    async def take(self, account: Account, *, now_ms: int) -> Mapping[str, str]:
        """Return the headers that tell what is left. Raises TooManyRequests."""
        ...


class Replays(Protocol):
    """What keeps the answers to requests that may be sent again."""

    def find(self, claim: Claim, *, now_ms: int) -> Receipt | None: ...


class Clock(Protocol):
    """Wall time."""

    def now_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request that passed the door.

    body: the JSON object that was sent, empty when the operation takes none. pieces: a body of
    lines as it comes, cut anywhere; nothing when the operation takes none. claim: what an
    Idempotency-Key lays claim to.
    """

    credential: Credential
    now_ms: int
    path: Mapping[str, str]
    query: QueryParams
    body: dict[str, Any]
    pieces: AsyncIterator[bytes]
    claim: Claim | None

    @property
    def scope(self) -> Scope:
        """Return what the caller sees."""
        return self.credential.account.scope


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, as the OpenAPI document shows it."""

    name: str
    description: str
    schema: Schema
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the API.

    scope: what a token needs, None when any will do. body: the fields of the JSON object to be
    sent, None for none. lines: instead, the schema of each line of an NDJSON body of any length,
    which the handler reads as it comes. answer: the schema of a good answer's body, None for an
    empty one; of NDJSON, by answer_type, that of each line. examples: bodies, or lines, by name.
    refusals: the statuses of errors beyond those that every call may have. replayable: an
    Idempotency-Key is honoured, by a service that is handed the claim. unrepeatable: why an
    Idempotency-Key must be refused; neither: it makes no difference.
    """

    method: str
    path: str
    handle: Callable[[Call], Awaitable[Response]]
    scope: str | None
    summary: str
    resource: str
    status: int = 200
    answer: Schema | None = None
    answer_type: str = JSON
    body: Mapping[str, Field] | None = None
    lines: Schema | None = None
    parameters: Sequence[Parameter] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)
    refusals: Sequence[int] = ()
    replayable: bool = False
    deprecated: bool = False
    unrepeatable: str = ""


class _Route(Route):
    """A route on which a word of the contract is no id: ``push-tasks/preview`` is no push task.

    words: the paths that have no id in them.
    """

    def __init__(self, *route: Any, words: Collection[str], **more: Any) -> None:
        super().__init__(*route, **more)
        self._words = words

    def matches(self, scope: AsgiScope) -> tuple[Match, AsgiScope]:
        """Return whether the route is meant; with any other method a word answers 405."""
        if "{" in self.path and scope["path"] in self._words:
            return Match.NONE, {}
        return super().matches(scope)


class Door:
    """Turns operations into routes."""

    def __init__(self, *, callers: Callers, limits: Limits, replays: Replays, clock: Clock) -> None:
        self._callers = callers
        self._limits = limits
        self._replays = replays
        self._clock = clock

    def routes(self, operations: Sequence[Operation]) -> list[Route]:
        """Return the routes of *operations*."""
        words = frozenset(one.path for one in operations if "{" not in one.path)
        return [self._route(operation, words) for operation in operations]

    def _route(self, operation: Operation, words: Collection[str]) -> Route:

        async def answer(request: Request) -> Response:
            credential = await self._callers.recognise(request)
            now_ms = self._clock.now_ms()
            headers = await self._limits.take(credential.account, now_ms=now_ms)
            request.state.answer_headers = headers
            if operation.scope is not None and operation.scope not in credential.scopes:
                wanted = operation.scope
                raise Forbidden(f"the token {credential.name!r} does not have the scope {wanted!r}")
            response = await self._handled(
                operation, await _call(request, operation, credential, now_ms)
            )
            response.headers.update(headers)
            if request.method == "HEAD" and isinstance(response, StreamingResponse):
                response.body_iterator = _nothing()  # whatever is in it nobody would take
            return response

        return _Route(operation.path, answer, methods=[operation.method], words=words)

    async def _handled(self, operation: Operation, call: Call) -> Response:
        """Return the handler's answer, or the first one to a request that was done before.

        A service replays by itself; but what was good then may be refused now before it is
        asked, a start_time that has gone by since, say.
        """
        try:
            return await operation.handle(call)
        except Unavailable:
            raise
        except TocsinError:
            if call.claim is None:
                raise
            receipt = await run_in_threadpool(self._replays.find, call.claim, now_ms=call.now_ms)
            if receipt is None:
                raise
            return created(receipt) if operation.status == 201 else done(receipt)


async def _call(
    request: Request, operation: Operation, credential: Credential, now_ms: int
) -> Call:
    if operation.unrepeatable:
        refuse_key(request, operation.unrepeatable)
    raw = b""
    if operation.body is not None:
        raw = await read_body(request)
    elif operation.lines is not None:
        check_media_type(request, MEDIA_TYPES)
        _let_take_its_time(request)
    elif operation.method != "GET":
        await refuse_body(request)
    return Call(
        credential=credential,
        now_ms=now_ms,
        path=request.path_params,
        query=request.query_params,
        body={} if operation.body is None else loads(raw),
        pieces=request.stream() if operation.lines is not None else _nothing(),
        claim=claim_of(request, credential, raw) if operation.replayable else None,
    )


def _let_take_its_time(request: Request) -> None:
    """Lift the deadline of the request, where the server has one."""
    lift = request.scope.get("extensions", {}).get(_UNHURRIED)
    if lift is not None:
        lift()


async def _nothing() -> AsyncIterator[bytes]:
    for piece in list[bytes]():
        yield piece


def created(receipt: Receipt) -> Response:
    """Return the answer to a create: the id of what was made."""
    return JSONResponse({"id": receipt.result}, status_code=201, headers=_replayed(receipt))


def done(receipt: Receipt | None = None) -> Response:
    """Return the answer to an update or a command: 204, no body."""
    return Response(status_code=204, headers=_replayed(receipt))


def _replayed(receipt: Receipt | None) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if receipt is not None and receipt.replayed else {}
