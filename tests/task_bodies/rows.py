"""One plain create body, and how a row of the catalogue changes it."""

import copy
from collections.abc import Mapping
from functools import reduce
from typing import Any, Final

GONE: Final = object()
NOW_MS: Final = 1_770_289_200_000  # 2026-02-05 11:00:00 GMT, a Thursday
URL: Final = "https://www.example.com/"
LANDING: Final = "message.landing_url"
PLAIN: Final[dict[str, Any]] = {
    "name": "Demo",
    "status": 1,
    "start_time": "immediately",
    "message": {"title": {"en": "Hello"}, "landing_url": URL},
}

# (id, changes by dotted path, what the draft must say by dotted path)
Good = tuple[str, dict[str, Any], dict[str, Any]]
# (id, changes by dotted path, the path of each fault, words of the first)
Bad = tuple[str, dict[str, Any], list[str], str]


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain body with *changes*; GONE takes a key out."""
    body = copy.deepcopy(PLAIN)
    for path, value in changes.items():
        *parents, key = path.split(".")
        holder: Any = reduce(lambda inner, name: inner[name], parents, body)
        if value is GONE:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(value)
    return body


def taken(path: str, values: Mapping[str, Any], **beside: Any) -> list[Good]:
    """Return a row for each of *values*, by name, at *path*; beside: further changes."""
    return [(f"{path}: {name}", {**beside, path: value}, {}) for name, value in values.items()]


def read_as(path: str, attribute: str, values: Mapping[str, tuple[Any, Any]]) -> list[Good]:
    """Return a row for each of *values*: what is sent at *path*, what the draft says of it."""
    return [
        (f"{path}: {name}", {path: sent}, {attribute: read})
        for name, (sent, read) in values.items()
    ]


def refused(path: str, words: str, values: Mapping[str, Any], **beside: Any) -> list[Bad]:
    """Return a row for each of *values*, by name, that is refused at *path* with *words*."""
    return [
        (f"{path}: {name}", {**beside, path: value}, [path], words)
        for name, value in values.items()
    ]


def refused_inside(path: str, values: Mapping[str, tuple[Any, str, str]]) -> list[Bad]:
    """Return a row for each of *values*: what is sent, where in it the fault is, words."""
    return [
        (f"{path}: {name}", {path: sent}, [f"{path}.{inner}"], words)
        for name, (sent, inner, words) in values.items()
    ]
