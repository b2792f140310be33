"""``/v1/hood/containers``: apps and sites, their keys, and the push tasks that reach them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.body import at_most_named
from tocsin.domain.container import (
    MAX_APPLICATIONS,
    MAX_NAME_BYTES,
    TYPES,
    WEB,
    Container,
    ContainerDraft,
    application_of,
    origin_of_application,
)
from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.instants import hood_text
from tocsin.domain.listing import ListQuery
from tocsin.domain.push_task import PushTask
from tocsin.domain.targeting import is_host
from tocsin.services.containers import Counted
from tocsin.web.hood import answers
from tocsin.web.hood.answers import ID, LARGEST_ROW_ID, NUMBER, TIME, object_of, row_id_in
from tocsin.web.hood.arrays import array_of
from tocsin.web.hood.door import Call, Operation, done
from tocsin.web.hood.fields import (
    READ_ONLY,
    Field,
    instant,
    one_of,
    read_body_of,
    text,
    whole_number,
)
from tocsin.web.hood.lists import ListShape, listed, parameters, read_query
from tocsin.web.hood.patching import merge
from tocsin.web.hood.push_task_shapes import TASK_VIEW, task_view
from tocsin.web.hood.push_tasks import TASKS
from tocsin.web.hood.resource import Resource, five_calls

_SHOWN_ONLY: Final = (
    "id",
    "account_id",
    "status",
    "key",
    "push",
    "subscribers",
    "create_time",
    "update_time",
)
_STATUSES: Final = ("not-installed", "installed")
_application: Final = text(least_bytes=1, most_bytes=259)  # the longest host, and a port
CONTAINER: Final[Mapping[str, Field]] = {
    "name": Field(text(least_bytes=1, most_bytes=MAX_NAME_BYTES), required=True),
    "type": Field(one_of(*TYPES)),
    "applications": Field(array_of(_application, least=1, most=MAX_APPLICATIONS), required=True),
    **dict.fromkeys(_SHOWN_ONLY, READ_ONLY),
}


_VIEW: Final = object_of(
    id=ID,
    account_id=ID,
    name={"type": "string"},
    type={"enum": list(TYPES)},
    status={"enum": list(_STATUSES)},
    applications={"type": "array", "items": {"type": "string"}},
    key={"type": "string"},
    push=object_of(vapid_public_key={"type": "string"}),
    create_time=TIME,
    update_time=TIME,
    subscribers=NUMBER,
)
SHAPE: Final = ListShape(
    keys=tuple(_VIEW["properties"]),
    only_full=("subscribers",),
    fields={
        "id": whole_number(1, LARGEST_ROW_ID),
        "account_id": whole_number(1, LARGEST_ROW_ID),
        "name": text(most_bytes=MAX_NAME_BYTES),
        "type": one_of(*TYPES),
        "status": one_of(*_STATUSES),
        "create_time": instant,
        "update_time": instant,
    },
    searched=("name",),
)


class Containers(Protocol):
    """What keeps containers."""

    def order(
        self, scope: Scope, draft: ContainerDraft, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def list(
        self, scope: Scope, query: ListQuery, *, count: bool
    ) -> tuple[int, Sequence[Counted]]: ...
    def view(self, scope: Scope, container_id: int, *, count: bool) -> Counted: ...
    def change(
        self,
        scope: Scope,
        container_id: int,
        edit: Callable[[Container], ContainerDraft],
        /,
        *,
        now_ms: int,
    ) -> None: ...
    def remove(self, scope: Scope, container_id: int) -> None: ...
    def rotate_key(
        self, scope: Scope, container_id: int, *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...


class Reaching(Protocol):
    """What knows which push tasks may reach a container."""

    def tasks(
        self, scope: Scope, container_id: int, query: ListQuery, *, now_ms: int
    ) -> tuple[int, Sequence[PushTask]]: ...


def containers(service: Containers, reaching: Reaching) -> list[Operation]:
    """Return the calls of containers."""

    def list_(scope: Scope, query: ListQuery) -> tuple[int, Sequence[Counted]]:
        return service.list(scope, query, count=query.is_full)

    def view(scope: Scope, container_id: int, query: ListQuery) -> Counted:
        return service.view(scope, container_id, count=query.is_full)

    five = five_calls(
        Resource(
            name="containers",
            what="container",
            fields=CONTAINER,
            item=_VIEW,
            shape=SHAPE,
            example={"name": "News", "type": WEB, "applications": ["www.example.com"]},
            read_new=_draft,
            read_patch=_patched,
            create=service.order,
            list=list_,
            view=view,
            change=service.change,
            remove=service.remove,
            shown=container_view,
            unless="(not while it has subscribers)",
        )
    )
    return [*five, *_commands(service, reaching)]


def _commands(service: Containers, reaching: Reaching) -> list[Operation]:
    async def rotate_key(call: Call) -> Response:
        return done(
            await run_in_threadpool(
                service.rotate_key, call.scope, _id(call), now_ms=call.now_ms, claim=call.claim
            )
        )

    async def tasks(call: Call) -> Response:
        query = read_query(call.query, TASKS)
        total, found = await run_in_threadpool(
            reaching.tasks, call.scope, _id(call), query, now_ms=call.now_ms
        )
        return JSONResponse(listed(total, map(task_view, found), query, TASKS))

    path = "/v1/hood/containers/{container_id}"
    shared: dict[str, Any] = {"resource": "containers", "refusals": (404,)}
    return [
        Operation(
            method="POST",
            path=f"{path}/rotate-key",
            handle=rotate_key,
            scope="write",
            summary="Make a new VAPID pair for new subscriptions; the old one stays for old ones",
            status=204,
            replayable=True,
            **shared,
        ),
        Operation(
            method="GET",
            path=f"{path}/tasks",
            handle=tasks,
            scope="read",
            summary="List the push tasks whose targeting does not rule the container out",
            parameters=parameters(TASKS),
            answer=answers.list_schema(TASK_VIEW, partial=True),
            **shared,
        ),
    ]


def _id(call: Call) -> int:
    return row_id_in(call, "container_id", "container")


def container_view(counted: Counted) -> dict[str, Any]:
    """Return a container as the API shows it; with its active subscribers if they were counted."""
    container = counted.container
    shown = {
        "id": str(container.id),
        "account_id": str(container.account_id),
        "name": container.name,
        "type": container.type,
        "status": _STATUSES[container.first_event_ms is not None],
        "applications": list(container.applications),
        "key": container.key,
        "push": {"vapid_public_key": container.vapid_public_key},
        "create_time": hood_text(container.create_ms),
        "update_time": hood_text(container.update_ms),
    }
    return (
        shown if counted.subscribers is None else shown | {"subscribers": str(counted.subscribers)}
    )


def _draft(body: dict[str, Any], known: Container | None = None) -> ContainerDraft:
    """Return the container that *body* orders. Raises Invalid with every fault.

    known: as it is so far. Its origins keep their scheme, which clients do not name.
    """
    read = read_body_of(CONTAINER, body)
    kind = read.get("type", WEB)
    if known is not None and kind != known.type:
        raise Invalid((Fault("type", "can not be changed: make another container instead"),))
    origins: dict[str, list[str]] = {}
    for origin in known.origins if known else ():
        origins.setdefault(application_of(origin), []).append(origin)
    found: dict[str, list[str]] = {}
    faults = []
    for index, name in enumerate(read["applications"]):
        try:
            named = origins.get(name.lower()) or [_named(kind, name)]
        except ValueError as error:
            faults.append(Fault(f"applications.{index}", str(error)))
            continue
        if found.setdefault(named[0].lower(), named) is not named:
            faults.append(Fault(f"applications.{index}", "is there already, written otherwise"))
    if faults:
        raise Invalid(tuple(at_most_named(faults, "applications")))
    names = tuple(name for named in found.values() for name in named)
    return ContainerDraft(
        name=read["name"],
        type=kind,
        origins=names if kind == WEB else (),
        bundles=() if kind == WEB else names,
    )


def _named(kind: str, name: str) -> str:
    """Return the origin, or the bundle, that an application stands for. Raises ValueError."""
    if kind == WEB:
        return origin_of_application(name)
    if not is_host(name):
        raise ValueError("must be a bundle name such as com.example.news")
    return name


def _patched(container: Container, patch: dict[str, Any]) -> ContainerDraft:
    shown = {
        "name": container.name,
        "type": container.type,
        "applications": list(container.applications),
    }
    return _draft(merge(shown, patch), container)
