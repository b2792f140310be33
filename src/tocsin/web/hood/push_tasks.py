"""``/v1/hood/push-tasks``: create, list, view, and the executions of a task."""

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.errors import NotFound
from tocsin.domain.instants import hood_text
from tocsin.domain.message_token import TOKEN_LENGTH
from tocsin.domain.push_task import Draft, PushTask
from tocsin.services.tasks import Counted
from tocsin.web.callers import Callers
from tocsin.web.hood.lists import listing, read_page
from tocsin.web.hood.push_task_shapes import read_create, task_view
from tocsin.web.strict_json import loads, read_body


class Tasks(Protocol):
    """The order desk."""

    def create(self, scope: Scope, draft: Draft, *, now_ms: int) -> int: ...
    def view(self, scope: Scope, task_id: int) -> PushTask: ...
    def list(self, scope: Scope, *, offset: int, limit: int) -> tuple[int, Sequence[PushTask]]: ...
    def executions(
        self, scope: Scope, task_id: int, *, offset: int, limit: int
    ) -> tuple[int, Sequence[Counted]]: ...


class Clock(Protocol):
    """Wall time."""

    def now_ms(self) -> int: ...


def push_tasks(tasks: Tasks, *, callers: Callers, clock: Clock) -> APIRouter:
    """Return the routes of push tasks. ``/v0`` is the vendor's older path to the same handlers."""
    router = APIRouter()

    async def create(request: Request) -> Response:
        caller = await callers.require(request, "write")
        now_ms = clock.now_ms()
        body = loads(await read_body(request))
        draft = read_create(body, now_ms=now_ms, token_length=TOKEN_LENGTH)
        task_id = await run_in_threadpool(tasks.create, caller.account.scope, draft, now_ms=now_ms)
        return JSONResponse({"id": str(task_id)}, status_code=201)

    async def list_(request: Request) -> Response:
        caller = await callers.require(request, "read")
        page = read_page(request.query_params)
        total, found = await run_in_threadpool(
            tasks.list, caller.account.scope, offset=page.offset, limit=page.limit
        )
        return JSONResponse(listing(total, map(task_view, found)))

    async def view(request: Request, task_id: str) -> Response:
        caller = await callers.require(request, "read")
        task = await run_in_threadpool(tasks.view, caller.account.scope, _id(task_id))
        return JSONResponse(listing(1, [task_view(task)]))

    async def executions(request: Request, task_id: str) -> Response:
        caller = await callers.require(request, "read")
        page = read_page(request.query_params)
        total, found = await run_in_threadpool(
            tasks.executions,
            caller.account.scope,
            _id(task_id),
            offset=page.offset,
            limit=page.limit,
        )
        return JSONResponse(listing(total, map(execution_view, found)))

    for version in ("v0", "v1"):
        path = f"/{version}/hood/push-tasks"
        router.add_api_route(path, create, methods=["POST"])
        router.add_api_route(path, list_, methods=["GET"])
        router.add_api_route(f"{path}/{{task_id}}", view, methods=["GET"])
    router.add_api_route("/v1/hood/push-tasks/{task_id}/executions", executions, methods=["GET"])
    return router


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


def _id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound("push task", text)
    return int(text)
