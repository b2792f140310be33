"""What the OpenAPI document says of the edge and of the operational paths."""

from typing import Any, Final

from tocsin.web.openapi import refusals

_KEY: Final = {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}
_SUBSCRIBER: Final = {**_KEY, "name": "subscriber_id"}
_TEXT: Final = {"type": "string"}
_PUBLIC: Final[list[Any]] = []
_SUBSCRIPTION: Final = {
    "type": "object",
    "description": "the JSON of the browser's PushSubscription",
    "properties": {
        "endpoint": _TEXT,
        "keys": {
            "type": "object",
            "properties": {"p256dh": _TEXT, "auth": _TEXT},
            "required": ["p256dh", "auth"],
        },
    },
    "required": ["endpoint", "keys"],
}
_CHANGES: Final = {
    "language": {"type": ["string", "null"]},
    "timezone": {"type": ["string", "null"], "examples": ["Europe/Belgrade"]},
    "remote_user_id": {"type": ["string", "null"]},
    "user_data": {"type": ["object", "null"]},
}
_REGISTRATION: Final = {
    "type": "object",
    "properties": {
        "subscription": _SUBSCRIPTION,
        "previous_endpoint": {"type": ["string", "null"]},
        "page": {"type": ["string", "null"]},
        **_CHANGES,
    },
    "required": ["subscription"],
    "additionalProperties": False,
}
_ENROLLED: Final = {
    "type": "object",
    "properties": {"id": _TEXT, "secret": _TEXT},
    "required": ["id", "secret"],
}
_EVENT: Final = {
    "type": "object",
    "properties": {
        "token": _TEXT,
        "event": {"enum": ["received", "shown", "click", "action", "close"]},
        "action": {"type": "integer", "minimum": 0, "maximum": 2},
    },
    "required": ["token", "event"],
}
_OWN_SECRET: Final[list[Any]] = [{"subscription": []}]

SECURITY: Final = {
    "subscription": {
        "type": "http",
        "scheme": "bearer",
        "description": "the secret that a subscription was answered with",
    }
}


def _body(schema: dict[str, Any], *media_types: str) -> dict[str, Any]:
    content = {media_type: {"schema": schema} for media_type in media_types}
    return {"required": True, "content": content}


def _good(description: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"description": description, **({"content": content} if content else {})}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _item(summary: str, tag: str, responses: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {"summary": summary, "tags": [tag], "security": _PUBLIC, "responses": responses, **said}


def _script(summary: str) -> dict[str, Any]:
    good = _good("The script.", {"text/javascript": {"schema": _TEXT}})
    return _item(summary, "edge", {"200": good})


_PREFLIGHT: Final = _item("Preflight", "edge", {"204": _good("What pages may call.")})

PATHS: Final[dict[str, Any]] = {
    "/tag/{key}.js": {
        "get": _script("The tag of a container's pages") | {"parameters": [_KEY]},
    },
    "/tag/sw.js": {"get": _script("The service worker's code")},
    "/v1/edge/{key}/config": {
        "get": _item(
            "The VAPID public key to subscribe with",
            "edge",
            {
                "200": _good(
                    "The key.",
                    _json({"type": "object", "properties": {"vapid_public_key": _TEXT}}),
                ),
                **refusals((404, 500, 503)),
            },
            parameters=[_KEY],
        )
    },
    "/v1/edge/{key}/subscriptions": {
        "post": _item(
            "Register a subscription",
            "edge",
            {
                "201": _good("A new one.", _json(_ENROLLED)),
                "200": _good("One that was known.", _json(_ENROLLED)),
                **refusals((400, 403, 404, 413, 415, 500, 503)),
            },
            parameters=[_KEY],
            requestBody=_body(_REGISTRATION, "application/json"),
        ),
        "options": _PREFLIGHT | {"parameters": [_KEY]},
    },
    "/v1/edge/{key}/subscriptions/{subscriber_id}": {
        "patch": _item(
            "Change what is known of a subscription",
            "edge",
            {"204": _good("Done."), **refusals((400, 401, 403, 404, 413, 415, 500, 503))},
            parameters=[_KEY, _SUBSCRIBER],
            requestBody=_body(
                {"type": "object", "properties": _CHANGES, "additionalProperties": False},
                "application/json",
            ),
        )
        | {"security": _OWN_SECRET},
        "delete": _item(
            "End a subscription",
            "edge",
            {"204": _good("Done."), **refusals((401, 403, 404, 500, 503))},
            parameters=[_KEY, _SUBSCRIBER],
        )
        | {"security": _OWN_SECRET},
        "options": _PREFLIGHT | {"parameters": [_KEY, _SUBSCRIBER]},
    },
    "/v1/edge/events": {
        "post": _item(
            "Report what became of a message on the screen",
            "edge",
            {"204": _good("Heard, whatever the token's fate."), **refusals((500, 503))},
            requestBody=_body(_EVENT, "text/plain", "application/json"),
        )
    },
    "/healthz": {"get": _item("The process is there", "operation", {"200": _good("It is.")})},
    "/readyz": {
        "get": _item(
            "The database answers and has this program's schema",
            "operation",
            {"200": _good("Ready."), "503": _good("Not ready; says why.")},
        )
    },
    "/metrics": {
        "get": _item(
            "Metrics for Prometheus",
            "operation",
            {"200": _good("Metrics.", {"text/plain": {"schema": _TEXT}}), **refusals((503,))},
        )
    },
    "/openapi.json": {"get": _item("This document", "operation", {"200": _good("It.")})},
    "/docs": {"get": _item("This document as a page", "operation", {"200": _good("A page.")})},
    "/docs/style.css": {"get": _item("The page's style", "operation", {"200": _good("CSS.")})},
}
