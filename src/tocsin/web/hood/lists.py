"""Lists of the Hood API: what may be asked of one, and the shape of every answer."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.datastructures import QueryParams

from tocsin.domain.body import nearest, shown, unknown_keys
from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.listing import (
    DEFAULT_SIZE,
    LARGEST_SIZE,
    OF_ANY,
    RANGES,
    WITHOUT_VALUE,
    Condition,
    ListQuery,
    Op,
    Search,
    SortKey,
)
from tocsin.web.hood.door import Parameter
from tocsin.web.hood.fields import Place, Reader, RefusedError, Schema

MAX_SEARCH_BYTES: Final = 255
MAX_ITEMS: Final = 100
MAX_FILTERS: Final = 32
_LAST_PAGE: Final = 10**9  # times LARGEST_SIZE it is still a number that a database knows
_PAGE: Final[Schema] = {
    "type": "string",
    "pattern": "^0*[1-9][0-9]*(?:,0*(?:[1-9][0-9]?|[1-4][0-9]{2}|500))?$",
    "maxLength": 21,
    "examples": ["1", "2,100"],
}
_OPERATORS: Final = ", ".join(Op)
_OPERATOR: Final = re.compile(r"([a-z]+):(.*)", re.DOTALL)
_UNFIT: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListShape:
    """What may be asked of a list.

    keys: those of an item, which a client may choose from. only_full: those of them that the
    default view leaves out. fields: what may be sorted and filtered by, each with the reader of
    its values (web/hood/fields.py: text, whole_number, instant, one_of). searched: the fields of
    text that q looks into.
    """

    keys: Sequence[str]
    only_full: Collection[str] = ()
    fields: Mapping[str, Reader] = field(default_factory=dict)
    searched: Sequence[str] = ()
    size: int = DEFAULT_SIZE

    @property
    def not_filters(self) -> Sequence[str]:
        """Return the names of the parameters that are given once at most."""
        by_field = ("sort",) if self.fields else ()
        by_text = ("q", "q_fields") if self.searched else ()
        return ("page", *by_field, *by_text, "fields", "view")


def read_query(params: QueryParams, shape: ListShape) -> ListQuery:
    """Return what *params* ask of a list of *shape*.

    Raises Invalid with every fault: what was passed over would give a wrong list.
    """
    given: dict[str, list[str]] = {}
    for name, value in params.multi_items():
        given.setdefault(name, []).append(value)
    faults = list(unknown_keys(given, [*shape.not_filters, *shape.fields], ""))
    once: dict[str, str] = {}
    conditions: list[Condition | None] = []
    for name, values in given.items():
        at = Place(name, faults)
        if any(_UNFIT.search(value) for value in values):
            at.refuse("must not hold a NUL character or half a surrogate pair")
        elif name in shape.fields:
            read = shape.fields[name]
            conditions += [_condition(value, read, at) for value in values[: MAX_FILTERS + 1]]
        elif len(values) > 1:
            at.refuse("is given more than once")
        else:
            once[name] = values[0]
    if len(conditions) > MAX_FILTERS:
        faults.append(Fault("", f"a list takes {MAX_FILTERS} filters at most"))
    offset, limit = _page(once.get("page"), shape.size, Place("page", faults))
    query = ListQuery(
        offset=offset,
        limit=limit,
        sort=_sort(once.get("sort"), shape.fields, Place("sort", faults)),
        conditions=tuple(condition for condition in conditions if condition is not None),
        search=_search(once, shape.searched, faults),
        fields=_names(once.get("fields"), shape.keys, Place("fields", faults)),
        is_full=_is_full(once.get("view"), Place("view", faults)),
    )
    if faults:
        raise Invalid(tuple(faults))
    return query


def listing(total: int, items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the shape of every list and view."""
    return {"total": total, "items": list(items)}


def listed(
    total: int, items: Iterable[Mapping[str, Any]], query: ListQuery, shape: ListShape
) -> dict[str, Any]:
    """Return a list whose items have the keys that *query* wants."""
    default = set(shape.keys) - (set() if query.is_full else set(shape.only_full))
    wanted = default if query.fields is None else set(query.fields)
    return listing(
        total, ({key: value for key, value in item.items() if key in wanted} for item in items)
    )


FILTERS: Final = (
    f"Lists take filters, `FIELD=[OPERATOR:]VALUE`, {MAX_FILTERS} at most, all of which must hold. "
    f"The operators are {_OPERATORS}; eq unless told. in and nin take up to {MAX_ITEMS} values "
    "with commas between, r (open), rf (closed), rl and rr (left, right end in) take two ends, "
    "is (has a value) and isn (has none) take none; neq and nin match what has no value."
)


def parameters(shape: ListShape) -> Sequence[Parameter]:
    """Return the query parameters of a list, as the OpenAPI document shows them."""
    names, searched = ", ".join(shape.fields), ", ".join(shape.searched)
    schemas: dict[str, Schema] = {
        "page": _PAGE,
        "sort": _some_of(shape.fields, before="-?"),
        "q": {"type": "string", "minLength": 1, "maxLength": MAX_SEARCH_BYTES},
        "q_fields": _some_of(shape.searched),
        "fields": _some_of(shape.keys),
        "view": {"enum": ["default", "full"]},
    }
    told = {
        "page": f"N or N,M: page N, from 1, of M items each ({shape.size} unless told, "
        f"{LARGEST_SIZE} at most). A page past the end is empty.",
        "sort": f"Fields with commas between, - before one for descending: {names}. Items "
        "without a value come last. Otherwise the newest come first.",
        "q": f"Only items with this text, in upper or lower case, in one of: {searched}.",
        "q_fields": "Which of these fields q looks into, with commas between.",
        "fields": f"Which keys each item has, with commas between: {', '.join(shape.keys)}.",
        "view": f"full shows {', '.join(shape.only_full) or 'nothing'} besides what default does.",
    }
    return [
        *(Parameter(name, told[name], schemas[name]) for name in shape.not_filters),
        *(
            Parameter(
                name,
                f"A filter: [OPERATOR:]VALUE. VALUE is {_value_of(read)}.",
                _filter_of(read),
                repeated=True,
            )
            for name, read in shape.fields.items()
        ),
    ]


def _value_of(read: Reader) -> str:
    """Return in words what *read* takes."""
    schema = read.schema
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "anyOf" in schema:
        return "a whole number"
    return str(schema.get("description", "text"))


def _some_of(names: Iterable[str], *, before: str = "") -> Schema:
    """Return the schema of text that holds some of *names*, with commas between."""
    one = f"{before}(?:{'|'.join(names)})"
    return {"type": "string", "pattern": f"^{one}(?:,{one})*$"}


def _filter_of(read: Reader) -> Schema:
    """Return the schema of a filter whose values *read* takes."""
    schema = read.schema
    if "enum" in schema:
        value = "|".join(schema["enum"])
    elif "anyOf" in schema:
        value = schema["anyOf"][1]["pattern"].strip("^$")
    elif "pattern" in schema:
        value = schema["pattern"].strip("^$")
    else:
        return {"type": "string"}
    alone = "|".join(op for op in Op if op not in OF_ANY | RANGES | WITHOUT_VALUE)
    return {
        "type": "string",
        "pattern": f"^(?:(?:(?:{alone}):)?(?:{value})"
        f"|(?:{'|'.join(sorted(OF_ANY))}):(?:{value})(?:,(?:{value}))*"
        f"|(?:{'|'.join(sorted(RANGES))}):(?:{value}),(?:{value})"
        f"|(?:{'|'.join(sorted(WITHOUT_VALUE))}):)$",
    }


def _page(text: str | None, size: int, at: Place) -> tuple[int, int]:
    """Return the position of the first item wanted, and how many are."""
    if text is None:
        return 0, size
    number, comma, per_page = text.partition(",")
    limit = _whole(per_page, LARGEST_SIZE) if comma else size
    page = _whole(number, _LAST_PAGE)
    if limit is None or page is None:
        at.refuse(f"takes N or N,M: page N, from 1, of M items each, M up to {LARGEST_SIZE}")
        return 0, size
    return (page - 1) * limit, limit


def _whole(text: str, most: int) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text) if 1 <= int(text) <= most else None


def _sort(text: str | None, known: Collection[str], at: Place) -> tuple[SortKey, ...]:
    if text is None:
        return ()
    keys = text.split(",")
    names = _names(",".join(key.removeprefix("-") for key in keys), known, at)
    return tuple(
        SortKey(name, descending=key.startswith("-"))
        for name, key in zip(names or (), keys, strict=False)
    )


def _names(text: str | None, known: Collection[str], at: Place) -> tuple[str, ...] | None:
    """Return the names, of *known*, that *text* holds with commas between."""
    if text is None:
        return None
    names = text.split(",")
    if len(names) != len(set(names)):
        at.refuse("names something more than once")
    elif len(names) > len(known):
        at.refuse(f"names more than there is: {', '.join(known)}")
    else:
        for name in names:
            if name not in known:
                at.refuse(f"knows no {shown(name)!r}; the nearest is {nearest(name, known)}")
    return tuple(names)


def _search(once: Mapping[str, str], searched: Sequence[str], faults: list[Fault]) -> Search | None:
    text, at = once.get("q"), Place("q", faults)
    fields = _names(once.get("q_fields"), searched, Place("q_fields", faults))
    if text is None:
        if fields is not None:
            at.refuse("is required where q_fields is given")
        return None
    if not 1 <= len(text.encode()) <= MAX_SEARCH_BYTES:
        at.refuse(f"takes 1 to {MAX_SEARCH_BYTES} bytes of text")
    return Search(text, fields or tuple(searched))


def _is_full(text: str | None, at: Place) -> bool:
    if text not in (None, "default", "full"):
        at.refuse("takes default or full")
    return text == "full"


def _condition(text: str, read: Reader, at: Place) -> Condition | None:
    """Return the filter ``[OPERATOR:]VALUE``; None when it is refused."""
    found = _OPERATOR.fullmatch(text)
    name, rest = found.groups() if found else (Op.EQ.value, text)
    if name not in set(Op):
        at.refuse(
            f"knows no operator {shown(name)!r}: there are {_OPERATORS}. "
            f"For the value itself write eq:{shown(text)}"
        )
        return None
    op = Op(name)
    try:
        values = tuple(read(part, at) for part in _parts(op, rest))
    except RefusedError as refusal:
        at.refuse(str(refusal))
        return None
    if op in RANGES and values[0] > values[1]:
        at.refuse(f"has its ends the wrong way round after {op}:")
    return Condition(at.path, op, values)


def _parts(op: Op, rest: str) -> Sequence[str]:
    """Return the texts of the values that *op* compares with. Raises RefusedError."""
    if op in WITHOUT_VALUE:
        if rest:
            raise RefusedError(f"takes no value after {op}:")
        return ()
    if op not in OF_ANY | RANGES:
        return (rest,)
    parts = rest.split(",")
    if "" in parts or len(parts) > MAX_ITEMS:
        raise RefusedError(f"takes 1 to {MAX_ITEMS} values after {op}:, with commas between")
    if op in RANGES and len(parts) != 2:
        raise RefusedError(f"takes two ends after {op}:, with a comma between")
    return parts
