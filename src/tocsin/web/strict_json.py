"""The way of a request's body to the strict loader: its media type, its encoding and its size."""

import re
from typing import Final

from starlette.requests import Request

from tocsin.domain.body import shown
from tocsin.domain.errors import BodyTooLarge, Fault, Invalid, UnsupportedMediaType
from tocsin.domain.strict_json import loads, loads_text

__all__ = [
    "JSON",
    "MAX_BODY_BYTES",
    "check_media_type",
    "loads",
    "loads_text",
    "read_body",
    "refuse_body",
]

MAX_BODY_BYTES: Final = 1024 * 1024
JSON: Final = "application/json"
_EMPTY_OBJECT_BYTES: Final = 16


async def read_body(
    request: Request, *, limit_bytes: int = MAX_BODY_BYTES, media_types: tuple[str, ...] = (JSON,)
) -> bytes:
    """Return the body of *request*, at most *limit_bytes* of it; read no further than needed.

    media_types: those that this route reads, the preferred one first. Raises
    UnsupportedMediaType for another one, another charset or an encoding, and BodyTooLarge.
    """
    check_media_type(request, media_types)
    announced = request.headers.get("content-length", "")
    if re.fullmatch(r"[0-9]+", announced) and (
        len(announced) > len(str(limit_bytes)) or int(announced) > limit_bytes
    ):
        raise BodyTooLarge(limit_bytes)
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        body += chunk
    return bytes(body)


async def refuse_body(request: Request) -> None:
    """Take nothing, or an empty JSON object, as the body of *request*. Raises Invalid.

    A body that is not looked at might be meant to narrow what the call does.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _EMPTY_OBJECT_BYTES:
            break
    if bytes(body).strip() not in (b"", b"{}"):
        raise Invalid((Fault("", "this call takes no body"),))


def check_media_type(request: Request, wanted: tuple[str, ...]) -> None:
    """Raise UnsupportedMediaType unless the body is one of *wanted*, in UTF-8 and not encoded."""
    types = request.headers.getlist("content-type")
    media_type, *parameters = (part.strip().lower() for part in ",".join(types).split(";"))
    if media_type not in wanted:
        found = f"a body of type {shown(media_type)}" if media_type else "a body without a type"
        raise UnsupportedMediaType(found, f"Content-Type: {wanted[0]}")
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip().strip('"') != "utf-8":
            raise UnsupportedMediaType(f"the charset {shown(charset)}", f"{media_type} in UTF-8")
    encodings = ",".join(request.headers.getlist("content-encoding")).lower()
    if not {encoding.strip() for encoding in encodings.split(",")} <= {"", "identity"}:
        raise UnsupportedMediaType(f"the encoding {shown(encodings)}", "the body as it is")
