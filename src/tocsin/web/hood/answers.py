"""What answers are made of: the schemas that several resources share, and ids in paths."""

from typing import Final

from tocsin.domain.errors import NotFound
from tocsin.domain.targeting import is_id
from tocsin.web.hood.door import Call
from tocsin.web.hood.fields import Schema, nullable

ID: Final[Schema] = {"type": "string", "pattern": "^[0-9]{1,20}$", "examples": ["1057"]}
TIME: Final[Schema] = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$",
    "examples": ["2026-02-05 11:00:00"],
}
NULL_OR_TIME: Final[Schema] = nullable(TIME)
NUMBER: Final[Schema] = {"type": "string", "pattern": "^[0-9]+$", "examples": ["3600"]}
FLAG: Final[Schema] = {"enum": ["0", "1"]}
CREATED: Final[Schema] = {
    "type": "object",
    "properties": {"id": ID},
    "required": ["id"],
    "additionalProperties": False,
}
LARGEST_ROW_ID: Final = 2**63 - 1


def object_of(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_schema(item: Schema, *, partial: bool = False) -> Schema:
    """Return the schema of a list or a view of *item*. partial: ``fields`` may choose keys."""
    if partial:
        item = {**item, "required": []}
    return object_of(
        total={"type": "integer", "minimum": 0},
        items={"type": "array", "items": item},
    )


def id_in(call: Call, name: str, what: str) -> int:
    """Return the id that stands in the path as *name*. Raises NotFound for what can be none."""
    text = call.path[name]
    if not is_id(text):
        raise NotFound(what, text)
    return int(text)


def row_id_in(call: Call, name: str, what: str) -> int:
    """Return the id of a row that stands in the path as *name*. Raises NotFound.

    Ids of rows are signed 64-bit numbers: a larger one is nobody's.
    """
    found = id_in(call, name, what)
    if found > LARGEST_ROW_ID:
        raise NotFound(what, call.path[name])
    return found
