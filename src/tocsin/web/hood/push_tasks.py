"""``/v1/hood/push-tasks``: create, list, view, change, delete, and the commands."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.domain.message_token import TOKEN_LENGTH
from tocsin.domain.push_task import MAX_NAME_BYTES, Draft, PushTask, Status
from tocsin.web.hood.answers import CREATED, list_schema, row_id_in
from tocsin.web.hood.door import Call, Operation, created, done
from tocsin.web.hood.examples import CREATE
from tocsin.web.hood.fields import Field, instant, read_body_of, text, whole_number
from tocsin.web.hood.lists import ListShape, listed, listing, parameters, read_query
from tocsin.web.hood.message_shapes import identifiers
from tocsin.web.hood.push_task_shapes import (
    PATCH,
    TASK,
    TASK_VIEW,
    read_create,
    read_patch,
    task_view,
)

_TEST: Final = {"users": Field(identifiers(at_least=1), required=True)}
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


class Tasks(Protocol):
    """The order desk."""

    def create(
        self, scope: Scope, draft: Draft, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def view(self, scope: Scope, task_id: int) -> PushTask: ...
    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[PushTask]]: ...


class Commands(Protocol):
    """What changes a task that is there."""

    def edit(
        self, scope: Scope, task_id: int, edit: Callable[[PushTask], Draft], *, now_ms: int
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


def push_tasks(tasks: Tasks, commands: Commands) -> list[Operation]:
    """Return the calls of push tasks. ``/v0`` is the vendor's older path to the same handlers."""

    async def create(call: Call) -> Response:
        draft = read_create(call.body, now_ms=call.now_ms, token_length=TOKEN_LENGTH)
        receipt = await run_in_threadpool(
            tasks.create, call.scope, draft, now_ms=call.now_ms, claim=call.claim
        )
        return created(receipt)

    async def list_(call: Call) -> Response:
        query = read_query(call.query, TASKS)
        total, found = await run_in_threadpool(tasks.list, call.scope, query)
        return JSONResponse(listed(total, map(task_view, found), query, TASKS))

    async def view(call: Call) -> Response:
        task = await run_in_threadpool(tasks.view, call.scope, _id(call))
        return JSONResponse(listing(1, [task_view(task)]))

    async def change(call: Call) -> Response:
        def edit(task: PushTask) -> Draft:
            return read_patch(task, call.body, now_ms=call.now_ms, token_length=TOKEN_LENGTH)

        await run_in_threadpool(commands.edit, call.scope, _id(call), edit, now_ms=call.now_ms)
        return done()

    async def delete(call: Call) -> Response:
        await run_in_threadpool(commands.delete, call.scope, _id(call), now_ms=call.now_ms)
        return done()

    def both(method: str, path: str, **said: Any) -> list[Operation]:
        return [
            Operation(
                method=method,
                path=f"/{version}/hood/push-tasks{path}",
                resource="push-tasks",
                deprecated=version == "v0",
                **said,
            )
            for version in ("v1", "v0")
        ]

    return [
        *both(
            "POST",
            "",
            handle=create,
            scope="write",
            summary="Create a push task",
            status=201,
            body=TASK,
            answer=CREATED,
            examples=CREATE,
            replayable=True,
        ),
        *both(
            "GET",
            "",
            handle=list_,
            scope="read",
            summary="List push tasks",
            parameters=parameters(TASKS),
            answer=list_schema(TASK_VIEW, partial=True),
        ),
        *both(
            "GET",
            _ONE,
            handle=view,
            scope="read",
            summary="View a push task",
            answer=list_schema(TASK_VIEW),
            refusals=(404,),
        ),
        *both(
            "PATCH",
            _ONE,
            handle=change,
            scope="write",
            summary="Change a push task (JSON Merge Patch)",
            status=204,
            body=PATCH,
            refusals=(404, 409),
        ),
        *both(
            "DELETE",
            _ONE,
            handle=delete,
            scope="write",
            summary="Delete a push task; what is under way is cancelled, statistics stay",
            status=204,
            refusals=(404,),
        ),
        *_commands(commands),
    ]


def _commands(commands: Commands) -> list[Operation]:
    async def copy(call: Call) -> Response:
        return created(await _tell(commands.copy, call))

    async def test(call: Call) -> Response:
        users = read_body_of(_TEST, call.body)["users"]
        return done(
            await run_in_threadpool(
                commands.test, call.scope, _id(call), users, now_ms=call.now_ms, claim=call.claim
            )
        )

    def plain(command: Callable[..., Receipt]) -> Callable[[Call], Any]:
        async def handle(call: Call) -> Response:
            return done(await _tell(command, call))

        return handle

    def operation(name: str, handle: Any, summary: str, **said: Any) -> Operation:
        usual: dict[str, Any] = {"status": 204, "refusals": (404, 409)}
        return Operation(
            method="POST",
            path=f"/v1/hood/push-tasks/{{task_id}}/{name}",
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
        operation(
            "cancel", plain(commands.cancel), "Cancel the execution under way", refusals=(404,)
        ),
        operation("run", plain(commands.run), "Start an execution now"),
        operation(
            "copy",
            copy,
            "Make an inactive copy",
            status=201,
            answer=CREATED,
            refusals=(404,),
        ),
        operation("test", test, "Send to named users only", body=_TEST, refusals=(404,)),
    ]


async def _tell(command: Callable[..., Receipt], call: Call) -> Receipt:
    return await run_in_threadpool(
        command, call.scope, _id(call), now_ms=call.now_ms, claim=call.claim
    )


def _id(call: Call) -> int:
    return row_id_in(call, "task_id", "push task")
