"""A push payload: JSON that is written once, with gaps for what differs between recipients."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tocsin.domain.macros import CLICK_ID, Macro, fix

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_NO_VALUES: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Payload:
    """The JSON that the service worker reads, cut where the message token and the macros go.

    head and tail enclose the token; each of gaps is a macro and the bytes behind it. needs: the
    macros that want a value of the recipient.
    """

    head: bytes
    tail: bytes
    gaps: tuple[tuple[Macro, bytes], ...] = ()
    needs: frozenset[str] = frozenset()

    def fill(self, token: str, values: Mapping[str, str] = _NO_VALUES) -> bytes:
        """Return the payload of the message that *token* names (unpadded base64url and dots).

        values: by the names of macros; one that is missing leaves the default.
        """
        start = self.head + token.encode("ascii") + self.tail
        if not self.gaps:
            return start
        known = {**values, CLICK_ID: token}
        parts = [start]
        for macro, behind in self.gaps:
            parts += (_encode(macro.expand(known))[1:-1].encode(), behind)
        return b"".join(parts)

    def size(self, token_length: int, values: Mapping[str, str] = _NO_VALUES) -> int:
        """Return how many bytes of plaintext a token of *token_length* characters makes."""
        return len(self.fill("-" * token_length, values))


def write_payload(shape: Mapping[str, Any], fixed: Mapping[str, str] = _NO_VALUES) -> Payload:
    """Return the payload of *shape*: JSON values, where a tuple is the template of a text.

    fixed: values of macros that are the same for everybody.
    """
    written: list[str | Macro] = []
    _write(dict(shape), fixed, written)
    literals, macros = [""], []
    for part in written:
        if isinstance(part, Macro):
            macros.append(part)
            literals.append("")
        else:
            literals[-1] += part
    first, *rest = [literal.encode() for literal in literals]
    return Payload(
        head=b'{"v":1,"token":"',
        tail=b'",' + first[1:],
        gaps=tuple(zip(macros, rest, strict=True)),
        needs=frozenset(macro.name for macro in macros) - {CLICK_ID},
    )


def _write(value: Any, fixed: Mapping[str, str], written: list[str | Macro]) -> None:
    """Append *value* as compact JSON, its macros as they are."""
    if isinstance(value, tuple):
        literals_and_macros = (
            part if isinstance(part, Macro) else _encode(part)[1:-1] for part in fix(value, fixed)
        )
        written += ('"', *literals_and_macros, '"')
    elif isinstance(value, dict) and value:
        for number, (key, item) in enumerate(value.items()):
            written.append(f"{',' if number else '{'}{_encode(key)}:")
            _write(item, fixed, written)
        written.append("}")
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            written.append("," if number else "[")
            _write(item, fixed, written)
        written.append("]")
    else:
        written.append(_encode(value))
