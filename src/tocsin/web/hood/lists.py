"""Lists of the Hood API: one page of items, and how many there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import QueryParams

from tocsin.domain.errors import Fault, Invalid
from tocsin.web.hood.door import Parameter

DEFAULT_SIZE: Final = 20
LARGEST_SIZE: Final = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Which items of a list: the first one's position, and how many."""

    offset: int
    limit: int


def read_page(query: QueryParams) -> Page:
    """Return the page that *query* asks for (``page=N`` or ``page=N,M``: M items a page).

    Raises Invalid, also for every parameter that is not supported: a filter that was
    passed over would give a wrong list.
    """
    faults = [
        Fault(name, "is no parameter of this list that this version of Tocsin supports")
        for name in query
        if name != "page"
    ]
    pages = query.getlist("page") or ["1"]
    number, comma, size = pages[0].partition(",")
    limit = _whole(size, LARGEST_SIZE) if comma else DEFAULT_SIZE
    start = _whole(number, 10**9)
    if limit is None or start is None or len(pages) > 1:
        sentence = f"takes N or N,M, once: page N of M items, M up to {LARGEST_SIZE}"
        faults.append(Fault("page", sentence))
    if faults or limit is None or start is None:
        raise Invalid(tuple(faults))
    return Page(offset=(start - 1) * limit, limit=limit)


def page_parameter() -> Parameter:
    """Return the parameter ``page``."""
    return Parameter(
        "page", f"N, or N,M: page N of M items, M up to {LARGEST_SIZE}", {"type": "string"}
    )


def listing(total: int, items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the shape of every list and view."""
    return {"total": total, "items": list(items)}


def _whole(text: str, most: int) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text) if 1 <= int(text) <= most else None
