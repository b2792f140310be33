"""``/v1/hood/users/import`` and ``/export``: any number of subscribers, as lines.

An import is answered when it is whole (docs/decisions, number 10).
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import IO, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.responses import Response, StreamingResponse

from tocsin.domain.account import Scope
from tocsin.domain.body import unknown_keys
from tocsin.domain.errors import Fault, Forbidden, Invalid, NotFound, Unavailable
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import is_id
from tocsin.web.hood.answers import ID
from tocsin.web.hood.door import Call, Operation, Parameter
from tocsin.web.hood.line_shapes import EXPORTED, IMPORTED, LINE, RESULT
from tocsin.web.imports import AT_ONCE, Containers, export_line, import_lines
from tocsin.web.imports import Subscribers as Registers
from tocsin.web.ndjson import NDJSON, Lines

GROUP_BYTES: Final = 1024 * 1024
"""How much of an import is gathered, at most, before it is taken: so much is in memory."""

MANY: Final = 10_000
"""After so many newcomers the database is made to see at once how many subscribers there are."""

EXPORT_AT_ONCE: Final = 100
_PIECE: Final = 64 * 1024
_LAST_LINE: Final = 10**15


class Subscribers(Registers, Protocol):
    """Who takes registrations, and knows all who were taken."""

    def export(self, scope: Scope, *, after: int | None) -> Iterator[Subscriber]: ...
    def take_stock(self) -> None: ...


class NewSpool(Protocol):
    """Makes a file for results that cannot be handed on yet."""

    def __call__(self) -> IO[bytes]: ...


@dataclass(slots=True)
class _Import:
    """An import under way. next_line: the number of the first line that was not taken yet.

    created: how many newcomers it has brought.
    """

    first_line: int

    subscribers: Subscribers
    containers: Containers
    scope: Scope
    spool: IO[bytes]
    next_line: int = field(init=False)
    created: int = 0

    def __post_init__(self) -> None:
        self.next_line = self.first_line

    def take(self, lines: Sequence[bytes]) -> None:
        """Take some lines and note what became of each. Raises Unavailable, with where to go on."""
        results = import_lines(
            lines,
            self.scope,
            subscribers=self.subscribers,
            containers=self.containers,
            first=self.next_line,
        )
        behind = self.next_line + len(lines)
        try:
            for result in results:
                self.spool.write(json.dumps(result, ensure_ascii=False).encode() + b"\n")
                self.next_line = result["line"] + 1
                self.created += result["status"] == "created"
        except Unavailable as error:
            raise self._told(error) from error.__cause__
        self.next_line = behind

    def end(self) -> None:
        """Let the database see how many there are, when many have come.

        Lines that bring nobody do not count: they cost a sender of them too little.
        """
        if self.created >= MANY:
            self.subscribers.take_stock()

    def _told(self, error: Unavailable) -> Unavailable:
        if self.next_line == self.first_line:
            return error
        go_on = f"send line {self.next_line} and those behind it, with first_line={self.next_line}"
        return Unavailable(
            f"{error.reason}. What came before line {self.next_line} is taken: {go_on}",
            error.retry_after_s,
        )


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the calls do."""

    subscribers: Subscribers
    containers: Containers
    new_spool: NewSpool

    async def take(self, call: Call) -> Response:
        first = read_first_line(call.query)
        spool = self.new_spool()
        try:
            under_way = _Import(first, self.subscribers, self.containers, call.scope, spool)
            async for group in _grouped(call.pieces):
                await run_in_threadpool(under_way.take, group)
            await run_in_threadpool(under_way.end)
            size = spool.tell()
            spool.seek(0)
        except BaseException:
            spool.close()
            raise
        headers = {"Content-Length": str(size)}
        return StreamingResponse(_pieces_of(spool), media_type=NDJSON, headers=headers)

    async def export(self, call: Call) -> Response:
        keys, after = read_export(call.query)
        if keys and "admin" not in call.credential.scopes:
            raise Forbidden(
                f"the token {call.credential.name!r} does not have the scope 'admin': "
                "whoever has the keys can push to these people"
            )
        people = self.subscribers.export(call.scope, after=after)
        page = partial(_page, people, keys=keys)
        try:
            first = await run_in_threadpool(page)
        except NotFound as error:
            raise Invalid((Fault("after", f"names nobody: {error}"),)) from None
        return StreamingResponse(_pages(first, page), media_type=NDJSON)


async def _grouped(pieces: AsyncIterator[bytes]) -> AsyncIterator[Sequence[bytes]]:
    """Yield the lines of a body in groups, each of them as much as is taken at once."""
    lines = Lines()
    group: list[bytes] = []
    size = 0
    async for piece in pieces:
        group += lines.feed(piece)
        size += len(piece)
        while len(group) >= AT_ONCE or size >= GROUP_BYTES:
            yield group[:AT_ONCE]
            group = group[AT_ONCE:]
            size = sum(map(len, group))
    group += lines.end()
    if group:
        yield group


async def _pieces_of(spool: IO[bytes]) -> AsyncIterator[bytes]:
    with closing(spool):
        while piece := await run_in_threadpool(spool.read, _PIECE):
            yield piece


class _Page(Protocol):
    def __call__(self) -> bytes: ...


async def _pages(first: bytes, page: _Page) -> AsyncIterator[bytes]:
    """Yield *first* and the pages behind it.

    An answer that has begun can not become a refusal: the connection is cut, so that what came
    is not taken for all, and the cause is logged as that of any crash.
    """
    found = first
    while found:
        yield found
        try:
            found = await run_in_threadpool(page)
        except Unavailable as error:
            raise error.__cause__ or RuntimeError(str(error)) from None


def _page(people: Iterator[Subscriber], *, keys: bool) -> bytes:
    """Return the next lines of an export; none behind the last."""
    return "".join(
        export_line(one, keys=keys) + "\n" for one in islice(people, EXPORT_AT_ONCE)
    ).encode()


def read_first_line(params: QueryParams) -> int:
    """Return the number of the first line of an import. Raises Invalid with every fault."""
    given, faults = _given(params, ["first_line"])
    text = given.get("first_line", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0
    if not 1 <= number <= _LAST_LINE:
        faults.append(Fault("first_line", f"takes a whole number from 1 to {_LAST_LINE}"))
    if faults:
        raise Invalid(tuple(faults))
    return number


def read_export(params: QueryParams) -> tuple[bool, int | None]:
    """Return whether keys are wanted, and behind whom to begin. Raises Invalid with every fault."""
    given, faults = _given(params, ["keys", "after"])
    keys, after = given.get("keys", "0"), given.get("after")
    if keys not in ("0", "1"):
        faults.append(Fault("keys", "takes 0 or 1"))
    if after is not None and not is_id(after):
        faults.append(Fault("after", "takes the id of a user: that of the last line you have"))
    if faults:
        raise Invalid(tuple(faults))
    return keys == "1", None if after is None else int(after)


def _given(params: QueryParams, known: Sequence[str]) -> tuple[Mapping[str, str], list[Fault]]:
    """Return the parameters by name, and what is wrong with their names."""
    faults = list(unknown_keys(params, known, ""))
    twice = [name for name in known if len(params.getlist(name)) > 1]
    faults += [Fault(name, "is given more than once") for name in twice]
    return params, faults


def user_streams(
    subscribers: Subscribers, containers: Containers, new_spool: NewSpool
) -> list[Operation]:
    """Return the calls. new_spool: makes the file that the results of an import wait in."""
    handlers = _Handlers(subscribers, containers, new_spool)
    return [
        Operation(
            method="POST",
            path="/v1/hood/users/import",
            handle=handlers.take,
            scope="write",
            summary="Import subscribers, one a line; the answer tells of each line",
            resource="users",
            parameters=[_FIRST_LINE],
            lines=IMPORTED,
            examples={"plain": LINE},
            answer=RESULT,
            answer_type=NDJSON,
            unrepeatable="an import may be sent again as it is, for a known endpoint is updated",
        ),
        Operation(
            method="GET",
            path="/v1/hood/users/export",
            handle=handlers.export,
            scope="read",
            summary="Export subscribers, one a line; with keys it needs the scope `admin`",
            resource="users",
            parameters=[_KEYS, _AFTER],
            answer=EXPORTED,
            answer_type=NDJSON,
        ),
    ]


_FIRST_LINE: Final = Parameter(
    "first_line",
    "The number of the body's first line, where it goes on behind one that ended: results and "
    "errors count from it. 1 unless told.",
    {"type": "string", "pattern": "^[1-9][0-9]{0,14}$", "examples": ["1", "40001"]},
)
_KEYS: Final = Parameter(
    "keys",
    "1: with endpoints and keys, as an import needs them. Whoever has them can push to these "
    "people: it takes a token with the scope `admin`. 0 unless told.",
    {"enum": ["0", "1"]},
)
_AFTER: Final = Parameter(
    "after", "The id of the last line that is there already: the export goes on behind it.", ID
)
