"""What a list is asked for: which items, in what order, which page of them, and what of each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

DEFAULT_SIZE: Final = 20
LARGEST_SIZE: Final = 500


class Op(StrEnum):
    """How a filter compares a field with its values (contract.md section 1, row "Lists").

    An item without a value there (null) passes NEQ, NIN and ISN, and nothing else: so EQ and NEQ,
    and IN and NIN, divide a list between them.
    """

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    NIN = "nin"
    IS = "is"  # has a value
    ISN = "isn"  # has none
    R = "r"  # between the two values
    RF = "rf"  # the same, both of them in
    RL = "rl"  # the left one in
    RR = "rr"  # the right one in


WITHOUT_VALUE: Final = frozenset({Op.IS, Op.ISN})
OF_ANY: Final = frozenset({Op.IN, Op.NIN})
RANGES: Final = frozenset({Op.R, Op.RF, Op.RL, Op.RR})


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter. values: none, one, two ends, or as many as are looked for, as *op* takes."""

    field: str
    op: Op
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class SortKey:
    """One field to sort by; items without a value there come last, in either direction."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """Text that one of the fields at least must hold, in upper or lower case."""

    text: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """The items of a list that are asked for: every condition holds, and the search if any.

    What the sort keys leave open the newest first decides. fields: the keys wanted of each item,
    None for those of the view.
    """

    offset: int = 0
    limit: int = DEFAULT_SIZE
    sort: tuple[SortKey, ...] = ()
    conditions: tuple[Condition, ...] = ()
    search: Search | None = None
    fields: tuple[str, ...] | None = None
    is_full: bool = False


def folded(text: str) -> str:
    """Return *text* without its case; part of a text folds to a part of the folded text.

    Lower case first, for letters such as ẞ that have no other way; then upper case, in which
    no letter looks at its neighbours (a Greek sigma does in lower case).
    """
    return text.lower().upper()
