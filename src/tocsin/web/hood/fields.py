"""Readers of JSON values: each returns what it read, or says what is wrong and where.

Written by hand rather than as pydantic models, because every sentence, its order and its path
are part of the contract, and a reader here is shorter than a model with its error translation.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from tocsin.domain.body import inside, shown
from tocsin.domain.dictionaries import is_language_tag
from tocsin.domain.errors import Fault
from tocsin.domain.instants import InstantError, parse_instant

MAX_URL_BYTES: Final = 2048
MAX_LANGUAGES: Final = 20

_MOST_UNKNOWN_NAMED: Final = 20  # further ones are counted, so that hostile bodies cost little
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")
_HOST: Final = re.compile(r"[^\x00-\x20\x7f-\xa0#%/:<>?@\[\\\]^|]+")
_BRACKETED: Final = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
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


# Raises RefusedError for the value itself; faults inside it are noted at their own places.
Reader: TypeAlias = Callable[[Any, Place], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an object: how its value is read, and whether it may be left out."""

    read: Reader
    required: bool = False
    null_is_absent: bool = True


def read_object(value: Any, at: Place, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what was read, by key; absent, null and refused ones are left out.

    Faults stand in the order of the body, missing keys at the end.
    """
    if not isinstance(value, dict):
        at.refuse("must be an object")
        return {}
    found: dict[str, Any] = {}
    unknown = 0
    for key, item in value.items():
        field = fields.get(key)
        if field is None:
            unknown += 1
            if unknown <= _MOST_UNKNOWN_NAMED:
                at.inside(key).refuse(f"is not known here; the nearest is {_nearest(key, fields)}")
        elif item is not None or not field.null_is_absent:
            _take(field.read, item, at, key, found)
    if unknown > _MOST_UNKNOWN_NAMED:
        at.refuse(f"has {unknown - _MOST_UNKNOWN_NAMED} more keys that are not known here")
    for key, field in fields.items():
        if field.required and value.get(key) is None:
            at.inside(key).refuse("is required")
    return found


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

    return read


def one_of(*words: str) -> Reader:
    """Return a reader of one word out of *words*."""

    def read(value: Any, _at: Place) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise RefusedError(f"must be one of {', '.join(words)}")

    return read


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

    return read


def flag(value: Any, _at: Place) -> bool:
    """Return whether *value* says 1, as a number or as text; only 0 and 1 are taken."""
    if not isinstance(value, bool | float) and value in (0, 1, "0", "1"):
        return int(value) == 1
    raise RefusedError("must be 0 or 1")


def instant(value: Any, _at: Place) -> int:
    """Return the instant that *value* names, in ms since 1970-01-01 UTC."""
    if not isinstance(value, str):
        raise RefusedError("must be text: YYYY-MM-DD HH:MM:SS, GMT")
    try:
        return parse_instant(value)
    except InstantError as error:
        raise RefusedError(str(error)) from None


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

    return read


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


def _nearest(key: str, fields: Mapping[str, Field]) -> str:
    """Return the known key that is most like *key*."""
    return difflib.get_close_matches(shown(key), list(fields), n=1, cutoff=0.0)[0]
