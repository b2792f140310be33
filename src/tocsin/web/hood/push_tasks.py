"""``/v1/hood/push-tasks``: create, list, view, and the executions of a task."""

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.errors import NotFound
from tocsin.domain.idempotency import Receipt
from tocsin.domain.instants import hood_text
from tocsin.domain.message_token import TOKEN_LENGTH
from tocsin.domain.push_task import Draft, PushTask
from tocsin.services.tasks import Counted
from tocsin.web.hood.door import Call, Operation, created
from tocsin.web.hood.lists import listing, read_page
from tocsin.web.hood.push_task_shapes import TASK, read_create, task_view


class Tasks(Protocol):
    """The order desk."""

    def create(self, scope: Scope, draft: Draft, *, now_ms: int) -> int: ...
    def view(self, scope: Scope, task_id: int) -> PushTask: ...
    def list(self, scope: Scope, *, offset: int, limit: int) -> tuple[int, Sequence[PushTask]]: ...
    def executions(
        self, scope: Scope, task_id: int, *, offset: int, limit: int
    ) -> tuple[int, Sequence[Counted]]: ...


def push_tasks(tasks: Tasks) -> list[Operation]:
    """Return the calls of push tasks. ``/v0`` is the vendor's older path to the same handlers."""

    async def create(call: Call) -> Response:
        draft = read_create(call.body, now_ms=call.now_ms, token_length=TOKEN_LENGTH)
        task_id = await run_in_threadpool(tasks.create, call.scope, draft, now_ms=call.now_ms)
        return created(Receipt(str(task_id)))

    async def list_(call: Call) -> Response:
        page = read_page(call.query)
        total, found = await run_in_threadpool(
            tasks.list, call.scope, offset=page.offset, limit=page.limit
        )
        return JSONResponse(listing(total, map(task_view, found)))

    async def view(call: Call) -> Response:
        task = await run_in_threadpool(tasks.view, call.scope, id_of(call))
        return JSONResponse(listing(1, [task_view(task)]))

    async def executions(call: Call) -> Response:
        page = read_page(call.query)
        total, found = await run_in_threadpool(
            tasks.executions, call.scope, id_of(call), offset=page.offset, limit=page.limit
        )
        return JSONResponse(listing(total, map(execution_view, found)))

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
