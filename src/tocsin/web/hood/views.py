"""A view by id: what may be asked of one beside the id."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.datastructures import QueryParams

from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.listing import ListQuery
from tocsin.web.hood.door import Parameter
from tocsin.web.hood.lists import ListShape, parameters, read_query

_PAGE: Final = "page"


def read_view(params: QueryParams, shape: ListShape) -> ListQuery:
    """Return which keys, and which view, of one item of *shape* are asked for. Raises Invalid."""
    if _PAGE in params:
        raise Invalid((Fault(_PAGE, "is for lists: here is one item only"),))
    return read_query(params, _of_one(shape))


def view_parameters(shape: ListShape) -> Sequence[Parameter]:
    """Return the query parameters of a view, as the OpenAPI document shows them."""
    return [one for one in parameters(_of_one(shape)) if one.name != _PAGE]


def _of_one(shape: ListShape) -> ListShape:
    return replace(shape, fields={}, searched=())
