"""``/v1/hood/users``: the subscribers, as the account that they belong to sees them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import Scope
from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.instants import hood_text
from tocsin.domain.listing import ListQuery
from tocsin.domain.registration import (
    MAX_KEY_BYTES,
    MAX_KEYS,
    MAX_TEXT_BYTES,
    MAX_VALUES,
    READERS,
)
from tocsin.domain.subscriber import UserData
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import MAX_ID
from tocsin.web.hood import answers
from tocsin.web.hood.answers import ID, TIME, id_in, object_of
from tocsin.web.hood.arrays import array_of
from tocsin.web.hood.door import Call, Operation, done
from tocsin.web.hood.fields import (
    Field,
    Place,
    Reader,
    RefusedError,
    Schema,
    instant,
    nullable,
    one_of,
    read_body_of,
    text,
    whole_number,
)
from tocsin.web.hood.lists import ListShape, listed, parameters, read_query
from tocsin.web.hood.message_shapes import identifier
from tocsin.web.hood.views import read_view, view_parameters

MAX_IDS: Final = 1000
STATUSES: Final = ("unsubscribed", "active")


def _attribute(name: str, schema: Schema) -> Reader:
    """Return the reader of an attribute, which reads as it does where browsers register."""
    _, read_value = READERS[name]

    def read(value: Any, _: Place) -> Any:
        try:
            return read_value(value)
        except ValueError as error:
            raise RefusedError(str(error)) from None

    return Reader(read, schema)


_VALUE: Final[Schema] = {
    "type": ["string", "number", "boolean", "null"],
    "maxLength": MAX_TEXT_BYTES,
}
_USER_DATA: Final[Schema] = {
    "type": "object",
    "maxProperties": MAX_KEYS,
    "propertyNames": {"minLength": 1, "maxLength": MAX_KEY_BYTES},
    "additionalProperties": {
        "anyOf": [_VALUE, {"type": "array", "items": _VALUE, "maxItems": MAX_VALUES}]
    },
    "description": "text, numbers, true, false, or lists of these; null forgets a key",
}
_SHORT_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_BYTES}
_GEONAMES: Final[Schema] = {
    "anyOf": [
        {"type": "string", "pattern": "^[1-9][0-9]{0,9}$"},
        {"type": "integer", "minimum": 1, "maximum": 9_999_999_999},
    ],
    "description": "a GeoNames id",
}
_LANGUAGE: Final[Schema] = {
    "type": "string",
    "pattern": "^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,7}$",
    "examples": ["pt-BR"],
}
PROFILE: Final[Mapping[str, Field]] = {
    "language": Field(_attribute("language", _LANGUAGE)),
    "timezone": Field(_attribute("timezone", {"type": "string", "examples": ["Europe/Belgrade"]})),
    "country": Field(_attribute("country", {"type": "string", "pattern": "^[A-Za-z]{2}$"})),
    "region": Field(_attribute("region", _GEONAMES)),
    "remote_user_id": Field(_attribute("remote_user_id", _SHORT_TEXT)),
    "user_data": Field(_attribute("user_data", _USER_DATA)),
}
_ids: Final = array_of(identifier, least=1, most=MAX_IDS, distinct=False)
UNSUBSCRIBE: Final[Mapping[str, Field]] = {"client_id": Field(_ids, required=True)}
CUSTOM_DATA: Final[Mapping[str, Field]] = {
    "user_id": Field(_ids, required=True),
    "custom_data": Field(_attribute("user_data", _USER_DATA), required=True),
}

_NULL_OR_TEXT: Final = nullable({"type": "string", "maxLength": MAX_TEXT_BYTES})
_NULL_OR_ID: Final = nullable(ID)
PERSON: Final[Mapping[str, Schema]] = {
    "application": _NULL_OR_TEXT,
    "country": _NULL_OR_TEXT,
    "region": _NULL_OR_ID,
    "city": _NULL_OR_ID,
    "language": _NULL_OR_TEXT,
    "timezone": _NULL_OR_TEXT,
    "browser": _NULL_OR_ID,
    "os": _NULL_OR_ID,
    "remote_user_id": _NULL_OR_TEXT,
    "user_data": {"type": "object"},
    "status": {"enum": list(STATUSES)},
}
"""What is told of a subscriber wherever one is shown, beside ids and instants."""

_VIEW: Final = object_of(
    id=ID, container_id=ID, account_id=ID, subscribed_at=TIME, last_seen=TIME, **PERSON
)
_text: Final = text(most_bytes=MAX_TEXT_BYTES)
SHAPE: Final = ListShape(
    keys=tuple(_VIEW["properties"]),
    fields={
        "id": whole_number(0, MAX_ID),
        "container_id": whole_number(1, answers.LARGEST_ROW_ID),
        "account_id": whole_number(1, answers.LARGEST_ROW_ID),
        "application": _text,
        "country": _text,
        "region": _text,
        "city": _text,
        "language": _text,
        "timezone": _text,
        "browser": whole_number(1, 2**31 - 1),
        "os": whole_number(1, 2**31 - 1),
        "remote_user_id": _text,
        "subscribed_at": instant,
        "last_seen": instant,
        "status": one_of(*STATUSES),
    },
    searched=("remote_user_id",),
)
_ERASED: Final = object_of(id=ID, erased_time=TIME)


class People(Protocol):
    """Who deals with subscribers on behalf of their account."""

    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Subscriber]]: ...
    def view(self, scope: Scope, subscriber_id: int) -> Subscriber: ...
    def unsubscribe(
        self, scope: Scope, ids: Collection[int], *, now_ms: int, claim: Claim | None
    ) -> Receipt: ...
    def set_custom_data(
        self,
        scope: Scope,
        ids: Collection[int],
        data: UserData,
        *,
        now_ms: int,
        claim: Claim | None,
    ) -> Receipt: ...
    def change(self, scope: Scope, subscriber_id: int, changes: Mapping[str, Any]) -> None: ...
    def erase(self, scope: Scope, subscriber_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the calls do."""

    people: People

    async def list(self, call: Call) -> Response:
        query = read_query(call.query, SHAPE)
        total, found = await run_in_threadpool(self.people.list, call.scope, query)
        return JSONResponse(listed(total, map(user_view, found), query, SHAPE))

    async def view(self, call: Call) -> Response:
        query = read_view(call.query, SHAPE)
        found = await run_in_threadpool(self.people.view, call.scope, _id(call))
        return JSONResponse(listed(1, [user_view(found)], query, SHAPE))

    async def change(self, call: Call) -> Response:
        changes = read_profile(call.body)
        await run_in_threadpool(self.people.change, call.scope, _id(call), changes)
        return done()

    async def erase(self, call: Call) -> Response:
        erased = _id(call)
        await run_in_threadpool(self.people.erase, call.scope, erased)
        return JSONResponse({"id": str(erased), "erased_time": hood_text(call.now_ms)})

    async def unsubscribe(self, call: Call) -> Response:
        ids = _numbers(read_body_of(UNSUBSCRIBE, call.body)["client_id"])
        told = partial(self.people.unsubscribe, call.scope, ids)
        return done(await run_in_threadpool(told, now_ms=call.now_ms, claim=call.claim))

    async def set_custom_data(self, call: Call) -> Response:
        read = read_body_of(CUSTOM_DATA, call.body)
        ids, data = _numbers(read["user_id"]), read["custom_data"]
        told = partial(self.people.set_custom_data, call.scope, ids, data)
        return done(await run_in_threadpool(told, now_ms=call.now_ms, claim=call.claim))


def users(people: People) -> list[Operation]:
    """Return the calls of users."""
    handlers = _Handlers(people)
    return [
        Operation(
            method="GET",
            path="/v1/hood/users",
            handle=handlers.list,
            scope="read",
            summary="List users",
            resource="users",
            parameters=parameters(SHAPE),
            answer=answers.list_schema(_VIEW, partial=True),
        ),
        *_of_one(handlers),
        *_of_many(handlers),
    ]


def _of_one(handlers: _Handlers) -> list[Operation]:
    operation = partial(
        Operation, path="/v1/hood/users/{user_id}", resource="users", refusals=(404,)
    )
    return [
        operation(
            method="GET",
            handle=handlers.view,
            scope="read",
            summary="View a user",
            parameters=view_parameters(SHAPE),
            answer=answers.list_schema(_VIEW, partial=True),
        ),
        operation(
            method="PATCH",
            handle=handlers.change,
            scope="write",
            summary="Change what is known of a user (JSON Merge Patch; null: unknown)",
            status=204,
            body=PROFILE,
            examples={"plain": {"language": "pt-BR", "user_data": {"plan": "gold"}}},
        ),
        operation(
            method="DELETE",
            handle=handlers.erase,
            scope="write",
            summary="Erase a user; what they were sent stays as numbers",
            answer=_ERASED,
        ),
    ]


def _of_many(handlers: _Handlers) -> list[Operation]:
    operation = partial(
        Operation, method="POST", scope="write", resource="users", status=204, replayable=True
    )
    told = {"plan": "gold"}
    return [
        operation(
            path="/v1/hood/users/unsubscribe",
            handle=handlers.unsubscribe,
            summary="End subscriptions; unknown ids are passed over",
            body=UNSUBSCRIBE,
            examples={"plain": {"client_id": ["9007199254740993"]}},
        ),
        operation(
            path="/v1/hood/users/custom-data",
            handle=handlers.set_custom_data,
            summary="Merge the same custom data into each user's; unknown ids are passed over",
            body=CUSTOM_DATA,
            examples={"plain": {"user_id": ["9007199254740993"], "custom_data": told}},
        ),
    ]


def read_profile(body: dict[str, Any]) -> Mapping[str, Any]:
    """Return the attributes that *body* changes: None, where it says null, for an unknown one.

    Raises Invalid with every fault, and for a body that changes nothing.
    """
    read = read_body_of(PROFILE, body)
    if not body:
        raise Invalid((Fault("", f"changes nothing: name one of {', '.join(PROFILE)}"),))
    return {READERS[name][0]: read.get(name) for name in body}


def user_view(one: Subscriber) -> dict[str, Any]:
    """Return a subscriber as the API shows one: never with the endpoint or its keys."""
    known = one.attributes
    return {
        "id": str(one.id),
        "container_id": str(known.container_id),
        "account_id": str(known.account_id),
        "application": known.host,
        "country": known.country,
        "region": known.region,
        "city": known.city,
        "language": known.language,
        "timezone": known.time_zone,
        "browser": None if known.browser is None else str(known.browser),
        "os": None if known.os is None else str(known.os),
        "remote_user_id": known.remote_user_id,
        "user_data": known.user_data,
        "subscribed_at": hood_text(known.subscribed_ms),
        "last_seen": hood_text(one.last_seen_ms),
        "status": STATUSES[one.active],
    }


def _numbers(ids: Sequence[str]) -> Collection[int]:
    return set(map(int, ids))


def _id(call: Call) -> int:
    return id_in(call, "user_id", "user")
