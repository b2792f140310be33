"""Bodies that were good once, spoilt as a bad day would spoil them.

Message number N of a seed is the same in every run, so a failure is repeated by its number.
"""

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from task_bodies import GOOD
from task_bodies.rows import changed

SEEDS: Final = [changed(row[1]) for row in GOOD if len(str(row[1])) < 20_000]

ODD_TEXTS: Final = (
    "",
    " ",
    "\t\r\n",
    "\u2028\u2029",
    "\u202eabc",
    "e\u0301" * 50,
    "👩\u200d👩\u200d👧",
    "\ufeff",
    "\ufffe\uffff",
    "\U0010ffff",
    "\x7f\x1b[31m",
    "${",
    "${OCMH_CLICK_ID}",
    "%00%s%n",
    "../../etc",
    "' OR 1=1 --",
    "<script>",
    "0",
    "1e3",
    "٣",
    "null",
    "9" * 400,
    "x" * 5000,
)
ODD_LITERALS: Final = (  # as they are written, for json.dumps would not write them
    "1e308",
    "1e999",
    "-1e999",
    "1E400",
    "-0",
    "-0.0",
    "0.1e-400",
    "18446744073709551616",
    "9" * 21,
    "9" * 5000,
    "01",
    "+1",
    ".5",
    "1.",
    "0x10",
    "NaN",
    "Infinity",
    "-Infinity",
    "True",
    "undefined",
    "'x'",
    r'"\ud800"',
    r'"\udc00\ud800"',
    r'"\u0000"',
    r'"\x41"',
    '"\n"',
    '"\x01"',
    "",
    "[,]",
    "{,}",
    '{"a"}',
    "/**/1",
)
ODD_VALUES: Final = (None, True, False, 0, -1, 2**63, -(2**64), 0.5, 1.0, [], {}, [None], {"en": 1})
MEDIA_TYPES: Final = (
    "",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-16",
    'application/json; charset="utf-8"',
    "application/json;",
    "application/json, application/json",
    "Application/JSON",
    "application/merge-patch+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/json\xff",
    "a" * 3000,
)
ODD_HEADERS: Final = (
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "identity"),
    ("Content-Encoding", ""),
    ("Accept", "text/html;q=0"),
    ("Accept-Encoding", "br, *;q=0"),
    ("Idempotency-Key", ""),
    ("Idempotency-Key", "k" * 255),
    ("Idempotency-Key", "k" * 256),
    ("Idempotency-Key", "same for all"),
    ("Idempotency-Key", "ž".encode().decode("latin-1")),
    ("traceparent", "00-0-0-0"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("X-Forwarded-For", "' OR 1=1"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("Cookie", "a=" + "b" * 4000),
    ("Range", "bytes=0-1"),
    ("If-Match", "*"),
    ("Expect", "100-continue"),
    ("Authorization", "Bearer x"),
    ("Authorization", ""),
    ("Content-Type", "text/plain"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request. call: which call of the API. kind: the mutations, for people to read."""

    number: int
    call: str
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    chunked: bool = False


_LONGEST: Final = 200_000  # characters that a value is made to swell to


class _Written(str):
    """JSON text that goes out as it is."""

    __slots__ = ()


@dataclass
class _Twins:
    """An object with a key that stands twice."""

    pairs: list[tuple[str, Any]] = field(default_factory=list)


def message(seed: int, number: int) -> Sent:
    """Return message *number* of *seed*."""
    chance = random.Random(f"{seed}/{number}")
    tree: Any = copy.deepcopy(chance.choice(SEEDS))
    kinds = []
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        mutate = chance.choice(_TREE)
        kinds.append(mutate.__name__)
        tree = mutate(tree, chance)
    body = _text(tree).encode("utf-8", "surrogatepass")
    if chance.random() < 0.2:
        spoil = chance.choice(_BYTES)
        kinds.append(spoil.__name__)
        body = spoil(body, chance)
    headers: list[tuple[str, str]] = []
    if chance.random() < 0.1:
        kinds.append("media type")
        headers.append(("Content-Type", chance.choice(MEDIA_TYPES)))
    else:
        headers.append(("Content-Type", "application/json"))
    if chance.random() < 0.1:
        kinds.append("header")
        headers += chance.sample(ODD_HEADERS, 2)
    return Sent(
        number=number,
        call=chance.choice(("create", "create", "create", "preview", "change")),
        kind=", ".join(kinds) or "as it was",
        body=body,
        headers=tuple(headers),
        query=chance.choice(("", "", "", "", "?x=1", "?%00", "?page=1&page=2")),
        chunked=chance.random() < 0.05,
    )


def _holders(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key or index) of *tree*."""
    waiting = [tree]
    while waiting:
        found = waiting.pop()
        keys: Any = ()
        if isinstance(found, dict):
            keys = list(found)
        elif isinstance(found, list):
            keys = range(len(found))
        for key in keys:
            yield found, key
            waiting.append(found[key])


def _somewhere(tree: Any, chance: random.Random) -> tuple[Any, Any]:
    return chance.choice(list(_holders(tree)) or [({"": tree}, "")])


def drop(tree: Any, chance: random.Random) -> Any:
    """Take a value out."""
    holder, key = _somewhere(tree, chance)
    del holder[key]
    return tree


def twin(tree: Any, chance: random.Random) -> Any:
    """Write a key twice."""
    objects = [(h, k) for h, k in _holders(tree) if isinstance(h[k], dict) and h[k]]
    if not objects:
        return _Twins([*tree.items(), *list(tree.items())[:1]]) if isinstance(tree, dict) else tree
    holder, key = chance.choice(objects)
    pairs = list(holder[key].items())
    holder[key] = _Twins([*pairs, chance.choice(pairs)])
    return tree


def swap(tree: Any, chance: random.Random) -> Any:
    """Put a value of another type in."""
    holder, key = _somewhere(tree, chance)
    holder[key] = copy.deepcopy(chance.choice(ODD_VALUES))
    return tree


def write(tree: Any, chance: random.Random) -> Any:
    """Put in what is hardly JSON."""
    holder, key = _somewhere(tree, chance)
    holder[key] = _Written(chance.choice(ODD_LITERALS))
    return tree


def say(tree: Any, chance: random.Random) -> Any:
    """Put an odd text in, or into a text."""
    holder, key = _somewhere(tree, chance)
    odd = chance.choice(ODD_TEXTS)
    old = holder[key]
    holder[key] = old + odd if isinstance(old, str) and chance.random() < 0.5 else odd
    return tree


def rename(tree: Any, chance: random.Random) -> Any:
    """Spell a key otherwise."""
    objects = [(h, k) for h, k in _holders(tree) if isinstance(h, dict)]
    if objects:
        holder, key = chance.choice(objects)
        spelt = (key.upper(), key + " ", key[:-1], key + "s", chance.choice(ODD_TEXTS))
        holder[chance.choice(spelt)] = holder.pop(key)
    return tree


def move(tree: Any, chance: random.Random) -> Any:
    """Put a copy of one value in another's place."""
    source, at = _somewhere(tree, chance)
    value = copy.deepcopy(source[at])
    holder, key = _somewhere(tree, chance)
    holder[key] = value
    return tree


def nest(tree: Any, chance: random.Random) -> Any:
    """Wrap a value many times."""
    holder, key = _somewhere(tree, chance)
    for _ in range(chance.choice((1, 2, 28, 31, 40, 90))):
        holder[key] = [holder[key]] if chance.random() < 0.5 else {"a": holder[key]}
    return tree


def swell(tree: Any, chance: random.Random) -> Any:
    """Make a value long."""
    holder, key = _somewhere(tree, chance)
    times = chance.choice((2, 101, 300, 3000))
    old = holder[key]
    if isinstance(old, str):
        holder[key] = (old * times)[:_LONGEST]
    elif isinstance(old, list):
        times = min(times, _LONGEST // len(str(old)))
        holder[key] = [copy.deepcopy(item) for item in old[:1] * times]
    elif isinstance(old, dict):
        holder[key] = {f"{name}{n}": 1 for n in range(times) for name in ("k", "en-")}
    return tree


_TREE: Final[tuple[Callable[[Any, random.Random], Any], ...]] = (
    drop,
    twin,
    swap,
    write,
    say,
    rename,
    move,
    nest,
    swell,
)


def cut(body: bytes, chance: random.Random) -> bytes:
    """Leave the end away."""
    return body[: chance.randrange(len(body) + 1)]


def flip(body: bytes, chance: random.Random) -> bytes:
    """Turn bits round."""
    spoilt = bytearray(body)
    for _ in range(min(len(spoilt), chance.choice((1, 2, 8)))):
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def stuff(body: bytes, chance: random.Random) -> bytes:
    """Put bytes in."""
    odd = (b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xef\xbb\xbf", b"}", b'"', b",")
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(odd) + body[at:]


def repeat(body: bytes, chance: random.Random) -> bytes:
    """Send it more than once over."""
    return body + chance.choice((b"", b"\n", b" ", b"\0")) + body


def encode(body: bytes, chance: random.Random) -> bytes:
    """Write it in another encoding."""
    text = body.decode("utf-8", "replace")
    return text.encode(chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7")))


def pad(body: bytes, chance: random.Random) -> bytes:
    """Surround it with blanks."""
    return b" " * chance.choice((1, 70_000, 1_048_576)) + body


def replace(_: bytes, chance: random.Random) -> bytes:
    """Send something else."""
    odd = (b"", b"{}", b"[]", b"null", b'""', b"{", b"[" * 50_000, b'{"a":' * 30_000, b"name=Demo")
    return chance.choice(odd)


_BYTES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    cut,
    cut,
    flip,
    flip,
    stuff,
    stuff,
    repeat,
    encode,
    pad,
    replace,
)


def _text(value: Any) -> str:
    if isinstance(value, _Written):
        return str(value)
    if isinstance(value, _Twins | dict):
        pairs = value.pairs if isinstance(value, _Twins) else value.items()
        return "{" + ",".join(f"{json.dumps(key)}:{_text(item)}" for key, item in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value)
