"""What the OpenAPI document says of the edge and of the operational paths."""

from collections.abc import Mapping
from typing import Any, Final

from tocsin.web.hood.answers import ID, object_of
from tocsin.web.hood.fields import Schema, nullable
from tocsin.web.hood.line_shapes import BROWSER, ENDPOINT, PAGE, SUBSCRIPTION, TEXT
from tocsin.web.hood.users import PROFILE
from tocsin.web.openapi import refusals

SECURITY: Final = {
    "subscription": {
        "type": "http",
        "scheme": "bearer",
        "description": "the secret that a subscription was answered with",
    }
}

_KEY: Final = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "the container's public key",
    "schema": TEXT,
}
_SUBSCRIBER: Final = {"name": "subscriber_id", "in": "path", "required": True, "schema": ID}
_VERSION: Final = {"name": "version", "in": "path", "required": True, "schema": TEXT}
_ORIGIN: Final = {
    "name": "Origin",
    "in": "header",
    "description": "set by browsers; one of the container's own",
    "schema": TEXT,
}
_CHANGES: Final[Mapping[str, Schema]] = {
    name: nullable(PROFILE[name].read.schema)
    for name in ("language", "timezone", "remote_user_id", "user_data")
}
_REGISTRATION: Final[Schema] = {
    "type": "object",
    "properties": {
        "subscription": SUBSCRIPTION,
        "previous_endpoint": nullable(ENDPOINT),
        "page": nullable(PAGE),
        **_CHANGES,
    },
    "required": ["subscription"],
    "additionalProperties": False,
}
_EVENT: Final[Schema] = {
    "type": "object",
    "description": "what counts; anything else is answered alike, and counts nothing",
    "properties": {
        "token": {"type": "string", "description": "as it came with the message, or with the ad"},
        "event": {
            "enum": ["received", "shown", "click", "action", "close", "fallback"],
            "description": "fallback: of a message that draws, the one it carries was shown",
        },
        "action": {
            "type": "integer",
            "minimum": 0,
            "maximum": 2,
            "description": "the number of the button, with the event action alone",
        },
    },
    "required": ["token", "event"],
}
_DRAWN: Final = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "of the message that woke the device, or of an ad that was clicked",
    "schema": TEXT,
}
_SHOWN: Final = object_of(
    token={**TEXT, "description": "for reports of it"},
    title=TEXT,
    options={"type": "object", "description": "of the notification, as in a push"},
    url={"type": "string", "format": "uri"},
    action_urls={"type": "array", "items": nullable(TEXT)},
    pixels={"type": "array", "items": TEXT, "description": "to be called once, when it is shown"},
    repeat=nullable({**TEXT, "description": "where a click on it draws the next"}),
)
_SHOWN["properties"]["custom"] = {"type": "object", "description": "as the push task has it"}
_TRACE: Final = {"X-Trace-Id": {"$ref": "#/components/headers/X-Trace-Id"}}


_BROWSER: Final = {
    "subscription": BROWSER,
    "language": "pt-BR",
    "timezone": "Europe/Lisbon",
    "user_data": {"plan": "gold"},
}


def _body(schema: Schema, example: Mapping[str, Any], *media_types: str) -> dict[str, Any]:
    one = {"schema": schema, "examples": {"plain": {"value": example}}}
    return {"required": True, "content": dict.fromkeys(media_types or ("application/json",), one)}


def _good(description: str, schema: Schema | None = None, *, of: str = "") -> dict[str, Any]:
    """Return the answer *description*. of: the media type of its body, JSON unless told."""
    answer: dict[str, Any] = {"description": description, "headers": _TRACE}
    if schema is not None:
        answer["content"] = {of or "application/json": {"schema": schema}}
    return answer


def _call(
    summary: str,
    good: Mapping[str, Any],
    refused: tuple[int, ...] = (),
    *,
    tag: str = "edge",
    **said: Any,
) -> dict[str, Any]:
    """Return the description of a call that takes no token. refused: beyond 500 and 503."""
    responses = {**good, **refusals((*refused, 500, 503))}
    return {"summary": summary, "tags": [tag], "security": [], "responses": responses, **said}


def _script(summary: str, refused: tuple[int, ...] = (), **said: Any) -> dict[str, Any]:
    answers = {
        "200": _good("The script.", TEXT, of="text/javascript"),
        "304": _good("The one with the `ETag` of `If-None-Match` is still good."),
    }
    return _call(summary, answers, refused, **said)


def _watch(summary: str, good: dict[str, Any]) -> dict[str, Any]:
    return _call(summary, {"200": good}, tag="operation")


_READY: Final = object_of(status={"const": "ready"})
_NOT_READY: Final = object_of(status={"const": "not ready"}, reason=TEXT)
_ENROLLED: Final = object_of(id=ID, secret=TEXT)
_ONE: Final = [_KEY, _SUBSCRIBER, _ORIGIN]
_OWN_SECRET: Final = [{"subscription": list[str]()}]
_DONE: Final = {"204": _good("Done.")}
_LEAVE: Final = {"204": _good("What pages may call.")}

_EDGE: Final[dict[str, Any]] = {
    "/tag/{key}.js": {"get": _script("The tag of a container's pages", (404,), parameters=[_KEY])},
    "/tag/sw.js": {"get": _script("The service worker's code")},
    "/tag/assets/tag.{version}.js": {
        "get": _call(
            "The part of the tag that browsers keep for good",
            {"200": _good("The script.", TEXT, of="text/javascript")},
            (404,),
            parameters=[_VERSION],
        )
    },
    "/v1/edge/{key}/config": {
        "get": _call(
            "The VAPID public key to subscribe with",
            {"200": _good("The key.", object_of(vapid_public_key=TEXT))},
            (404,),
            parameters=[_KEY],
        )
    },
    "/v1/edge/{key}/subscriptions": {
        "post": _call(
            "Register a subscription",
            {
                "201": _good("A new one.", _ENROLLED),
                "200": _good("One that was known.", _ENROLLED),
            },
            (400, 403, 404, 413, 415),
            parameters=[_KEY, _ORIGIN],
            requestBody=_body(_REGISTRATION, _BROWSER),
            description="What the body does not name is found where it can be: browser and "
            "system from the user agent and its client hints, the language from "
            "`Accept-Language`, country, region and city from the address when the server has a "
            "GeoIP database, else the country of the time zone. A null means unknown, and so do a "
            "page without a usable host and a time zone that is not known here; of a known "
            "subscription only gaps are filled.",
        ),
        "options": _call("Ask first, as browsers do", _LEAVE, (404,), parameters=[_KEY]),
    },
    "/v1/edge/{key}/subscriptions/{subscriber_id}": {
        "patch": _call(
            "Change what is known of a subscription",
            _DONE,
            (400, 401, 403, 404, 413, 415),
            parameters=_ONE,
            requestBody=_body(
                {"type": "object", "properties": _CHANGES, "additionalProperties": False},
                {"user_data": {"plan": None}},
            ),
        )
        | {"security": _OWN_SECRET},
        "delete": _call("End a subscription", _DONE, (401, 403, 404), parameters=_ONE)
        | {"security": _OWN_SECRET},
        "options": _call(
            "Ask first, as browsers do", _LEAVE, (404,), parameters=[_KEY, _SUBSCRIBER]
        ),
    },
    "/v1/edge/events": {
        "post": _call(
            "Report what became of a message on the screen",
            {"204": _good("Heard, whatever the token's fate.")},
            requestBody=_body(
                _EVENT, {"token": "…", "event": "shown"}, "text/plain", "application/json"
            ),
        )
    },
    "/v1/edge/adex/{token}": {
        "get": _call(
            "Draw what a message shows, once",
            {
                "200": _good(
                    "What is shown: ads, else the fallback; after a click nothing else.",
                    object_of(items={"type": "array", "items": _SHOWN}),
                )
            },
            (404, 410),
            parameters=[_DRAWN],
        )
    },
}
_OPERATION: Final[dict[str, Any]] = {
    "/healthz": {
        "get": _watch("The process is there", _good("It is.", object_of(status={"const": "ok"})))
    },
    "/readyz": {
        "get": {
            **_watch("The database answers and has this program's schema", {}),
            "responses": {
                "200": _good("Ready.", _READY),
                "503": _good("Not ready; says why.", _NOT_READY),
                **refusals((500,)),
            },
        }
    },
    "/metrics": {"get": _watch("Metrics for Prometheus", _good("They.", TEXT, of="text/plain"))},
    "/openapi.json": {"get": _watch("This document", _good("It.", {"type": "object"}))},
    "/docs": {"get": _watch("This document as a page", _good("It.", TEXT, of="text/html"))},
    "/docs/style.css": {"get": _watch("The page's style", _good("It.", TEXT, of="text/css"))},
}
PATHS: Final = _EDGE | _OPERATION
