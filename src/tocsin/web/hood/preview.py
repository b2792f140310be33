"""``POST /v1/hood/push-tasks/preview``: who would get what, and when."""

from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.instants import hood_text
from tocsin.domain.push_task import Draft
from tocsin.domain.schedule import offset_text
from tocsin.services.preview import Preview
from tocsin.web.hood.answers import TIME, object_of
from tocsin.web.hood.door import Call, Operation
from tocsin.web.hood.examples import CREATE
from tocsin.web.hood.fields import Schema
from tocsin.web.hood.push_task_shapes import TASK
from tocsin.web.hood.push_tasks import Known, draft_of

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_COUNTS: Final[Schema] = {"type": "object", "additionalProperties": _COUNT}


def _array(item: Schema) -> Schema:
    return {"type": "array", "items": item}


PREVIEW: Final = object_of(
    reach=object_of(
        total=_COUNT,
        applications=_COUNTS,
        time_zones=_COUNTS,
        waterfall=_array(object_of(criterion=_TEXT, left=_COUNT)),
    ),
    executions=_array(TIME),
    waves=_array(object_of(utc_offset=_TEXT, at=TIME, reach=_COUNT)),
    payloads={
        "type": "object",
        "additionalProperties": object_of(bytes=_COUNT, payload={"type": "object"}),
    },
    warnings=_array(object_of(code=_TEXT, message=_TEXT)),
)


class Previews(Known, Protocol):
    """What foresees."""

    def preview(self, scope: Scope, draft: Draft, *, now_ms: int) -> Preview: ...


def preview(previews: Previews) -> Operation:
    """Return the call that previews a task."""

    async def show(call: Call) -> Response:
        draft = await draft_of(call, previews)
        seen = await run_in_threadpool(previews.preview, call.scope, draft, now_ms=call.now_ms)
        return JSONResponse(preview_view(seen))

    return Operation(
        method="POST",
        path="/v1/hood/push-tasks/preview",
        handle=show,
        scope="read",
        summary="Say who would get what, and when; nothing is stored",
        resource="push-tasks",
        body=TASK,
        examples=CREATE,
        answer=PREVIEW,
    )


def preview_view(seen: Preview) -> dict[str, Any]:
    """Return a preview in the API's shape."""
    return {
        "reach": {
            "total": seen.reach.total,
            "applications": dict(seen.reach.applications),
            "time_zones": dict(seen.reach.time_zones),
            "waterfall": [
                {"criterion": criterion, "left": left} for criterion, left in seen.reach.waterfall
            ],
        },
        "executions": [hood_text(slot_ms) for slot_ms in seen.executions],
        "waves": [
            {"utc_offset": offset_text(wave.offset_s), "at": hood_text(wave.at_ms), "reach": reach}
            for wave, reach in seen.waves
        ],
        "payloads": {
            language: {"bytes": size, "payload": payload}
            for language, (size, payload) in seen.payloads.items()
        },
        "warnings": [{"code": code, "message": message} for code, message in seen.warnings],
    }
