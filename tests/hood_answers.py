"""The shape that contract.md section 1 promises of every answer of an error."""

import json
import uuid
from collections.abc import Mapping
from typing import Final

TITLES: Final = {
    400: "Bad request.",
    401: "Unauthorized.",
    403: "Forbidden.",
    404: "Not found.",
    405: "Method not allowed.",
    409: "Conflict.",
    413: "Payload too large.",
    415: "Unsupported media type.",
    429: "Too many requests.",
}
_KEYS: Final = {"code", "title", "message", "trace_id"}


def misshapen(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return what of an answer with a status of 4xx is not as the contract says, None: nothing."""
    try:
        shape = json.loads(body)
    except ValueError:
        return f"{status} with no JSON but {body[:80]!r}"
    if headers.get("Content-Type") != "application/json":
        return f"{status} of type {headers.get('Content-Type')}"
    if not isinstance(shape, dict) or shape.keys() - {"errors"} != _KEYS:
        return f"{status} with the keys {list(shape)}"
    if shape["code"] != status or shape["title"] != TITLES.get(status):
        return f"{status} says {shape['code']}, {shape['title']}"
    if not shape["message"] or not isinstance(shape["message"], str):
        return f"{status} without a message"
    if str(uuid.UUID(shape["trace_id"])) != headers.get("X-Trace-Id"):
        return f"{status} with two trace ids"
    faults = shape.get("errors", [{"field": "", "message": "-"}])
    if not faults or any(fault.keys() != {"field", "message"} for fault in faults):
        return f"{status} with errors of another shape: {faults}"
    if not all(isinstance(fault["field"], str) and fault["message"] for fault in faults):
        return f"{status} with an error that says nothing: {faults}"
    return None
