"""``/v1/hood/push-tasks/{id}/executions``: what became of a task, in numbers and by person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.event import COUNTER_OF_KIND
from tocsin.domain.execution import State
from tocsin.domain.instants import hood_text
from tocsin.domain.outcome import COUNTER_OF, Outcome
from tocsin.services.executions import Counted
from tocsin.services.recipients import Account
from tocsin.web.hood.answers import ID, NULL_OR_TIME, TIME, id_in, list_schema, object_of, row_id_in
from tocsin.web.hood.book import DRAWS, draw_view
from tocsin.web.hood.door import Call, Operation
from tocsin.web.hood.fields import Schema, nullable
from tocsin.web.hood.lists import ListShape, listed, parameters, read_query
from tocsin.web.hood.views import read_view, view_parameters

_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_COUNTERS: Final = ("total_user", *COUNTER_OF.values(), *COUNTER_OF_KIND.values())
EXECUTION: Final = object_of(
    id=ID,
    task_id=ID,
    kind={"enum": ["scheduled", "manual", "test"]},
    state={"enum": [state.value for state in State]},
    reason=nullable({"type": "string"}),
    scheduled_time=TIME,
    start_time=NULL_OR_TIME,
    end_time=NULL_OR_TIME,
    counters=object_of(**dict.fromkeys(_COUNTERS, _COUNT)),
)
EXECUTIONS: Final = ListShape(keys=tuple(EXECUTION["properties"]))
_RECIPIENT: Final = object_of(
    outcome=nullable({"enum": [outcome.name.lower() for outcome in Outcome]}),
    at=NULL_OR_TIME,
    attempts=_COUNT,
    answer=nullable({"type": "integer"}),
    reason={"type": "string"},
)
RECIPIENT: Final[Schema] = {
    **_RECIPIENT,
    "properties": {**_RECIPIENT["properties"], "draws": DRAWS},
}


class Executions(Protocol):
    """What knows the executions of a task."""

    def list(
        self, scope: Scope, task_id: int, *, offset: int, limit: int
    ) -> tuple[int, Sequence[Counted]]: ...
    def view(self, scope: Scope, task_id: int, execution_id: int) -> Counted: ...


class Recipients(Protocol):
    """What knows what became of one person."""

    def account(
        self, scope: Scope, task_id: int, execution_id: int, user_id: int, *, now_ms: int
    ) -> Account: ...


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the calls do."""

    executions: Executions
    recipients: Recipients

    async def list(self, call: Call) -> Response:
        query = read_query(call.query, EXECUTIONS)
        total, found = await run_in_threadpool(
            self.executions.list,
            call.scope,
            row_id_in(call, "task_id", "push task"),
            offset=query.offset,
            limit=query.limit,
        )
        return JSONResponse(listed(total, map(execution_view, found), query, EXECUTIONS))

    async def view(self, call: Call) -> Response:
        query = read_view(call.query, EXECUTIONS)
        found = await run_in_threadpool(self.executions.view, call.scope, *_ids(call))
        return JSONResponse(listed(1, [execution_view(found)], query, EXECUTIONS))

    async def recipient(self, call: Call) -> Response:
        user_id = id_in(call, "user_id", "user")
        found = await run_in_threadpool(
            self.recipients.account, call.scope, *_ids(call), user_id, now_ms=call.now_ms
        )
        return JSONResponse(account_view(found))


def executions(executions: Executions, recipients: Recipients) -> list[Operation]:
    """Return the calls about the executions of a push task."""
    handlers = _Handlers(executions, recipients)
    path = "/v1/hood/push-tasks/{task_id}/executions"
    shared: dict[str, Any] = {
        "method": "GET",
        "scope": "read",
        "resource": "executions",
        "refusals": (404,),
    }
    return [
        Operation(
            path=path,
            handle=handlers.list,
            summary="List the executions of a push task",
            parameters=parameters(EXECUTIONS),
            answer=list_schema(EXECUTION, partial=True),
            **shared,
        ),
        Operation(
            path=f"{path}/{{execution_id}}",
            handle=handlers.view,
            summary="View an execution",
            parameters=view_parameters(EXECUTIONS),
            answer=list_schema(EXECUTION, partial=True),
            **shared,
        ),
        Operation(
            path=f"{path}/{{execution_id}}/recipients/{{user_id}}",
            handle=handlers.recipient,
            summary="Say what became of one person",
            answer=RECIPIENT,
            **shared,
        ),
    ]


def _ids(call: Call) -> tuple[int, int]:
    """Return the push task's and the execution's id in the path. Raises NotFound."""
    task_id = row_id_in(call, "task_id", "push task")
    return task_id, row_id_in(call, "execution_id", "execution")


def execution_view(counted: Counted) -> dict[str, Any]:
    """Return an execution in the API's shape; instants are GMT, counters whole numbers."""
    execution = counted.execution
    return {
        "id": str(execution.id),
        "task_id": str(execution.task_id),
        "kind": execution.kind.value,
        "state": execution.state.value,
        "reason": execution.reason,
        "scheduled_time": hood_text(execution.due_ms),
        "start_time": _text(execution.start_ms),
        "end_time": _text(execution.end_ms),
        "counters": dict(counted.counters),
    }


def account_view(account: Account) -> dict[str, Any]:
    """Return what became of one person, in the API's shape."""
    shown: dict[str, Any] = {
        "outcome": None if account.outcome is None else account.outcome.name.lower(),
        "at": _text(account.at_ms),
        "attempts": account.attempts,
        "answer": account.answer,
        "reason": account.reason,
    }
    if account.draws is not None:
        shown["draws"] = [draw_view(row, ads) for row, ads in account.draws]
    return shown


def _text(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else hood_text(instant_ms)
