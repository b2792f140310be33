"""``/v1/hood/segments``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.instants import hood_text
from tocsin.domain.listing import ListQuery
from tocsin.domain.segment import MAX_NAME_BYTES, Segment, SegmentDraft
from tocsin.domain.targeting import targeting_json
from tocsin.web.hood.answers import ID, LARGEST_ROW_ID, TIME, object_of
from tocsin.web.hood.door import Operation
from tocsin.web.hood.fields import (
    READ_ONLY,
    Field,
    Place,
    RefusedError,
    instant,
    one_of,
    read_body_of,
    reader,
    text,
    whole_number,
)
from tocsin.web.hood.lists import ListShape
from tocsin.web.hood.patching import merge
from tocsin.web.hood.push_task_shapes import targeting
from tocsin.web.hood.resource import Resource, five_calls

_STATUSES: Final[Mapping[bool, str]] = {True: "active", False: "inactive"}
# The vendor's segments say so what its tasks call include and exclude; both pairs are read.
_OPS: Final[Mapping[str, str]] = {"include": "eq", "exclude": "neq"}


@reader(enum=["active", "inactive", 1, 0, "1", "0"])
def _is_active(value: Any, _at: Place) -> bool:
    if not isinstance(value, bool | float):
        if value in ("active", 1, "1"):
            return True
        if value in ("inactive", 0, "0"):
            return False
    raise RefusedError("must be active or inactive, or 1 or 0")


_SHOWN_ONLY: Final = ("id", "account_id", "create_time", "update_time")
SEGMENT: Final[Mapping[str, Field]] = {
    "name": Field(text(least_bytes=1, most_bytes=MAX_NAME_BYTES), required=True),
    "status": Field(_is_active),
    "targeting": Field(targeting, required=True),
    **dict.fromkeys(_SHOWN_ONLY, READ_ONLY),
}
_VIEW: Final = object_of(
    id=ID,
    account_id=ID,
    name={"type": "string"},
    status={"enum": list(_STATUSES.values())},
    targeting={"type": "object"},
    create_time=TIME,
    update_time=TIME,
)
SHAPE: Final = ListShape(
    keys=tuple(_VIEW["properties"]),
    fields={
        "id": whole_number(1, LARGEST_ROW_ID),
        "name": text(most_bytes=MAX_NAME_BYTES),
        "status": one_of(*_STATUSES.values()),
        "create_time": instant,
        "update_time": instant,
    },
    searched=("name",),
)


class Segments(Protocol):
    """What keeps segments."""

    def create(
        self, scope: Scope, draft: SegmentDraft, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Segment]]: ...
    def view(self, scope: Scope, segment_id: int) -> Segment: ...
    def change(
        self,
        scope: Scope,
        segment_id: int,
        edit: Callable[[Segment], SegmentDraft],
        /,
        *,
        now_ms: int,
    ) -> None: ...
    def remove(self, scope: Scope, segment_id: int) -> None: ...


def segments(service: Segments) -> list[Operation]:
    """Return the calls of segments."""

    def view(scope: Scope, segment_id: int, _: ListQuery) -> Segment:
        return service.view(scope, segment_id)

    return five_calls(
        Resource(
            name="segments",
            what="segment",
            fields=SEGMENT,
            item=_VIEW,
            shape=SHAPE,
            example={
                "name": "Chrome in Canada",
                "status": "active",
                "targeting": {
                    "countries": {"op": "eq", "items": ["CA"]},
                    "browsers": {"op": "eq", "items": ["12"]},
                },
            },
            read_new=_draft,
            read_patch=_patched,
            create=service.create,
            list=service.list,
            view=view,
            change=service.change,
            remove=service.remove,
            shown=segment_view,
            unless="(not while an active push task or segment names it)",
        )
    )


def segment_view(segment: Segment) -> dict[str, Any]:
    """Return *segment* as the API shows it."""
    return {
        "id": str(segment.id),
        "account_id": str(segment.account_id),
        "name": segment.name,
        "status": _STATUSES[segment.active],
        "targeting": _respelled(targeting_json(segment.targeting)),
        "create_time": hood_text(segment.create_ms),
        "update_time": hood_text(segment.update_ms),
    }


def _respelled(part: Any) -> Any:
    """Return *part* of a targeting with the ops of segments; custom data may have a key ``op``."""
    if not isinstance(part, dict):
        return part
    return {
        key: _OPS[inner] if key == "op" and isinstance(inner, str) else _respelled(inner)
        for key, inner in part.items()
    }


def _draft(body: dict[str, Any]) -> SegmentDraft:
    """Return the segment that *body* orders, active unless it says otherwise. Raises Invalid."""
    read = read_body_of(SEGMENT, body)
    return SegmentDraft(
        name=read["name"], targeting=read["targeting"], active=read.get("status", True)
    )


def _patched(segment: Segment, patch: dict[str, Any]) -> SegmentDraft:
    shown = segment_view(segment)
    return _draft(merge({key: shown[key] for key in shown if key not in _SHOWN_ONLY}, patch))
