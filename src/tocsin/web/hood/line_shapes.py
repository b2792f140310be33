"""The lines that subscribers are brought and taken along in, as the OpenAPI document shows them.

What reads a line is domain/registration.py, what writes one web/imports.py.
"""

from collections.abc import Mapping
from typing import Any, Final

from tocsin.domain.registration import MAX_ENDPOINT_BYTES, MAX_PAGE_BYTES
from tocsin.web.hood.answers import ID, object_of
from tocsin.web.hood.fields import Schema, nullable
from tocsin.web.hood.users import PERSON, PROFILE, STATUSES

TEXT: Final[Schema] = {"type": "string"}
_BASE64URL: Final[Schema] = {"type": "string", "maxLength": 512, "pattern": "^[A-Za-z0-9_-]*=*$"}
ENDPOINT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": MAX_ENDPOINT_BYTES}
PAGE: Final[Schema] = {"type": "string", "maxLength": MAX_PAGE_BYTES}
SUBSCRIPTION: Final[Schema] = {
    "type": "object",
    "description": "the JSON of the browser's PushSubscription",
    "properties": {
        "endpoint": ENDPOINT,
        "keys": {
            "type": "object",
            "properties": {"p256dh": _BASE64URL, "auth": _BASE64URL},
            "required": ["p256dh", "auth"],
        },
    },
    "required": ["endpoint", "keys"],
}
# The keys are those of RFC 8291 section 5.
BROWSER: Final[Mapping[str, Any]] = {
    "endpoint": "https://fcm.googleapis.com/fcm/send/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx"
        "aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}


def _or_number(description: str) -> Schema:
    return {"anyOf": [TEXT, {"type": "integer", "minimum": 1}], "description": description}


_INSTANT: Final[Schema] = {
    "type": "string",
    "description": "YYYY-MM-DD HH:MM:SS, GMT, or RFC 3339",
    "examples": ["2026-02-05T11:00:00Z"],
}
_OPTIONAL: Final[Mapping[str, Schema]] = {
    "application": {
        "type": "string",
        "description": "the host; left out, that of the page or the container's first",
        "examples": ["www.example.com"],
    },
    **{name: field.read.schema for name, field in PROFILE.items()},
    "city": PROFILE["region"].read.schema,
    "browser": _or_number("the id or the name of one in the dictionary of browsers"),
    "os": _or_number("the id or the name of one in the dictionary of os"),
    "page": PAGE,
    "previous_endpoint": ENDPOINT,
    "subscribed_at": _INSTANT,
    "last_seen": _INSTANT,
    "status": {"enum": list(STATUSES), "description": "active unless told"},
    "id": {**ID, "description": "as an export has it; not looked at"},
}
IMPORTED: Final[Schema] = {
    "type": "object",
    "description": "Each line is one such object, of 64 KiB at most. null: unknown",
    "properties": {
        "subscription": SUBSCRIPTION,
        "container": _or_number("the id or the key of a container"),
        **{name: nullable(schema) for name, schema in _OPTIONAL.items()},
    },
    "required": ["subscription", "container"],
    "additionalProperties": False,
}
LINE: Final[Mapping[str, Any]] = {
    "subscription": BROWSER,
    "container": "1",
    "application": "www.example.com",
    "country": "BR",
    "region": "3448433",
    "city": "3448439",
    "language": "pt-BR",
    "timezone": "America/Sao_Paulo",
    "browser": "Chrome",
    "os": "12",
    "remote_user_id": "anna",
    "user_data": {"plan": "gold"},
    "subscribed_at": "2024-02-05T11:00:00Z",
    "status": "active",
}
RESULT: Final[Schema] = {
    "type": "object",
    "description": "Each line is one such object, and tells of one line that is not blank",
    "properties": {
        "line": {"type": "integer", "minimum": 1, "description": "the number of the line"},
        "status": {"enum": ["created", "updated", "error"]},
        "id": {**ID, "description": "of the user, unless it is an error"},
        "message": {"type": "string", "description": "what is wrong with the line"},
    },
    "required": ["line", "status"],
    "additionalProperties": False,
}
_KNOWN: Final = object_of(id=ID, container=ID, subscribed_at=_INSTANT, last_seen=_INSTANT, **PERSON)
EXPORTED: Final[Schema] = {
    **_KNOWN,
    "description": "Each line is one such object; with keys=1 it is what an import reads",
    "properties": {**_KNOWN["properties"], "subscription": SUBSCRIPTION},
}
