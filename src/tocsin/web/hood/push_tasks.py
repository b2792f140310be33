"""``/v1/hood/push-tasks``: create, list, view, change, delete, and the commands.

``/v0`` is the vendor's older path to the same handlers.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.errors import Fault, TocsinError
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.domain.message_token import TOKEN_LENGTH
from tocsin.domain.push_task import MAX_NAME_BYTES, Draft, PushTask, Status
from tocsin.services.tasks import Creation
from tocsin.web.gather import Gather
from tocsin.web.hood.answers import CREATED, list_schema, row_id_in
from tocsin.web.hood.arrays import array_of
from tocsin.web.hood.door import Call, Operation, created, done
from tocsin.web.hood.examples import CREATE
from tocsin.web.hood.fields import Field, instant, read_body_of, text, whole_number
from tocsin.web.hood.lists import ListShape, listed, parameters, read_query
from tocsin.web.hood.message_shapes import MAX_IDS, identifier
from tocsin.web.hood.push_task_shapes import (
    PATCH,
    TASK,
    TASK_VIEW,
    Order,
    read_order,
    read_patch,
    task_view,
)
from tocsin.web.hood.views import read_view, view_parameters

_TEST: Final = {"users": Field(array_of(identifier, least=1, most=MAX_IDS), required=True)}
TASKS: Final = ListShape(
    keys=tuple(TASK_VIEW["properties"]),
    fields={
        "id": whole_number(1, 2**63 - 1),
        "name": text(most_bytes=MAX_NAME_BYTES),
        "status": whole_number(min(Status), max(Status)),
        "start_time": instant,
        "end_time": instant,
        "next_execution_time": instant,
        "last_execution_time": instant,
        "create_time": instant,
        "update_time": instant,
    },
    searched=("name",),
)
_ONE: Final = "/{task_id}"


class Known(Protocol):
    """What knows which things there are."""

    def unknown(self, scope: Scope, draft: Draft) -> Sequence[Fault]: ...


class Tasks(Known, Protocol):
    """The order desk."""

    def create(self, group: Sequence[Creation]) -> Sequence[Receipt | TocsinError]: ...
    def view(self, scope: Scope, task_id: int) -> PushTask: ...
    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[PushTask]]: ...


class Commands(Protocol):
    """What changes a task that is there."""

    def edit(
        self, scope: Scope, task_id: int, edit: Callable[[PushTask], Order], *, now_ms: int
    ) -> None: ...
    def delete(self, scope: Scope, task_id: int, *, now_ms: int) -> None: ...
    def pause(self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None) -> Receipt: ...
    def resume(
        self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def cancel(
        self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def run(self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None) -> Receipt: ...
    def copy(self, scope: Scope, task_id: int, *, now_ms: int, claim: Claim | None) -> Receipt: ...
    def test(
        self,
        scope: Scope,
        task_id: int,
        users: Sequence[str],
        *,
        now_ms: int,
        claim: Claim | None,
    ) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the calls do. Orders that come together are taken in one transaction."""

    tasks: Tasks
    commands: Commands
    orders: Gather[Creation, Receipt | TocsinError]

    async def create(self, call: Call) -> Response:
        draft = await draft_of(call, self.tasks)
        taken = await self.orders.add(Creation(call.scope, draft, call.now_ms, call.claim))
        if isinstance(taken, TocsinError):
            raise taken
        return created(taken)

    async def list(self, call: Call) -> Response:
        query = read_query(call.query, TASKS)
        total, found = await run_in_threadpool(self.tasks.list, call.scope, query)
        return JSONResponse(listed(total, map(task_view, found), query, TASKS))

    async def view(self, call: Call) -> Response:
        query = read_view(call.query, TASKS)
        task = await run_in_threadpool(self.tasks.view, call.scope, _id(call))
        return JSONResponse(listed(1, [task_view(task)], query, TASKS))

    async def change(self, call: Call) -> Response:
        def edit(task: PushTask) -> Order:
            return read_patch(task, call.body, now_ms=call.now_ms, token_length=TOKEN_LENGTH)

        await run_in_threadpool(self.commands.edit, call.scope, _id(call), edit, now_ms=call.now_ms)
        return done()

    async def delete(self, call: Call) -> Response:
        await run_in_threadpool(self.commands.delete, call.scope, _id(call), now_ms=call.now_ms)
        return done()

    async def copy(self, call: Call) -> Response:
        return created(await _tell(self.commands.copy, call))

    async def test(self, call: Call) -> Response:
        users = read_body_of(_TEST, call.body)["users"]
        test = partial(self.commands.test, users=users)
        return done(await _tell(test, call))

    def plain(self, command: Callable[..., Receipt]) -> Callable[[Call], Awaitable[Response]]:
        """Return the handler of a command that says nothing but whose it is."""

        async def handle(call: Call) -> Response:
            return done(await _tell(command, call))

        return handle


async def draft_of(call: Call, known: Known) -> Draft:
    """Return the push task that the body of *call* orders. Raises Invalid with every fault.

    What a good body names in vain the order desk says itself; of a faulty one it is asked here,
    so that all faults are told at once.
    """
    order = read_order(call.body, now_ms=call.now_ms, token_length=TOKEN_LENGTH)
    if not order.faults:
        return order.draft
    return order.accepted(await run_in_threadpool(known.unknown, call.scope, order.draft))


def push_tasks(tasks: Tasks, commands: Commands) -> list[Operation]:
    """Return the calls of push tasks."""
    handlers = _Handlers(tasks, commands, Gather(tasks.create))
    return [*_of_all(handlers), *_of_one(handlers), *_commands(handlers)]


def _both(method: str, rest: str, **said: Any) -> list[Operation]:
    """Return a call under its path and under the vendor's older one."""
    return [
        Operation(
            method=method,
            path=f"/{version}/hood/push-tasks{rest}",
            resource="push-tasks",
            deprecated=version == "v0",
            **said,
        )
        for version in ("v1", "v0")
    ]


def _of_all(handlers: _Handlers) -> list[Operation]:
    return [
        *_both(
            "POST",
            "",
            handle=handlers.create,
            scope="write",
            summary="Create a push task",
            status=201,
            body=TASK,
            answer=CREATED,
            examples=CREATE,
            replayable=True,
        ),
        *_both(
            "GET",
            "",
            handle=handlers.list,
            scope="read",
            summary="List push tasks",
            parameters=parameters(TASKS),
            answer=list_schema(TASK_VIEW, partial=True),
        ),
    ]


def _of_one(handlers: _Handlers) -> list[Operation]:
    return [
        *_both(
            "GET",
            _ONE,
            handle=handlers.view,
            scope="read",
            summary="View a push task",
            parameters=view_parameters(TASKS),
            answer=list_schema(TASK_VIEW, partial=True),
            refusals=(404,),
        ),
        *_both(
            "PATCH",
            _ONE,
            handle=handlers.change,
            scope="write",
            summary="Change a push task (JSON Merge Patch)",
            status=204,
            body=PATCH,
            examples={"plain": {"name": "Demo", "ttl": "7200"}},
            refusals=(404, 409),
        ),
        *_both(
            "DELETE",
            _ONE,
            handle=handlers.delete,
            scope="write",
            summary="Delete a push task; what is under way is cancelled, statistics stay",
            status=204,
            refusals=(404,),
        ),
    ]


def _commands(handlers: _Handlers) -> list[Operation]:
    commands, plain = handlers.commands, handlers.plain

    def operation(name: str, handle: Any, summary: str, **said: Any) -> Operation:
        usual: dict[str, Any] = {"status": 204, "refusals": (404, 409)}
        return Operation(
            method="POST",
            path=f"/v1/hood/push-tasks{_ONE}/{name}",
            handle=handle,
            scope="write",
            summary=summary,
            resource="push-tasks",
            replayable=True,
            **usual | said,
        )

    return [
        operation("pause", plain(commands.pause), "Pause: an execution keeps its place"),
        operation("resume", plain(commands.resume), "Resume: go on where it stopped"),
        operation("cancel", plain(commands.cancel), "Cancel the execution under way"),
        operation("run", plain(commands.run), "Start an execution now"),
        operation("copy", handlers.copy, "Make an inactive copy", status=201, answer=CREATED),
        operation(
            "test",
            handlers.test,
            "Send to named users only",
            body=_TEST,
            examples={"plain": {"users": ["9007199254740993"]}},
        ),
    ]


async def _tell(command: Callable[..., Receipt], call: Call) -> Receipt:
    return await run_in_threadpool(
        command, call.scope, _id(call), now_ms=call.now_ms, claim=call.claim
    )


def _id(call: Call) -> int:
    return row_id_in(call, "task_id", "push task")
