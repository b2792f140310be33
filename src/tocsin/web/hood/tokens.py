"""``/v2/ocamba/personal-api-keys``: make a token, check it, see which there are, revoke one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.domain.account import SCOPES, Credential, Scope, TokenDraft
from tocsin.domain.errors import Fault, Invalid, NotFound
from tocsin.domain.instants import hood_text
from tocsin.domain.listing import ListQuery
from tocsin.services.accounts import MAX_NAME_BYTES, Issued
from tocsin.web.hood.answers import ID, NULL_OR_TIME, TIME, list_schema, object_of
from tocsin.web.hood.door import Call, Operation, done
from tocsin.web.hood.fields import (
    Field,
    Place,
    RefusedError,
    Schema,
    instant,
    read_object,
    reader,
    text,
    whole_number,
)
from tocsin.web.hood.lists import ListShape, listed, parameters, read_query

PATH: Final = "/v2/ocamba/personal-api-keys"
_ID: Final = whole_number(1, 2**63 - 1)


class Tokens(Protocol):
    """What makes tokens and knows them."""

    def issue_token(
        self, by: Credential, draft: TokenDraft, *, account_id: int | None
    ) -> Issued: ...
    def tokens(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Credential]]: ...
    def revoke_token(self, scope: Scope, token_id: int) -> None: ...


@reader(type="array", items={"enum": list(SCOPES)}, minItems=1, uniqueItems=True)
def _scopes(value: Any, at: Place) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise RefusedError(f"must be a list with at least one of {', '.join(SCOPES)}")
    for number, scope in enumerate(value[: len(SCOPES) + 1]):
        if scope not in SCOPES:
            at.inside(number).refuse(f"must be one of {', '.join(SCOPES)}")
    if len(value) > len(SCOPES) or any(value.count(scope) > 1 for scope in SCOPES):
        raise RefusedError("must name each scope once")
    return tuple(scope for scope in SCOPES if scope in value)


TOKEN: Final[Mapping[str, Field]] = {
    "name": Field(text(least_bytes=1, most_bytes=MAX_NAME_BYTES), required=True),
    "scopes": Field(_scopes),
    "valid_from": Field(instant),
    "valid_until": Field(instant),
    "account_id": Field(_ID),
}
TOKENS: Final = ListShape(
    keys=("id", "account_id", "name", "scopes", "valid_from", "valid_until", "create_time"),
    fields={
        "id": _ID,
        "account_id": _ID,
        "name": text(most_bytes=MAX_NAME_BYTES),
        "valid_from": instant,
        "valid_until": instant,
        "create_time": instant,
    },
    searched=("name",),
)
_KNOWN: Final[Mapping[str, Schema]] = {
    "id": ID,
    "name": {"type": "string"},
    "scopes": {"type": "array", "items": {"enum": list(SCOPES)}},
    "valid_from": NULL_OR_TIME,
    "valid_until": NULL_OR_TIME,
}
_ISSUED: Final = object_of(
    **_KNOWN, token={"type": "string", "description": "the secret, shown this once"}
)
_TOKEN: Final = object_of(**_KNOWN, account_id=ID, create_time=TIME)


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the calls do."""

    service: Tokens

    async def create(self, call: Call) -> Response:
        draft, account_id = read_token(call)
        issued = await run_in_threadpool(
            self.service.issue_token, call.credential, draft, account_id=account_id
        )
        return JSONResponse(
            {
                "id": str(issued.id),
                "name": draft.name,
                "token": issued.token,
                "scopes": list(draft.scopes),
                "valid_from": _text(draft.valid_from_ms),
                "valid_until": _text(draft.valid_until_ms),
            },
            status_code=201,
            headers={"Cache-Control": "no-store"},
        )

    async def validate(self, _: Call) -> Response:
        return done()  # who came so far has a good one

    async def list(self, call: Call) -> Response:
        query = read_query(call.query, TOKENS)
        total, found = await run_in_threadpool(self.service.tokens, call.scope, query)
        return JSONResponse(listed(total, map(token_view, found), query, TOKENS))

    async def revoke(self, call: Call) -> Response:
        await run_in_threadpool(self.service.revoke_token, call.scope, _id_of(call))
        return done()


def tokens(service: Tokens) -> list[Operation]:
    """Return the calls of tokens."""
    handlers = _Handlers(service)
    return [
        Operation(
            method="POST",
            path=PATH,
            handle=handlers.create,
            scope="admin",
            summary="Make a token",
            resource="personal-api-keys",
            status=201,
            answer=_ISSUED,
            body=TOKEN,
            examples={"plain": {"name": "reports", "scopes": ["read"]}},
            unrepeatable="a token is shown once, so its making cannot be replayed",
        ),
        Operation(
            method="POST",
            path=f"{PATH}/validate",
            handle=handlers.validate,
            scope=None,
            summary="Check the token of the request",
            resource="personal-api-keys",
            status=204,
        ),
        Operation(
            method="GET",
            path=PATH,
            handle=handlers.list,
            scope="admin",
            summary="List tokens, without their secrets",
            resource="personal-api-keys",
            parameters=parameters(TOKENS),
            answer=list_schema(_TOKEN, partial=True),
        ),
        Operation(
            method="DELETE",
            path=f"{PATH}/{{token_id}}",
            handle=handlers.revoke,
            scope="admin",
            summary="Revoke a token",
            resource="personal-api-keys",
            status=204,
            refusals=(404,),
        ),
    ]


def read_token(call: Call) -> tuple[TokenDraft, int | None]:
    """Return the token that the body asks for, and for which account, None for the caller's own.

    Without scopes it has all those of the token that makes it. Raises Invalid.
    """
    faults: list[Fault] = []
    found = read_object(call.body, Place("", faults), TOKEN)
    if faults:
        raise Invalid(tuple(faults))
    draft = TokenDraft(
        name=found["name"],
        scopes=found.get("scopes", call.credential.scopes),
        valid_from_ms=found.get("valid_from"),
        valid_until_ms=found.get("valid_until"),
    )
    return draft, found.get("account_id")


def token_view(credential: Credential) -> dict[str, Any]:
    """Return a token in the API's shape: everything but its secret, which nobody has."""
    return {
        "id": str(credential.id),
        "account_id": str(credential.account.id),
        "name": credential.name,
        "scopes": list(credential.scopes),
        "valid_from": _text(credential.valid_from_ms),
        "valid_until": _text(credential.valid_until_ms),
        "create_time": hood_text(credential.create_ms),
    }


def _text(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else hood_text(instant_ms)


def _id_of(call: Call) -> int:
    text_ = call.path["token_id"]
    if not text_.isascii() or not text_.isdigit() or len(text_) > 18:
        raise NotFound("token", text_)
    return int(text_)
