"""``/v1/hood/groups`` and ``/v1/hood/application-groups``."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.group import (
    MAX_DESCRIPTION_BYTES,
    MAX_ITEMS,
    MAX_NAME_BYTES,
    Group,
    GroupDraft,
    Kind,
)
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.instants import hood_text
from tocsin.domain.listing import ListQuery
from tocsin.domain.targeting import is_host
from tocsin.web.hood.answers import ID, LARGEST_ROW_ID, NUMBER, TIME, object_of
from tocsin.web.hood.arrays import array_of
from tocsin.web.hood.door import Operation
from tocsin.web.hood.fields import (
    READ_ONLY,
    Field,
    Place,
    RefusedError,
    Schema,
    instant,
    nullable,
    read_body_of,
    reader,
    text,
    whole_number,
)
from tocsin.web.hood.lists import ListShape
from tocsin.web.hood.message_shapes import identifier
from tocsin.web.hood.patching import merge
from tocsin.web.hood.resource import Resource, five_calls

_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{6}")


@reader(type="string", pattern="^#[0-9A-Fa-f]{6}$", examples=["#1f6feb"])
def _color(value: Any, _at: Place) -> str:
    if not isinstance(value, str) or not _COLOR.fullmatch(value):
        raise RefusedError("must be a color such as #1f6feb")
    return value


@reader(
    type="string",
    maxLength=253,
    pattern="^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$",
    examples=["www.example.com"],
)
def _host(value: Any, _at: Place) -> str:
    if not isinstance(value, str) or not is_host(value):
        raise RefusedError("must be a host name or bundle name such as www.example.com")
    return value.lower()


# What a group of each kind calls its items, and what an item is.
_ITEMS: Final[Mapping[Kind, tuple[str, Field, Schema]]] = {
    Kind.CONTAINERS: (
        "item_ids",
        Field(array_of(identifier, most=MAX_ITEMS), required=True),
        ID,
    ),
    Kind.HOSTS: (
        "items",
        Field(array_of(_host, most=MAX_ITEMS), required=True),
        _host.schema,
    ),
}
_SHOWN_ONLY: Final = ("id", "account_id", "num_of_items", "create_time", "update_time")


class Groups(Protocol):
    """The groups of one kind."""

    def create(
        self, scope: Scope, draft: GroupDraft, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Group]]: ...
    def view(self, scope: Scope, group_id: int) -> Group: ...
    def change(
        self,
        scope: Scope,
        group_id: int,
        edit: Callable[[Group], GroupDraft],
        /,
        *,
        now_ms: int,
    ) -> None: ...
    def remove(self, scope: Scope, group_id: int) -> None: ...


def groups(service: Groups) -> list[Operation]:
    """Return the calls of groups of containers."""
    return _calls("groups", "group", Kind.CONTAINERS, service)


def application_groups(service: Groups) -> list[Operation]:
    """Return the calls of groups of host names."""
    return _calls("application-groups", "application group", Kind.HOSTS, service)


def _calls(name: str, what: str, kind: Kind, service: Groups) -> list[Operation]:
    items, _, item = _ITEMS[kind]
    shape = object_of(
        id=ID,
        account_id=ID,
        name={"type": "string"},
        color=nullable(_color.schema),
        description=nullable({"type": "string"}),
        **{items: {"type": "array", "items": item}},
        num_of_items=NUMBER,
        create_time=TIME,
        update_time=TIME,
    )

    def view(scope: Scope, group_id: int, _: ListQuery) -> Group:
        return service.view(scope, group_id)

    return five_calls(
        Resource(
            name=name,
            what=what,
            fields=_fields(kind),
            item=shape,
            shape=ListShape(
                keys=tuple(shape["properties"]),
                fields={
                    "id": whole_number(1, LARGEST_ROW_ID),
                    "name": text(most_bytes=MAX_NAME_BYTES),
                    "create_time": instant,
                    "update_time": instant,
                },
                searched=("name",),
            ),
            example={"name": "News sites", "color": "#1f6feb", items: item["examples"]},
            read_new=partial(_draft, kind),
            read_patch=partial(_patched, kind),
            create=service.create,
            list=service.list,
            view=view,
            change=service.change,
            remove=service.remove,
            shown=partial(group_view, kind),
            unless="(not while an active push task or segment names it)",
        )
    )


def group_view(kind: Kind, group: Group) -> dict[str, Any]:
    """Return *group* as the API shows it."""
    return {
        "id": str(group.id),
        "account_id": str(group.account_id),
        "name": group.name,
        "color": group.color,
        "description": group.description,
        _ITEMS[kind][0]: list(group.items),
        "num_of_items": str(len(group.items)),
        "create_time": hood_text(group.create_ms),
        "update_time": hood_text(group.update_ms),
    }


def _fields(kind: Kind) -> Mapping[str, Field]:
    items, field, _ = _ITEMS[kind]
    return {
        "name": Field(text(least_bytes=1, most_bytes=MAX_NAME_BYTES), required=True),
        "color": Field(_color),
        "description": Field(text(most_bytes=MAX_DESCRIPTION_BYTES)),
        items: field,
        **dict.fromkeys(_SHOWN_ONLY, READ_ONLY),
    }


def _draft(kind: Kind, body: dict[str, Any]) -> GroupDraft:
    """Return the group that *body* orders. Raises Invalid with every fault."""
    read = read_body_of(_fields(kind), body)
    return GroupDraft(
        name=read["name"],
        color=read.get("color"),
        description=read.get("description"),
        items=read[_ITEMS[kind][0]],
    )


def _patched(kind: Kind, group: Group, patch: dict[str, Any]) -> GroupDraft:
    shown = group_view(kind, group)
    return _draft(kind, merge({key: shown[key] for key in shown if key not in _SHOWN_ONLY}, patch))
