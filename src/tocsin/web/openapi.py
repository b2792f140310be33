"""The OpenAPI 3.1 document, made of what the door's operations say of themselves.

A field's schema stands beside its reader, an error's status in the catalogue of problems.py, so
the document cannot say anything else than the server does.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tocsin.domain.idempotency import MAX_KEY_LENGTH
from tocsin.web.hood.answers import ID
from tocsin.web.hood.dictionaries import NAMES
from tocsin.web.hood.door import Operation, Parameter
from tocsin.web.hood.fields import Schema, object_schema
from tocsin.web.hood.lists import FILTERS, MAX_FILTERS
from tocsin.web.ndjson import MEDIA_TYPES
from tocsin.web.problems import TITLES
from tocsin.web.strict_json import JSON

VERSION: Final = "3.1.0"
_EVERY_CALL: Final = (401, 429, 500, 503)
_WITH_BODY: Final = (400, 413, 415)
_WITH_LINES: Final = (400, 415)
_INTRODUCTION: Final = (
    "Numbers may be sent as JSON numbers without a decimal point or as decimal text. Lengths are "
    "counted in bytes of UTF-8, so a `maxLength` here is the most that can pass. In a new thing "
    "null is the same as leaving the key out; in a patch it takes back what is there. Unknown keys "
    "are refused with a 400 that lists every fault. Times are GMT.\n\n"
    "Every answer carries `X-Trace-Id`, which is in the log as well. Where a path does not take a "
    "method the answer is a 405, and its `Allow` says which it takes; HEAD goes wherever GET does."
    f"\n\n{FILTERS}"
)
_PLACES: Final[Mapping[str, Schema]] = {"dictionary": {"enum": list(NAMES)}}
"""What stands in paths, by its name there; all else are ids."""

_ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        "code": {"enum": list(TITLES)},
        "title": {"enum": list(TITLES.values())},
        "message": {"type": "string"},
        "trace_id": {"type": "string", "format": "uuid"},
        "errors": {
            "type": "array",
            "description": "every fault of the request, by the path of its field",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["code", "title", "trace_id"],
    "additionalProperties": False,
}


def document(
    operations: Iterable[Operation],
    *,
    version: str,
    others: Mapping[str, Any],
    security: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the document of *operations*.

    others: path items of what does not pass the Hood API's door, by path; security: the schemes
    that they name.
    """
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": VERSION,
        "info": {"title": "Tocsin", "version": version, "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths | {path: _named(path, item) for path, item in others.items()},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}, **security},
            "schemas": {"Error": _ERROR},
            "responses": {str(status): _refusal(status, title) for status, title in TITLES.items()},
            "headers": _HEADERS,
        },
    }


def refusals(statuses: Iterable[int]) -> dict[str, Any]:
    """Return the responses of an operation that may answer with these errors."""
    return {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)
    }


def _operation(operation: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": _name(operation.method, operation.path),
        "summary": operation.summary,
        "tags": [operation.resource],
        "parameters": [*_path_parameters(operation.path), *map(_parameter, operation.parameters)],
        "responses": {str(operation.status): _success(operation), **refusals(_statuses(operation))},
    }
    notes = []
    if operation.scope is not None:
        notes.append(f"Needs a token with the scope `{operation.scope}`.")
    if operation.unrepeatable:
        notes.append(f"Takes no `Idempotency-Key`: {operation.unrepeatable}.")
    if notes:
        said["description"] = " ".join(notes)
    if operation.deprecated:
        said["deprecated"] = True
    if operation.replayable:
        said["parameters"].append(_IDEMPOTENCY_KEY)
    if operation.body is not None:
        said["requestBody"] = _request(operation, object_schema(operation.body), [JSON])
    if operation.lines is not None:
        said["requestBody"] = _request(operation, operation.lines, MEDIA_TYPES)
    return said


def _request(operation: Operation, schema: Schema, media_types: Iterable[str]) -> dict[str, Any]:
    """Return what is said of a body of one of *media_types*."""
    content: dict[str, Any] = {"schema": schema}
    if operation.examples:
        content["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
    return {"required": True, "content": dict.fromkeys(media_types, content)}


def _statuses(operation: Operation) -> set[int]:
    found = {*_EVERY_CALL, *operation.refusals}
    if operation.scope is not None:
        found.add(403)
    if operation.body is not None:
        found.update(_WITH_BODY)
    if operation.lines is not None:
        found.update(_WITH_LINES)
    if operation.replayable:
        found.update({400, 409})
    if operation.parameters or operation.method != "GET":
        found.add(400)
    return found


def _named(path: str, item: Mapping[str, Any]) -> dict[str, Any]:
    return {method: {"operationId": _name(method, path), **said} for method, said in item.items()}


def _name(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"[A-Za-z0-9]+", path)])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _PLACES.get(name, ID)}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    shown = {"name": parameter.name, "in": "query", "description": parameter.description}
    if not parameter.repeated:
        return {**shown, "schema": parameter.schema}
    several = {"type": "array", "items": parameter.schema, "maxItems": MAX_FILTERS}
    return {**shown, "schema": several, "style": "form", "explode": True}


def _success(operation: Operation) -> dict[str, Any]:
    names = [*_ON_SUCCESS, *([_REPLAYED] if operation.replayable else [])]
    answer: dict[str, Any] = {
        "description": _GOOD.get(operation.status, "Good."),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    if operation.answer is not None:
        answer["content"] = {operation.answer_type: {"schema": operation.answer}}
    return answer


def _refusal(status: int, title: str) -> dict[str, Any]:
    names = ["X-Trace-Id", *_ON_REFUSAL.get(status, ())]
    constant: dict[str, Any] = {"code": {"const": status}, "title": {"const": title}}
    example: dict[str, Any] = {"code": status, "title": title}
    return {
        "description": f"{title} {_WHEN[status]}",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error", "properties": constant},
                "example": example | {"trace_id": "99a84211-f73d-4ff8-acdf-eb3e06bb9d62"},
            }
        },
    }


_REPLAYED: Final = "Idempotency-Replayed"
_SECONDS: Final = {"schema": {"type": "integer", "minimum": 0}}
_HEADERS: Final[Mapping[str, Any]] = {
    "X-Trace-Id": {
        "description": "names the request in the log",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    },
    "X-RateLimit-Limit": {"description": "requests that the window takes", **_SECONDS},
    "X-RateLimit-Remaining": {"description": "requests left in the window", **_SECONDS},
    "X-RateLimit-Reset": {"description": "seconds to the end of the window", **_SECONDS},
    "Retry-After": {"description": "seconds to wait", "required": True, **_SECONDS},
    "WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}},
    "Allow": {
        "description": "the methods that the path takes, with commas between",
        "required": True,
        "schema": {"type": "string"},
    },
    _REPLAYED: {
        "description": "there when an Idempotency-Key was known: this answer is the first one",
        "schema": {"const": "true"},
    },
}
_ON_REFUSAL: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_WHEN: Final[Mapping[int, str]] = {
    400: "The body, the query or a header breaks a rule; `errors` lists every fault.",
    401: "The token is missing, unknown, expired or revoked.",
    403: "The token does not have the scope; at the edge: a page of another origin.",
    404: "Nothing with this id is visible to the caller.",
    405: "The path is there, and does not take the method; `Allow` says what it takes.",
    409: "It does not go with what is there: a finished task, something in use, or an "
    "`Idempotency-Key` that was sent with another request.",
    410: "It could be had once: what a device draws.",
    413: "A body of more than 1 MiB; at the edge 16 KiB; an import may be of any length.",
    415: "The `Content-Type` is not that of the call, or the body is encoded.",
    429: "The account has made as many requests as it may; `Retry-After` says how many seconds "
    "to wait.",
    500: "A fault of the server. The log says more under the trace id.",
    503: "The database is away, say; `Retry-After` says how many seconds to wait.",
}
_GOOD: Final[Mapping[int, str]] = {201: "Made.", 204: "Done."}
_ON_SUCCESS: Final = (
    "X-Trace-Id",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
_IDEMPOTENCY_KEY: Final[Mapping[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "sent again within 24 hours with the same body, the first answer comes again",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY_LENGTH,
        "pattern": "^[!-~]+$",
    },
}
