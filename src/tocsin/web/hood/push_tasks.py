"""``/v1/hood/push-tasks``: create, list, view, and the executions of a task."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.errors import NotFound
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.instants import hood_text
from tocsin.domain.listing import ListQuery
from tocsin.domain.message_token import TOKEN_LENGTH
from tocsin.domain.push_task import MAX_NAME_BYTES, Draft, PushTask, Status
from tocsin.services.tasks import Counted
from tocsin.web.hood.door import Call, Operation, created
from tocsin.web.hood.fields import instant, text, whole_number
from tocsin.web.hood.lists import ListShape, listed, listing, parameters, read_query
from tocsin.web.hood.push_task_shapes import TASK, read_create, task_view

TASKS: Final = ListShape(
    keys=tuple(TASK),
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
EXECUTIONS: Final = ListShape(
    keys=(
        "id",
        "task_id",
        "state",
        "reason",
        "scheduled_time",
        "start_time",
        "end_time",
        "counters",
    )
)


class Tasks(Protocol):
    """The order desk."""

    def create(
        self, scope: Scope, draft: Draft, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def view(self, scope: Scope, task_id: int) -> PushTask: ...
    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[PushTask]]: ...
    def executions(
        self, scope: Scope, task_id: int, *, offset: int, limit: int
    ) -> tuple[int, Sequence[Counted]]: ...


def push_tasks(tasks: Tasks) -> list[Operation]:
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
        task = await run_in_threadpool(tasks.view, call.scope, id_of(call))
        return JSONResponse(listing(1, [task_view(task)]))

    async def executions(call: Call) -> Response:
        query = read_query(call.query, EXECUTIONS)
        total, found = await run_in_threadpool(
            tasks.executions, call.scope, id_of(call), offset=query.offset, limit=query.limit
        )
        return JSONResponse(listed(total, map(execution_view, found), query, EXECUTIONS))

    of_both = [
        Operation(
            method=method,
            path=f"/{version}/hood/push-tasks{rest}",
            handle=handle,
            scope=scope,
            summary=summary,
            resource="push-tasks",
            status=status,
            body=body,
            parameters=parameters(TASKS) if handle is list_ else (),
            replayable=handle is create,
        )
        for version in ("v1", "v0")
        for method, rest, handle, scope, summary, status, body in (
            ("POST", "", create, "write", "Create a push task", 201, TASK),
            ("GET", "", list_, "read", "List push tasks", 200, None),
            ("GET", "/{task_id}", view, "read", "View a push task", 200, None),
        )
    ]
    return [
        *of_both,
        Operation(
            method="GET",
            path="/v1/hood/push-tasks/{task_id}/executions",
            handle=executions,
            scope="read",
            summary="List the executions of a push task",
            resource="push-tasks",
            parameters=parameters(EXECUTIONS),
        ),
    ]


def execution_view(counted: Counted) -> dict[str, Any]:
    """Return an execution in the API's shape; instants are GMT, counters whole numbers."""
    execution = counted.execution
    return {
        "id": str(execution.id),
        "task_id": str(execution.task_id),
        "state": execution.state.value,
        "reason": execution.reason,
        "scheduled_time": hood_text(execution.due_ms),
        "start_time": _text(execution.start_ms),
        "end_time": _text(execution.end_ms),
        "counters": dict(counted.counters),
    }


def _text(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else hood_text(instant_ms)


def id_of(call: Call) -> int:
    """Return the push task's id in the path. Raises NotFound for what can be none."""
    text = call.path["task_id"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound("push task", text)
    return int(text)
