"""The five calls of a resource that clients make themselves: create, list, view, change, delete."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.web.hood import answers
from tocsin.web.hood.answers import CREATED, row_id_in
from tocsin.web.hood.door import Call, Operation, created, done
from tocsin.web.hood.fields import Field, Schema
from tocsin.web.hood.lists import ListShape, listed, parameters, read_query
from tocsin.web.hood.patching import of_a_patch
from tocsin.web.hood.views import read_view, view_parameters

Known = TypeVar("Known")
Draft = TypeVar("Draft")
Shown = TypeVar("Shown")
Known_co = TypeVar("Known_co", covariant=True)
Draft_contra = TypeVar("Draft_contra", contravariant=True)


class Create(Protocol[Draft_contra]):
    """Takes what was read; the receipt tells the id."""

    def __call__(
        self, scope: Scope, draft: Draft_contra, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...


class Change(Protocol[Known_co, Draft_contra]):
    """Makes one of them what *edit* makes of it."""

    def __call__(
        self, scope: Scope, row_id: int, edit: Callable[[Known_co], Draft_contra], /, *, now_ms: int
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Generic[Known, Draft, Shown]):
    """A resource as clients see it.

    name: in paths. what: in sentences. fields: of a body. item: the schema of one, as *shown*
    makes it. read_new, read_patch: what a body asks to be made, or to be left of a known one.
    unless: when it is not deleted, as the end of a sentence.
    """

    name: str
    what: str
    fields: Mapping[str, Field]
    item: Schema
    shape: ListShape
    example: Mapping[str, Any]
    read_new: Callable[[dict[str, Any]], Draft]
    read_patch: Callable[[Known, dict[str, Any]], Draft]
    create: Create[Draft]
    list: Callable[[Scope, ListQuery], tuple[int, Sequence[Shown]]]
    view: Callable[[Scope, int, ListQuery], Shown]
    change: Change[Known, Draft]
    remove: Callable[[Scope, int], None]
    shown: Callable[[Shown], dict[str, Any]]
    unless: str

    @property
    def row_id(self) -> str:
        """Return what the id is called in paths."""
        return f"{self.what.replace(' ', '_')}_id"


@dataclass(frozen=True, slots=True)
class _Handlers(Generic[Known, Draft, Shown]):
    """What the calls of one resource do."""

    resource: Resource[Known, Draft, Shown]

    def row_id(self, call: Call) -> int:
        return row_id_in(call, self.resource.row_id, self.resource.what)

    async def create(self, call: Call) -> Response:
        draft = self.resource.read_new(call.body)
        return created(
            await run_in_threadpool(
                self.resource.create, call.scope, draft, now_ms=call.now_ms, claim=call.claim
            )
        )

    async def list(self, call: Call) -> Response:
        query = read_query(call.query, self.resource.shape)
        total, found = await run_in_threadpool(self.resource.list, call.scope, query)
        shown = map(self.resource.shown, found)
        return JSONResponse(listed(total, shown, query, self.resource.shape))

    async def view(self, call: Call) -> Response:
        query = read_view(call.query, self.resource.shape)
        found = await run_in_threadpool(self.resource.view, call.scope, self.row_id(call), query)
        return JSONResponse(listed(1, [self.resource.shown(found)], query, self.resource.shape))

    async def change(self, call: Call) -> Response:
        def edit(known: Known) -> Draft:
            return self.resource.read_patch(known, call.body)

        await run_in_threadpool(
            self.resource.change, call.scope, self.row_id(call), edit, now_ms=call.now_ms
        )
        return done()

    async def remove(self, call: Call) -> Response:
        await run_in_threadpool(self.resource.remove, call.scope, self.row_id(call))
        return done()


def five_calls(resource: Resource[Known, Draft, Shown]) -> list[Operation]:
    """Return the calls of *resource*."""
    handlers = _Handlers(resource)
    every = partial(Operation, path=f"/v1/hood/{resource.name}", resource=resource.name)
    one = partial(every, path=f"/v1/hood/{resource.name}/{{{resource.row_id}}}")
    named = f"{'an' if resource.what[0] in 'aeiou' else 'a'} {resource.what}"
    answer = answers.list_schema(resource.item, partial=True)
    return [
        every(
            method="POST",
            handle=handlers.create,
            scope="write",
            summary=f"Create {named}",
            status=201,
            body=resource.fields,
            answer=CREATED,
            examples={"plain": resource.example},
            replayable=True,
        ),
        every(
            method="GET",
            handle=handlers.list,
            scope="read",
            summary=f"List {resource.what}s",
            parameters=parameters(resource.shape),
            answer=answer,
        ),
        *_calls_of_one(one, handlers, named, answer),
    ]


def _calls_of_one(
    operation: Callable[..., Operation],
    handlers: _Handlers[Known, Draft, Shown],
    named: str,
    answer: Schema,
) -> list[Operation]:
    resource = handlers.resource
    return [
        operation(
            method="GET",
            handle=handlers.view,
            scope="read",
            summary=f"View {named}",
            parameters=view_parameters(resource.shape),
            answer=answer,
            refusals=(404,),
        ),
        operation(
            method="PATCH",
            handle=handlers.change,
            scope="write",
            summary=f"Change {named} (JSON Merge Patch)",
            status=204,
            body=of_a_patch(resource.fields),
            examples={"plain": {"name": resource.example["name"]}},
            refusals=(404, 409),
        ),
        operation(
            method="DELETE",
            handle=handlers.remove,
            scope="write",
            summary=f"Delete {named} {resource.unless}",
            status=204,
            refusals=(404, 409),
        ),
    ]
