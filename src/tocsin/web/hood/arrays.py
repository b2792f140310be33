"""Readers of arrays whose items are all read alike."""

from collections.abc import Hashable
from typing import Any

from tocsin.domain.body import at_most_named
from tocsin.domain.errors import Fault
from tocsin.web.hood.fields import Place, Reader, RefusedError


def array_of(read_item: Reader, *, most: int, least: int = 0, distinct: bool = True) -> Reader:
    """Return a reader of *least* to *most* items. distinct: none of them twice, once read."""

    def read(value: Any, at: Place) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise RefusedError("must be an array")
        if not least <= len(value) <= most:
            raise RefusedError(f"has {len(value)} items; it must have {least} to {most}")
        faults: list[Fault] = []
        found: dict[Hashable, int] = {}
        for index, item in enumerate(value):
            place = Place(at.path, faults).inside(index)
            try:
                twin = found.setdefault(read_item(item, place), index)
            except RefusedError as refusal:
                place.refuse(str(refusal))
                continue
            if distinct and twin != index:
                place.refuse(f"is the same as item {twin}")
        at.faults.extend(at_most_named(faults, at.path))
        return tuple(found)

    schema = {"type": "array", "items": read_item.schema, "minItems": least, "maxItems": most}
    return Reader(read, schema)
