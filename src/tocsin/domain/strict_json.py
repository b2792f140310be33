"""JSON as the contract takes it: one strict loader of bodies, lines, beacons and answers."""

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from tocsin.domain.body import shown
from tocsin.domain.errors import Unreadable

MAX_DEPTH: Final = 32
MAX_INTEGER_DIGITS: Final = 20
MAX_DECIMAL_CHARACTERS: Final = 64

# The quantifiers are possessive, so that no body can make the search go back over itself.
_ALL_BUT_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\[\]{}"]++', re.DOTALL)
# Escapes that may stand for U+0000 or half a surrogate pair; the strings themselves decide.
_SUSPICIOUS_ESCAPE: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNFIT: Final = re.compile("[\0\ud800-\udfff]")
_NAMES: Final = {list: "an array", str: "text", bool: "true or false", type(None): "null"}


def loads(body: bytes, *, what: str = "the body", exact: bool = False) -> dict[str, Any]:
    """Return the JSON object that *body* holds in UTF-8.

    what: how sentences call it. exact: numbers with a point or an exponent are read as Decimal,
    of any size that 64 characters can say, and not as float. Raises Unreadable, and nothing else,
    for everything that contract.md section 1 refuses; time and memory are linear in the length.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        raise Unreadable(f"{what} begins with a byte order mark: send UTF-8 without one")
    if body.startswith((b"\xff\xfe", b"\xfe\xff", b"\0")) or body[1:2] == b"\0":
        raise Unreadable(f"{what} is UTF-16 or UTF-32: send UTF-8")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{what} is not UTF-8 at byte {error.start}") from None
    return loads_text(text, what=what, exact=exact)


def loads_text(text: str, *, what: str, exact: bool = False) -> dict[str, Any]:
    """Return the JSON object that *text* holds, under the same rules as loads."""
    if _too_deep(text):
        raise Unreadable(f"{what} is nested deeper than {MAX_DEPTH} levels")
    try:
        value = (_EXACT_DECODER if exact else _DECODER).decode(text)
    except ValueError:  # once more, to say what is wrong
        if not text.strip(" \t\r\n"):
            raise Unreadable(f"{what} is empty: a JSON object is needed") from None
        value = _Parser(what, exact=exact).parse(text)
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is {_NAMES.get(type(value), 'a number')}: send a JSON object")
    # What is UTF-8 and JSON has neither but as escapes; a text from elsewhere may.
    if ("\\" in text and _SUSPICIOUS_ESCAPE.search(text)) or (
        not text.isascii() and _UNFIT.search(text)
    ):
        _refuse_unfit_texts(value, what)
    return value


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


def _plain_decimal(digits: str) -> Decimal:
    if len(digits) > MAX_DECIMAL_CHARACTERS:
        raise ValueError(digits)
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of more than 18 digits
        raise ValueError(digits) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Take nothing that _Parser does not; made once, they are three times as fast.
_DECODER, _EXACT_DECODER = (
    json.JSONDecoder(
        object_pairs_hook=_plain_object,
        parse_int=_plain_integer,
        parse_float=parse_float,
        parse_constant=_no_constant,
    )
    for parse_float in (_plain_float, _plain_decimal)
)


class _Parser:
    """The standard parser with the leniency taken out, and what it finds wrong told."""

    def __init__(self, what: str, *, exact: bool = False) -> None:
        self._what = what
        self._exact = exact
        self._doubled: tuple[dict[str, Any], str] | None = None

    def parse(self, text: str) -> Any:
        try:
            value = json.loads(
                text,
                object_pairs_hook=self._object,
                parse_int=self._integer,
                parse_float=self._decimal if self._exact else self._float,
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

    def _decimal(self, digits: str) -> Decimal:
        try:
            return _plain_decimal(digits)
        except ValueError:
            raise Unreadable(
                f"{self._what} has a number that is too long: {shown(digits)}"
            ) from None

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
