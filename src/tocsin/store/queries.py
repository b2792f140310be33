"""Lists: what a client asks of one, put to a SELECT so that both databases answer alike.

Text is compared by code points (SQLite always does; PostgreSQL under the collation "C"), and
searched without its case as domain.listing.folded has it (on PostgreSQL by ICU).
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    String,
    and_,
    collate,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from tocsin.domain.listing import Condition, ListQuery, Op, Search
from tocsin.store.columns import Unsigned64

_SIGN: Final = -(1 << 63)
_ENDS: Final[Mapping[Op, Sequence[Callable[[Any, Any], ColumnElement[bool]]]]] = {
    Op.GT: (operator.gt,),
    Op.GTE: (operator.ge,),
    Op.LT: (operator.lt,),
    Op.LTE: (operator.le,),
    Op.R: (operator.gt, operator.lt),
    Op.RF: (operator.ge, operator.le),
    Op.RL: (operator.ge, operator.lt),
    Op.RR: (operator.gt, operator.le),
}


def find_page(
    connection: Connection,
    statement: Select[Any],
    query: ListQuery,
    *,
    columns: Mapping[str, ColumnElement[Any]],
    newest: ColumnElement[Any],
    then: Sequence[ColumnElement[Any]] = (),
) -> tuple[int, Sequence[Row[Any]]]:
    """Return how many rows of *statement* there are that *query* asks for, and its page of them.

    statement: already bound to what the caller sees. columns: by the name of the field. newest:
    what decides, descending, where the sort keys do not; no two rows are alike in it, or else in
    it and in what comes *then*.
    """
    terms = _Terms(columns, is_sqlite=connection.dialect.name == "sqlite")
    found = statement.where(*(terms.condition(one) for one in query.conditions))
    if query.search is not None:
        found = found.where(terms.search(query.search))
    counted = found.with_only_columns(newest, maintain_column_froms=True).order_by(None)
    total: int = connection.execute(
        select(func.count()).select_from(counted.subquery())
    ).scalar_one()
    orders = [(terms.comparable(columns[key.field]), key.descending) for key in query.sort]
    page = found.order_by(
        *((by.desc() if descending else by.asc()).nulls_last() for by, descending in orders),
        terms.comparable(newest).desc(),
        *(terms.comparable(one).desc() for one in then),
    )
    return total, connection.execute(page.offset(query.offset).limit(query.limit)).all()


def whole_seconds(instant_ms: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an instant as the API shows it: what is shown can be filtered by."""
    return instant_ms - instant_ms % 1000


class _Terms:
    """The parts of a query as SQL of one kind of database."""

    def __init__(self, columns: Mapping[str, ColumnElement[Any]], *, is_sqlite: bool) -> None:
        self._columns = columns
        self._is_sqlite = is_sqlite

    def comparable(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return what stands in the same order as the values of *column* do."""
        if isinstance(column.type, Unsigned64):  # the sign bit is its highest: turn it round
            signed = type_coerce(column, BigInteger)
            return signed.bitwise_or(_SIGN) - signed.bitwise_and(_SIGN)
        if isinstance(column.type, String) and not self._is_sqlite:
            return collate(column, "C")
        return column

    def condition(self, one: Condition) -> ColumnElement[bool]:
        """Return the condition as SQL; what null does is told at domain.listing.Op."""
        column = self._columns[one.field]
        match one.op:
            case Op.IS:
                return column.is_not(None)
            case Op.ISN:
                return column.is_(None)
            case Op.EQ | Op.IN:
                return column.in_([_literal(column, value) for value in one.values])
            case Op.NEQ | Op.NIN:
                others = column.not_in([_literal(column, value) for value in one.values])
                return or_(others, column.is_(None))
        by, ends = self.comparable(column), one.values
        return and_(
            *(
                compare(by, _end(column, end))
                for compare, end in zip(_ENDS[one.op], ends, strict=True)
            )
        )

    def search(self, search: Search) -> ColumnElement[bool]:
        """Return whether one of the fields holds the text: as it is, for it is no pattern."""
        wanted = self._folded(literal(search.text))
        position = func.instr if self._is_sqlite else func.strpos
        return or_(
            *(position(self._folded(self._columns[name]), wanted) > 0 for name in search.fields)
        )

    def _folded(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        if self._is_sqlite:
            return func.tocsin_folded(text)
        return func.upper(func.lower(collate(text, "und-x-icu")))


def _literal(column: ColumnElement[Any], value: Any) -> ColumnElement[Any]:
    """Return *value* as SQL. A number may be larger than any in a column of small ones."""
    is_small = isinstance(column.type, Integer) and not isinstance(column.type, BigInteger)
    return literal(value, BigInteger() if is_small else column.type)


def _end(column: ColumnElement[Any], value: Any) -> ColumnElement[Any]:
    """Return *value* so that it compares with what comparable makes of *column*."""
    if isinstance(column.type, Unsigned64):
        return literal(value + _SIGN, BigInteger)
    return _literal(column, value)
