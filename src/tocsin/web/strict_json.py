"""JSON as the contract takes it: one strict loader in front of every body, line and beacon."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from starlette.requests import Request

from tocsin.domain.body import shown
from tocsin.domain.errors import (
    BodyTooLarge,
    Fault,
    Invalid,
    Unreadable,
    UnsupportedMediaType,
)

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_INTEGER_DIGITS: Final = 20
JSON: Final = "application/json"
_EMPTY_OBJECT_BYTES: Final = 16

# The quantifiers are possessive, so that no body can make the search go back over itself.
_ALL_BUT_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\[\]{}"]++', re.DOTALL)
# Escapes that may stand for U+0000 or half a surrogate pair; the strings themselves decide.
_SUSPICIOUS_ESCAPE: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNFIT: Final = re.compile("[\0\ud800-\udfff]")
_NAMES: Final = {list: "an array", str: "text", bool: "true or false", type(None): "null"}


def loads(body: bytes, *, what: str = "the body") -> dict[str, Any]:
    """Return the JSON object that *body* holds in UTF-8.

    what: how sentences call it. Raises Unreadable, and nothing else, for everything that
    contract.md section 1 refuses; time and memory are linear in the length.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        raise Unreadable(f"{what} begins with a byte order mark: send UTF-8 without one")
    if body.startswith((b"\xff\xfe", b"\xfe\xff", b"\0")) or body[1:2] == b"\0":
        raise Unreadable(f"{what} is UTF-16 or UTF-32: send UTF-8")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{what} is not UTF-8 at byte {error.start}") from None
    return loads_text(text, what=what)


def loads_text(text: str, *, what: str) -> dict[str, Any]:
    """Return the JSON object that *text* holds, under the same rules as loads."""
    if _too_deep(text):
        raise Unreadable(f"{what} is nested deeper than {MAX_DEPTH} levels")
    try:
        value = _DECODER.decode(text)
    except ValueError:  # once more, to say what is wrong
        if not text.strip(" \t\r\n"):
            raise Unreadable(f"{what} is empty: a JSON object is needed") from None
        value = _Parser(what).parse(text)
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is {_NAMES.get(type(value), 'a number')}: send a JSON object")
    # What is UTF-8 and JSON has neither but as escapes; a text from elsewhere may.
    if ("\\" in text and _SUSPICIOUS_ESCAPE.search(text)) or (
        not text.isascii() and _UNFIT.search(text)
    ):
        _refuse_unfit_texts(value, what)
    return value


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


def _too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _ALL_BUT_BRACKETS.sub("", text):
        if bracket in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        else:
            depth -= 1
    return False


def _plain_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError(pairs)
    return made


def _plain_integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise ValueError(digits)
    return int(digits)


def _plain_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Takes nothing that _Parser does not; made once, it is three times as fast.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_plain_object,
    parse_int=_plain_integer,
    parse_float=_plain_float,
    parse_constant=_no_constant,
)


class _Parser:
    """The standard parser with the leniency taken out, and what it finds wrong told."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._doubled: tuple[dict[str, Any], str] | None = None

    def parse(self, text: str) -> Any:
        try:
            value = json.loads(
                text,
                object_pairs_hook=self._object,
                parse_int=self._integer,
                parse_float=self._float,
                parse_constant=self._constant,
            )
        except json.JSONDecodeError as error:
            raise Unreadable(
                f"{self._what} is not JSON: {error.msg} "
                f"at line {error.lineno}, column {error.colno}"
            ) from None
        if self._doubled is not None:
            # The outermost one is noted last, so nothing around it has dropped it.
            holder, key = self._doubled
            path = next(path for path, found in _containers(value) if found is holder)
            raise Unreadable(f"{self._what} has the key {_dotted((*path, key))} more than once")
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self._doubled = (made, key)
                    break
                seen.add(key)
        return made

    def _integer(self, digits: str) -> int:
        if len(digits.removeprefix("-")) > MAX_INTEGER_DIGITS:
            raise Unreadable(
                f"{self._what} has a whole number of more than {MAX_INTEGER_DIGITS} digits"
            )
        return int(digits)

    def _float(self, digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            raise Unreadable(f"{self._what} has a number that is too large: {shown(digits)}")
        return number

    def _constant(self, name: str) -> NoReturn:
        raise Unreadable(f"{self._what} has {name}, which is not JSON")


def _refuse_unfit_texts(value: dict[str, Any], what: str) -> None:
    for path, container in _containers(value):
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in pairs:
            for text in (key, item):
                if isinstance(text, str) and (found := _UNFIT.search(text)):
                    kind = "a NUL character" if found.group() == "\0" else "a lone surrogate"
                    raise Unreadable(f"{what} has {kind} in {_dotted((*path, key))}")


def _containers(root: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every object and array inside *root*, itself first, with its path."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), root)]
    while waiting:
        path, container = waiting.pop()
        yield path, container
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        waiting += [((*path, key), item) for key, item in pairs if isinstance(item, dict | list)]


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(shown(str(key)) for key in path)
