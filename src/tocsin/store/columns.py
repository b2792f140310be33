"""Column types that mean the same on both databases."""

import json
from typing import Any, Final

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

_WRAP: Final = 1 << 64
_SIGN: Final = 1 << 63

# SQLite numbers rows by itself only in a column declared INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")

Millis = BigInteger
"""An instant: milliseconds since 1970-01-01 UTC."""


def signed(value: int) -> int:
    """Return the signed number with the same 64 bits as *value*, which is unsigned."""
    if not 0 <= value < _WRAP:
        raise ValueError(f"{value} does not fit 64 bits")
    return value - _WRAP if value >= _SIGN else value


# Kept: the standard library's function would make one for each call.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def json_text(value: Any) -> str:
    """Return *value* as compact JSON."""
    return _ENCODER.encode(value)


class Unsigned64(TypeDecorator[int]):
    """An unsigned 64-bit number, kept as two's complement in a signed column."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the signed number with the same 64 bits."""
        return None if value is None else signed(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the unsigned number with the same 64 bits."""
        return value + _WRAP if value is not None and value < 0 else value


class JsonText(TypeDecorator[Any]):
    """A JSON value as text: the same bytes on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return *value* as compact JSON."""
        return None if value is None else json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the value that the text stands for."""
        return None if value is None else json.loads(value)
