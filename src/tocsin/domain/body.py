"""What the readers of request bodies share: naming a key in a sentence, and its nearest known."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from tocsin.domain.errors import Fault

_SHOWN: Final = 64  # characters of a client's text that a sentence repeats
_MOST_NAMED: Final = (
    20  # further faults of one kind are counted, so that hostile bodies cost little
)


def shown(text: str) -> str:
    """Return *text* fit for a sentence or a path: short, and of characters that can be printed."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return short if short.isprintable() else ascii(short)[1:-1]


def inside(path: str, key: str | int) -> str:
    """Return the path of what stands under *key* at *path*."""
    name = shown(str(key))
    return f"{path}.{name}" if path else name


def nearest(text: str, known: Collection[str]) -> str:
    """Return that of *known*, of which there is one at least, which is most like *text*."""
    return difflib.get_close_matches(shown(text), known, n=1, cutoff=0.0)[0]


def unknown_keys(value: Mapping[str, Any], known: Collection[str], path: str) -> Iterator[Fault]:
    """Yield a fault, with the nearest of *known*, for each key of *value* that is none of them."""
    unknown = [key for key in value if key not in known]
    for key in unknown[:_MOST_NAMED]:
        yield Fault(inside(path, key), f"is not known here; the nearest is {nearest(key, known)}")
    if len(unknown) > _MOST_NAMED:
        yield Fault(path, f"has {len(unknown) - _MOST_NAMED} more keys that are not known here")


def at_most_named(faults: list[Fault], path: str) -> list[Fault]:
    """Return the first of *faults* and, when they are too many, one at *path* for the rest."""
    rest = len(faults) - _MOST_NAMED
    if rest <= 0:
        return faults
    return [*faults[:_MOST_NAMED], Fault(path, f"has {rest} more faults like these")]
