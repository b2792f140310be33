"""One subscription as a browser or an import hands it over, read field by field.

contract.md sections 4 and 5. A field that is absent says nothing; one that is null says that
the attribute is unknown.
"""

import difflib
import re
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from tocsin.domain.dictionaries import (
    browser_id,
    is_country,
    is_time_zone,
    operating_system_id,
    reported_language,
)
from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.instants import parse_instant

_Read = TypeVar("_Read")
Source: TypeAlias = Literal["edge", "import"]
Readers: TypeAlias = Mapping[str, tuple[str, Callable[[Any], Any]]]

MAX_ENDPOINT_BYTES: Final = 2048
MAX_PAGE_BYTES: Final = 2048
MAX_TEXT_BYTES: Final = 255
MAX_KEYS: Final = 64
MAX_KEY_BYTES: Final = 64
MAX_VALUES: Final = 100
_ID: Final = re.compile(r"0|[1-9][0-9]{0,19}")
_GEONAMES: Final = re.compile(r"[1-9][0-9]{0,9}")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE | re.ASCII)
_LONGEST_HOST: Final = 253
_KEPT: Final = 4096  # values of one attribute that are remembered
_MOST_HINTS: Final = 20  # looking for what was meant is dear: a body of strange keys gets no more
# What browsers say when they do not know: ICU's unknown zone, BCP 47's undetermined language.
_UNKNOWN_ZONE: Final = "Etc/Unknown"
# A name of tzdata's, or an offset such as +05:30 (ECMA-402, time zone identifiers).
_ZONE: Final = re.compile(r"[A-Za-z0-9+-][A-Za-z0-9_+:./-]{0,63}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,7}")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")  # RFC 4648 section 5 to section 4
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}")


@dataclass(frozen=True, slots=True)
class Registration:
    """What was handed over.

    given: the attributes that the body names, under the names of domain.subscriber.Attributes;
    None for those it calls unknown. container: id or key, imports only. active: what ``status``
    says, imports only.
    """

    endpoint: str
    p256dh: bytes
    auth: bytes
    given: Mapping[str, Any]
    page_host: str | None = None
    previous_endpoint: str | None = None
    container: str | None = None
    active: bool = True
    last_seen_ms: int | None = None


class _Bad(ValueError):
    """A value is not what its field takes; the sentence goes on behind the field's name."""


@dataclass(slots=True)
class _Reader:
    """Collects the faults of one body."""

    body: Mapping[str, Any]
    faults: list[Fault] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)

    def take_all(self, names: Iterable[str], readers: Readers) -> None:
        """Read those of the attributes that the body names."""
        body, given = self.body, self.given
        for name in names:
            if name in body:
                attribute, read = readers[name]
                value = body[name]
                try:
                    given[attribute] = None if value is None else read(value)
                except _Bad as bad:
                    self.faults.append(Fault(name, str(bad)))

    def optional(self, name: str, read: Callable[[Any], Any]) -> Any:
        """Return what *read* makes of a field, None when it is absent or null."""
        value = self.body.get(name)
        return None if value is None else self.read(name, value, read)

    def read(self, path: str, value: Any, read: Callable[[Any], Any]) -> Any:
        try:
            return read(value)
        except _Bad as bad:
            self.faults.append(Fault(path, str(bad)))
            return None


# What a body may name, in the order in which a hint at what was meant is looked for.
_CHANGES: Final = dict.fromkeys(("language", "timezone", "remote_user_id", "user_data"))
_EDGE: Final = dict.fromkeys(("subscription", "previous_endpoint", *_CHANGES, "page"))
_IMPORT: Final = dict.fromkeys(
    (
        *_EDGE,
        "container",
        "application",
        "country",
        "region",
        "city",
        "browser",
        "os",
        "subscribed_at",
        "last_seen",
        "status",
        "id",
    )
)
_IMPORTED: Final = ("application", "country", "region", "city", "browser", "os")


def read_registration(body: Mapping[str, Any], *, source: Source) -> Registration:
    """Return what *body* hands over. Raises Invalid with every fault.

    At the edge ``page`` and ``timezone`` are the tag's own: no option of its calls names them. So
    one that is of no use here means unknown, for no visitor can mend it.
    Whether the endpoint is a push service's and the keys lie on the curve is not judged here.
    """
    reader = _Reader(body)
    _refuse_unknown(reader, _EDGE if source == "edge" else _IMPORT)
    endpoint, p256dh, auth = _subscription(reader)
    reader.take_all(_CHANGES, _REPORTED if source == "edge" else READERS)
    page_host = reader.optional("page", _reported_page if source == "edge" else _page_host)
    previous = reader.optional("previous_endpoint", _endpoint)
    if source == "edge":
        if reader.faults:
            raise Invalid(tuple(reader.faults))
        return Registration(
            endpoint, p256dh, auth, reader.given, page_host=page_host, previous_endpoint=previous
        )
    reader.take_all(_IMPORTED, READERS)
    subscribed_ms = reader.optional("subscribed_at", _instant)
    if subscribed_ms is not None:
        reader.given["subscribed_ms"] = subscribed_ms
    reader.optional("id", _subscriber_id)
    registration = Registration(
        endpoint,
        p256dh,
        auth,
        reader.given,
        page_host=page_host,
        previous_endpoint=previous,
        container=reader.optional("container", _container),
        active=reader.optional("status", _status) is not False,
        last_seen_ms=reader.optional("last_seen", _instant),
    )
    if reader.faults:
        raise Invalid(tuple(reader.faults))
    return registration


def read_changes(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the attributes that a browser's PATCH changes. Raises Invalid with every fault.

    A time zone that is not known here means unknown, as in read_registration.
    """
    reader = _Reader(body)
    _refuse_unknown(reader, _CHANGES)
    reader.take_all(_CHANGES, _REPORTED)
    if reader.faults:
        raise Invalid(tuple(reader.faults))
    return reader.given


def host_of(url: str) -> str | None:
    """Return the host name of *url* in lower case, None when it has none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _refuse_unknown(reader: _Reader, known: Mapping[str, None]) -> None:
    if reader.body.keys() <= known.keys():
        return
    strange = [name for name in reader.body if name not in known]
    for count, name in enumerate(strange):
        near = difflib.get_close_matches(name, known, n=1) if count < _MOST_HINTS else []
        hint = f"; did you mean {near[0]}?" if near else ""
        reader.faults.append(Fault(name, f"is not known here{hint}"))


def _subscription(reader: _Reader) -> tuple[str, bytes, bytes]:
    """Return endpoint, p256dh and auth; a browser may put more beside them."""
    given = reader.body.get("subscription")
    if not isinstance(given, Mapping):
        reader.faults.append(
            Fault("subscription", "is required: the JSON of the browser's PushSubscription")
        )
        return "", b"", b""
    keys = given.get("keys")
    if not isinstance(keys, Mapping):
        keys = {}
    endpoint = reader.read("subscription.endpoint", given.get("endpoint"), _endpoint)
    p256dh = reader.read("subscription.keys.p256dh", keys.get("p256dh"), _base64url)
    auth = reader.read("subscription.keys.auth", keys.get("auth"), _base64url)
    return endpoint or "", p256dh or b"", auth or b""


def _text(most: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value.encode()) <= most:
            raise _Bad(f"takes text of 1 to {most} bytes")
        return value

    return read


_endpoint: Final = _text(MAX_ENDPOINT_BYTES)


def _base64url(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > 512 or not _BASE64URL.fullmatch(value):
        raise _Bad("takes base64url text")
    bare = value.rstrip("=")
    if len(bare) % 4 == 1:
        raise _Bad("takes base64url text: a character is missing")
    return a2b_base64(bare.encode().translate(_TO_STANDARD) + b"==")


def _cached(read: Callable[[Any], _Read]) -> Callable[[Any], _Read]:
    """Return *read* with a memory: what text was taken is taken again without a second look.

    For attributes of which millions of people have the same few thousand values.
    """
    kept = lru_cache(_KEPT)(read)
    return lambda value: (kept if isinstance(value, str) else read)(value)


def _language(value: Any) -> str | None:
    """Return the tag to keep: a well-formed one that nobody knows means an unknown language."""
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise _Bad("takes a language such as en or pt-BR")
    return reported_language(value)


def _time_zone(value: Any) -> str | None:
    if value == _UNKNOWN_ZONE:
        return None
    if not isinstance(value, str) or not is_time_zone(value):
        raise _Bad("takes a time zone such as Europe/Belgrade")
    return value


def _reported_time_zone(value: Any) -> str | None:
    """Return the time zone to keep: a browser may know more of them than the tzdata here."""
    if isinstance(value, str) and _ZONE.fullmatch(value) and not is_time_zone(value):
        return None
    return _time_zone(value)


def _user_data(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or len(value) > MAX_KEYS:
        raise _Bad(f"takes an object of at most {MAX_KEYS} keys")
    for key, item in value.items():
        if not 1 <= len(key.encode()) <= MAX_KEY_BYTES:
            raise _Bad(f"takes keys of 1 to {MAX_KEY_BYTES} bytes")
        items = item if isinstance(item, list) else (item,)
        if len(items) > MAX_VALUES or not all(map(_is_value, items)):
            raise _Bad(
                f"takes under {key!r} text of at most {MAX_TEXT_BYTES} bytes, a number, true, "
                f"false, or a list of at most {MAX_VALUES} of these"
            )
    return dict(value)


def _is_value(value: Any) -> bool:
    if isinstance(value, str):
        return len(value.encode()) <= MAX_TEXT_BYTES
    return value is None or isinstance(value, int | float)


def _page_host(value: Any) -> str:
    host = _reported_page(value)
    if host is None:
        raise _Bad(f"takes the address of a page, at most {MAX_PAGE_BYTES} bytes")
    return host


def _reported_page(value: Any) -> str | None:
    """Return the host of a page; None for an address that is too long or has no usable host."""
    if not isinstance(value, str):
        raise _Bad("takes the address of a page")
    host = host_of(value) if len(value.encode()) <= MAX_PAGE_BYTES else None
    return host if host is not None and _is_host(host) else None


def _host(value: Any) -> str:
    if not isinstance(value, str) or not _is_host(value):
        raise _Bad("takes a host name such as www.example.com")
    return value.lower()


def _is_host(text: str) -> bool:
    return len(text) <= _LONGEST_HOST and _HOST.fullmatch(text) is not None


def _country(value: Any) -> str:
    # A sharp s would become SS, South Sudan.
    if not isinstance(value, str) or not value.isascii() or not is_country(value.upper()):
        raise _Bad("takes an ISO 3166-1 alpha-2 code such as CA")
    return value.upper()


def _geonames_id(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _GEONAMES.fullmatch(text):
        raise _Bad("takes a GeoNames id")
    return text


def _entry(look_up: Callable[[str], int | None], what: str) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        found = look_up(text) if isinstance(text, str) and len(text) <= MAX_TEXT_BYTES else None
        if found is None:
            raise _Bad(f"takes the id or the name of a {what}, as in the dictionaries")
        return found

    return read


def _instant(value: Any) -> int:
    if not isinstance(value, str):
        raise _Bad("takes a date-time such as 2026-02-05 11:00:00")
    try:
        return parse_instant(value)
    except ValueError as error:
        raise _Bad(str(error)) from None


def _subscriber_id(value: Any) -> int:
    if not isinstance(value, str) or not _ID.fullmatch(value) or int(value) >= 1 << 64:
        raise _Bad("takes an unsigned 64-bit number as text")
    return int(value)


def _container(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 1 <= len(text) <= 64:
        raise _Bad("takes the id or the key of a container")
    return text


def _status(value: Any) -> bool:
    if value not in ("active", "unsubscribed"):
        raise _Bad("takes active or unsubscribed")
    return bool(value == "active")


# The attributes that may be changed, by the name that the API gives them: the name of the
# attribute, and what reads its value or raises ValueError with the end of a sentence.
READERS: Final[Readers] = {
    "language": ("language", _cached(_language)),
    "timezone": ("time_zone", _time_zone),
    "country": ("country", _cached(_country)),
    "region": ("region", _cached(_geonames_id)),
    "remote_user_id": ("remote_user_id", _text(MAX_TEXT_BYTES)),
    "user_data": ("user_data", _user_data),
    "application": ("host", _cached(_host)),
    "city": ("city", _cached(_geonames_id)),
    "browser": ("browser", _cached(_entry(browser_id, "browser"))),
    "os": ("os", _cached(_entry(operating_system_id, "operating system"))),
}
# The same where a browser reports them.
_REPORTED: Final[Readers] = {**READERS, "timezone": ("time_zone", _reported_time_zone)}
