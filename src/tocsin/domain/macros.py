"""Macros: ``${NAME}`` in the texts and URLs of a message, each a value of whom the message is for.

contract.md section 2.2; docs/reference/macros.md says the same to those who write messages. A
template is parsed once and expanded in a single pass: a value that looks like a macro stays text.
"""

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from tocsin.domain.body import shown
from tocsin.domain.instants import iso_text
from tocsin.domain.registration import MAX_KEY_BYTES, MAX_TEXT_BYTES

CLICK_ID: Final = "OCMH_CLICK_ID"
"""The macro that is the message token itself."""

MEDIUM: Final = "push"
_USER_DATA: Final = "user_data."
_DAY_MS: Final = 86_400_000
_MAX_NAME_BYTES: Final = 255  # of a push task
_AUTHORITY: Final = re.compile(r"[^/?#]*//[^/?#]*")  # a URL up to its path (RFC 3986 section 3)


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro where it stands. default: what a missing value becomes; empty but for user_data."""

    name: str
    default: str = ""
    in_url: bool = False

    def expand(self, values: Mapping[str, str]) -> str:
        """Return the text that stands here; in a URL all but unreserved characters is escaped.

        Source: RFC 3986 sections 2.1 and 2.3.
        """
        value = values.get(self.name, self.default)
        return quote(value, safe="") if self.in_url else value


Template: TypeAlias = tuple[str | Macro, ...]
"""A text or a URL, parsed: literals and macros in turn."""


class Rule(Enum):
    """What a macro may break; the sentence that says so, of the macro's own words."""

    UNKNOWN = "has ${%s}, which is no macro"
    NOT_CLOSED = "has ${%s without a } before the next ${ or the end: macros do not hold macros"
    NEEDS_DEFAULT = "has ${%s} without a default: write ${user_data.KEY|text}; text may be empty"
    TAKES_NO_DEFAULT = "has a default in ${%s}: only ${user_data.KEY|text} takes one"
    BAD_KEY = f"has ${{%s}}, whose key is not of 1 to {MAX_KEY_BYTES} bytes"
    BEFORE_PATH = (
        "has ${%s} in its scheme or host: in a URL a macro may stand in path, query or fragment"
    )


@dataclass(frozen=True, slots=True)
class Flaw:
    """A macro that breaks a rule. macro: what stands between its braces."""

    rule: Rule
    macro: str

    def __str__(self) -> str:
        sentence = self.rule.value % shown(self.macro)
        if self.rule is not Rule.UNKNOWN:
            return sentence
        known = (*NAMES, "user_data.KEY|text")
        return f"{sentence}; the nearest is ${{{_nearest(shown(self.macro), known)}}}"


_Read: TypeAlias = Callable[[Any, int], str]
"""Makes an attribute's value, and the present instant in ms, the text of a macro."""


def _plain(value: Any, _now_ms: int) -> str:
    return str(value)


def _age(subscribed_ms: int, now_ms: int) -> str:
    return str(max(0, now_ms - subscribed_ms) // _DAY_MS)


def _instant(subscribed_ms: int, _now_ms: int) -> str:
    return iso_text(subscribed_ms)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """Where a macro's value comes from (no attribute: the task, or the message itself).

    longest: as the size of a message is reckoned with.
    """

    longest: str
    attribute: str | None = None
    read: _Read = _plain


_ID: Final = "9" * 20
_HOST: Final = "h" * 253

# contract.md section 2.2, in its order. The attributes are those of a subscriber, under the names
# of domain.subscriber.Attributes, with its id and the type of its container.
_MEANINGS: Final[Mapping[str, _Meaning]] = {
    "OCMH_UTM_MEDIUM": _Meaning(MEDIUM),
    "OCMH_UTM_SOURCE": _Meaning(_HOST, "host"),
    "OCMH_CAMPAIGN_NAME": _Meaning("%" * _MAX_NAME_BYTES),
    "OCMH_CAMPAIGN_ID": _Meaning(_ID),
    "OCMH_CONTAINER_ID": _Meaning(_ID, "container_id"),
    "OCMH_CONTAINER_TYPE": _Meaning("android", "container_type"),
    CLICK_ID: _Meaning(""),
    "OCMH_APP_NAME": _Meaning(_HOST, "host"),
    "OCMH_PROFILE_ID": _Meaning(_ID, "id"),
    "OCMH_PROFILE_COUNTRY_CODE": _Meaning("RS", "country"),
    "OCMH_PROFILE_CITY_ID": _Meaning(_ID, "city"),
    "OCMH_PROFILE_REGION_ID": _Meaning(_ID, "region"),
    "OCMH_PROFILE_LANG_CODE": _Meaning("l" * 35, "language"),
    "OCMH_PROFILE_AGE": _Meaning("99999", "subscribed_ms", _age),
    "OCMH_PROFILE_SUBTIME": _Meaning("2026-02-05T11:00:00Z", "subscribed_ms", _instant),
    "OCMH_PROFILE_TIMEZONE": _Meaning("America/Argentina/".ljust(64, "z"), "time_zone"),
    "OCMH_PROFILE_BROWSER_ID": _Meaning(_ID, "browser"),
    "OCMH_PROFILE_OS_ID": _Meaning(_ID, "os"),
}
NAMES: Final = tuple(_MEANINGS)

SAMPLE_TASK_ID: Final = "1057"
_SAMPLE_AGE_DAYS: Final = 42
# Somebody in Belgrade with Chrome on Android.
_SAMPLE: Final[Mapping[str, Any]] = {
    "id": 6405763527346921487,
    "host": "www.example.com",
    "container_id": 1,
    "container_type": "web",
    "country": "RS",
    "city": "792680",
    "region": "785958",
    "language": "sr",
    "time_zone": "Europe/Belgrade",
    "browser": 12,
    "os": 12,
}


def parse(text: str, *, is_url: bool = False) -> tuple[Template, tuple[Flaw, ...]]:
    """Return *text* as a template, and every flaw of its macros; a flawed macro stays text."""
    parts: list[str | Macro] = []
    flaws: list[Flaw] = []
    path_start = _path_start(text) if is_url else 0
    end = 0
    for start, stop, inner in _macros(text):
        found = _flaws(inner, is_closed=stop is not None)
        if start < path_start:
            found.append(Flaw(Rule.BEFORE_PATH, inner))
        flaws += found
        if stop is None or found:
            continue
        name, _, default = inner.partition("|")
        parts += [text[end:start], Macro(name, default, is_url)]
        end = stop
    parts.append(text[end:])
    return tuple(part for part in parts if part), tuple(flaws)


def expand(template: Template, values: Mapping[str, str]) -> str:
    """Return the text that *template* makes with *values*, by the names of macros."""
    return "".join(part if isinstance(part, str) else part.expand(values) for part in template)


def fix(template: Template, values: Mapping[str, str]) -> Template:
    """Return *template* with those macros as text that *values* knows, the others as they are."""
    return tuple(
        part.expand(values) if isinstance(part, Macro) and part.name in values else part
        for part in template
    )


def is_user_data(name: str) -> bool:
    """Return whether the macro *name* stands for a value of custom data."""
    return name.startswith(_USER_DATA)


def attributes_of(names: Collection[str]) -> frozenset[str]:
    """Return the attributes of a recipient that the macros *names* are read from."""
    found = {
        meaning.attribute
        for name in names
        if (meaning := _MEANINGS.get(name)) is not None and meaning.attribute is not None
    }
    if any(map(is_user_data, names)):
        found.add("user_data")
    return frozenset(found)


def recipient_values(
    names: Collection[str], known: Mapping[str, Any], *, now_ms: int
) -> dict[str, str]:
    """Return the values of those macros among *names* that a recipient has one for.

    known: their attributes, as attributes_of names them; None: unknown.
    """
    values: dict[str, str] = {}
    for name in names:
        meaning = _MEANINGS.get(name)
        if meaning is None:
            found = _data_text(known["user_data"].get(name.removeprefix(_USER_DATA)))
            if found is not None:
                values[name] = found
        elif meaning.attribute is not None and known[meaning.attribute] is not None:
            values[name] = meaning.read(known[meaning.attribute], now_ms)
    return values


def task_values(*, task_id: str, name: str) -> Mapping[str, str]:
    """Return the values that are the same for every recipient of a task."""
    return MappingProxyType(
        {
            "OCMH_UTM_MEDIUM": MEDIUM,
            "OCMH_CAMPAIGN_NAME": name,
            "OCMH_CAMPAIGN_ID": task_id,
        }
    )


def sample_values(*, name: str, now_ms: int) -> dict[str, str]:
    """Return the values of the preview's sample subscriber, who has no custom data.

    name: of the task, whose id is taken to be SAMPLE_TASK_ID. They subscribed 42 days ago.
    """
    known = {**_SAMPLE, "subscribed_ms": max(0, now_ms - _SAMPLE_AGE_DAYS * _DAY_MS)}
    values = recipient_values(NAMES, known, now_ms=now_ms)
    return {**values, **task_values(task_id=SAMPLE_TASK_ID, name=name)}


def longest_values(*, name: str | None, data: Collection[str] = ()) -> dict[str, str]:
    """Return each macro's longest value: none can make a message larger.

    name: of the task; None counts the longest that there may be. data: macros of custom data to
    count with the longest single value; the others have their default.
    """
    values = {macro: meaning.longest for macro, meaning in _MEANINGS.items()}
    if name is not None:
        values["OCMH_CAMPAIGN_NAME"] = name
    return values | dict.fromkeys(data, "%" * MAX_TEXT_BYTES)


def _macros(text: str) -> Iterator[tuple[int, int | None, str]]:
    """Yield where each macro starts and stops (None: it is not closed), and what is in it."""
    start = text.find("${")
    while start >= 0:
        following = text.find("${", start + 2)
        brace = text.find("}", start + 2, following if following >= 0 else len(text))
        if brace >= 0:
            yield start, brace + 1, text[start + 2 : brace]
        else:
            yield start, None, text[start + 2 : following if following >= 0 else len(text)]
        start = following


def _flaws(inner: str, *, is_closed: bool) -> list[Flaw]:
    if not is_closed:
        return [Flaw(Rule.NOT_CLOSED, inner)]
    name, bar, _ = inner.partition("|")
    broken = []
    if name.startswith(_USER_DATA):
        if not 1 <= len(name.removeprefix(_USER_DATA).encode()) <= MAX_KEY_BYTES:
            broken.append(Rule.BAD_KEY)
        if not bar:
            broken.append(Rule.NEEDS_DEFAULT)
    elif name not in _MEANINGS:
        broken.append(Rule.UNKNOWN)
    elif bar:
        broken.append(Rule.TAKES_NO_DEFAULT)
    return [Flaw(rule, inner) for rule in broken]


def _path_start(url: str) -> int:
    """Return where the path of *url* starts, or what comes in its place."""
    match = _AUTHORITY.match(url)
    return len(url) if match is None else match.end()


def _data_text(value: Any) -> str | None:
    """Return a value of custom data as text, a list with commas; None when there is none."""
    if isinstance(value, list):
        texts = [_scalar_text(item) for item in value if item is not None]
        return ",".join(texts) if texts else None
    return None if value is None else _scalar_text(value)


def _scalar_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _nearest(name: str, known: Collection[str]) -> str:
    return difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
