"""Readers of JSON values: each returns what it read, or says what is wrong and where.

Written by hand rather than as pydantic models, because every sentence, its order and its path
are part of the contract, and a reader here is shorter than a model with its error translation.
Each carries the JSON Schema of what it takes, so the OpenAPI document says what the door does.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from tocsin.domain.body import inside, unknown_keys
from tocsin.domain.dictionaries import is_language_tag
from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.instants import InstantError, parse_instant

MAX_URL_BYTES: Final = 2048
MAX_LANGUAGES: Final = 20

_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")
_HOST: Final = re.compile(r"[^\x00-\x20\x7f-\xa0#%/:<>?@\[\\\]^|]+")
_BRACKETED: Final = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
# Parts of the pattern of an instant. What comes before 1970 may do so by its offset alone.
_DATE: Final = "(?:1969|19[7-9][0-9]|[2-9][0-9]{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_OFFSET: Final = "[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]"
_UNFIT_FOR_URLS: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the body a value stands, and the list that its faults go to."""

    path: str
    faults: list[Fault]

    def inside(self, key: str | int) -> "Place":
        """Return the place of what stands under *key* here."""
        return Place(inside(self.path, key), self.faults)

    def refuse(self, sentence: str) -> None:
        """Note that the value here breaks a rule."""
        self.faults.append(Fault(self.path, sentence))


class RefusedError(ValueError):
    """The value being read breaks a rule; the sentence goes to the place where it stands."""


Schema: TypeAlias = Mapping[str, Any]
"""A JSON Schema (draft 2020-12), as OpenAPI 3.1 embeds it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How one kind of value is read, and the schema of the values that it takes.

    read: raises RefusedError for the value itself; faults inside it it notes at their own places.
    """

    read: Callable[[Any, Place], Any]
    schema: Schema

    def __call__(self, value: Any, at: Place) -> Any:
        """Return what *value* says."""
        return self.read(value, at)


def reader(**schema: Any) -> Callable[[Callable[[Any, Place], Any]], Reader]:
    """Return a decorator that makes a function a reader of values of *schema*."""
    return lambda read: Reader(read, schema)


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an object: how its value is read, and whether it may be left out.

    takes_null: what may be left out may also be null, but for a key of a patch that has to stay.
    note: what the document says of the key, beside what it takes.
    """

    read: Reader
    required: bool = False
    null_is_absent: bool = True
    takes_null: bool = True
    note: str = ""

    @property
    def schema(self) -> Schema:
        """Return the schema of what may stand under the key."""
        taken = self.read.schema
        if self.takes_null and not self.required:
            taken = nullable(taken)
        return {**taken, "description": self.note} if self.note else taken


def _read_only(_: Any, _at: Place) -> None:
    raise RefusedError("is set by the server and can not be sent")


READ_ONLY: Final = Field(Reader(_read_only, {"readOnly": True}), null_is_absent=False)


def object_schema(fields: Mapping[str, Field]) -> Schema:
    """Return the schema of the objects that read_object takes with *fields*.

    What can only be refused (a read-only field) is not in it: no other key is allowed either.
    """
    return {
        "type": "object",
        "properties": {key: field.schema for key, field in fields.items() if field.null_is_absent},
        "required": [key for key, field in fields.items() if field.required],
        "additionalProperties": False,
    }


def nullable(schema: Schema) -> Schema:
    """Return a schema that takes null as well."""
    return {"anyOf": [schema, {"type": "null"}]}


def read_object(value: Any, at: Place, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what was read, by key; absent, null and refused ones are left out.

    Faults stand in the order of the body, missing keys at the end.
    """
    if not isinstance(value, dict):
        at.refuse("must be an object")
        return {}
    found: dict[str, Any] = {}
    at.faults.extend(unknown_keys(value, fields, at.path))
    for key, item in value.items():
        field = fields.get(key)
        if field is None:
            continue
        if item is not None or not field.null_is_absent:
            _take(field.read, item, at, key, found)
    for key, field in fields.items():
        if field.required and value.get(key) is None:
            at.inside(key).refuse("is required")
    return found


def read_body_of(fields: Mapping[str, Field], body: dict[str, Any]) -> dict[str, Any]:
    """Return what was read of a whole *body*. Raises Invalid with every fault."""
    faults: list[Fault] = []
    read = read_object(body, Place("", faults), fields)
    if faults:
        raise Invalid(tuple(faults))
    return read


def text(*, most_bytes: int, least_bytes: int = 0) -> Reader:
    """Return a reader of text whose length is counted in bytes of UTF-8."""

    def read(value: Any, _at: Place) -> str:
        if not isinstance(value, str):
            raise RefusedError("must be text")
        size = len(value.encode())
        if size > most_bytes:
            raise RefusedError(f"is {size} bytes long; {most_bytes} are the most")
        if size < least_bytes:
            raise RefusedError("must not be empty")
        return value

    return Reader(read, {"type": "string", "minLength": least_bytes and 1, "maxLength": most_bytes})


def one_of(*words: str) -> Reader:
    """Return a reader of one word out of *words*."""

    def read(value: Any, _at: Place) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise RefusedError(f"must be one of {', '.join(words)}")

    return Reader(read, {"enum": list(words)})


def whole_number(least: int, most: int) -> Reader:
    """Return a reader of a whole number: a JSON number, or the same as decimal text."""

    def read(value: Any, _at: Place) -> int:
        number = value
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            number = int(value)
        if not isinstance(number, int) or isinstance(number, bool):
            raise RefusedError("must be a whole number, as a JSON number or as decimal text")
        if not least <= number <= most:
            raise RefusedError(f"must be {least} to {most}")
        return number

    return Reader(read, number_schema(least, most))


def number_schema(least: int, most: int, *, multiple_of: int = 1) -> Schema:
    """Return the schema of a whole number in those bounds, as a JSON number or as decimal text."""
    number = {"type": "integer", "minimum": least, "maximum": most}
    if multiple_of > 1:
        number["multipleOf"] = multiple_of
    return {"anyOf": [number, {"type": "string", "pattern": f"^{_DECIMAL.pattern}$"}]}


@reader(enum=[0, 1, "0", "1"])
def flag(value: Any, _at: Place) -> bool:
    """Return whether *value* says 1, as a number or as text; only 0 and 1 are taken."""
    if not isinstance(value, bool | float) and value in (0, 1, "0", "1"):
        return int(value) == 1
    raise RefusedError("must be 0 or 1")


# No format: RFC 3339 alone would be "date-time", without the form that is shown.
@reader(
    type="string",
    pattern=f"^{_DATE}(?:[ ]{_TIME}|[Tt ]{_TIME}(?:[.][0-9]{{1,9}})?(?:[Zz]|{_OFFSET}))$",
    description="YYYY-MM-DD HH:MM:SS, GMT, or RFC 3339 with an offset",
    examples=["2026-02-05 11:00:00"],
)
def instant(value: Any, _at: Place) -> int:
    """Return the instant that *value* names, in ms since 1970-01-01 UTC, to the whole second.

    The API shows whole seconds: what is shown and sent back must be the same instant.
    """
    if not isinstance(value, str):
        raise RefusedError("must be text: YYYY-MM-DD HH:MM:SS, GMT")
    try:
        return parse_instant(value) // 1000 * 1000
    except InstantError as error:
        raise RefusedError(str(error)) from None


# No format: a macro such as ${OCMH_CAMPAIGN_ID} stands in no URI.
@reader(
    type="string",
    maxLength=MAX_URL_BYTES,
    pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\u0000-\u0020\u007F-\u00A0\\]+$",
    description="an absolute http or https URL without credentials",
)
def url(value: Any, _at: Place) -> str:
    """Return *value* if it is an absolute http or https URL without credentials."""
    if not isinstance(value, str):
        raise RefusedError("must be text: an absolute http or https URL")
    if len(value.encode()) > MAX_URL_BYTES:
        raise RefusedError(f"is longer than {MAX_URL_BYTES} bytes")
    sentence = _url_fault(value)
    if sentence is not None:
        raise RefusedError(sentence)
    return value


def by_language(read_item: Reader, *, required: bool = False) -> Reader:
    """Return a reader of a map from language to what *read_item* reads; null items are absent."""

    def read(value: Any, at: Place) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise RefusedError('must be an object from language to text, such as {"en": "Hello"}')
        if len(value) > MAX_LANGUAGES:
            raise RefusedError(f"has {len(value)} languages; {MAX_LANGUAGES} are the most")
        found: dict[str, Any] = {}
        for key, item in _distinct_languages(value, at):
            if item is not None:
                _take(read_item, item, at, key, found)
        if required and all(item is None for item in value.values()):
            at.refuse("needs a text in at least one language")
        return found

    return Reader(
        read,
        {
            "type": "object",
            "description": "from language to text",
            "propertyNames": {"pattern": "^[A-Za-z]{2}(?:-[A-Za-z0-9]{2,8})*$"},
            "additionalProperties": nullable(read_item.schema),
            "minProperties": 1 if required else 0,
            "maxProperties": MAX_LANGUAGES,
        },
    )


def _take(read: Reader, item: Any, at: Place, key: str, found: dict[str, Any]) -> None:
    """Put what *read* makes of *item* into *found*, unless it is refused or says nothing."""
    place = at.inside(key)
    try:
        value = read(item, place)
    except RefusedError as refusal:
        place.refuse(str(refusal))
        return
    if value is not None:
        found[key] = value


def _distinct_languages(value: Mapping[str, Any], at: Place) -> Iterator[tuple[str, Any]]:
    seen: dict[str, str] = {}
    for key, item in value.items():
        if not is_language_tag(key):
            at.inside(key).refuse(
                "is not a language: use a two-letter code of ISO 639-1, or a tag such as pt-BR"
            )
        elif twin := seen.get(key.casefold()):
            at.inside(key).refuse(f"is the same language as {twin}")
        else:
            seen[key.casefold()] = key
            yield key, item


def _url_fault(value: str) -> str | None:
    if _UNFIT_FOR_URLS.search(value):
        return "must not hold blanks, control characters or backslashes"
    try:
        parts = urlsplit(value)
        _ = parts.port  # reading it is the check
        host_is_good = _is_host(parts)
    except ValueError:
        return "has a host or a port that is none"
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return "must be an absolute http or https URL"
    if "@" in parts.netloc:
        return "must not carry a user name or password"
    return None if host_is_good else "has a host or a port that is none"


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        is_whole = _BRACKETED.fullmatch(parts.netloc) is not None
        return is_whole and ipaddress.ip_address(host).version == 6
    return _HOST.fullmatch(host) is not None
