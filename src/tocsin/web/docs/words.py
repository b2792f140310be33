"""The document in words: what a value is, and commands to copy."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

_KINDS: Final = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
}
_CURL: Final = "curl"
_JSON: Final = "application/json"


class Command(NamedTuple):
    """A command to copy. name: what it is an example of, may be empty."""

    name: str
    text: str


def takes(schema: Mapping[str, Any], place: str = "") -> str:
    """Return in words what a value of *schema* is. place: of a parameter, where it stands."""
    if place == "query" and schema.get("type") == "array":
        return f"{takes(schema['items'])}, up to {schema['maxItems']} times"
    if "anyOf" in schema:
        spoken = " or ".join(dict.fromkeys(map(takes, _spoken_of(schema["anyOf"]))))
        null = " or null" if " or " not in spoken else ", or null"
        return spoken + (null if {"type": "null"} in schema["anyOf"] else "")
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) for value in schema["enum"])
    kinds = schema.get("type", "anything")
    kind = " or ".join(
        _KINDS.get(one, one) for one in ([kinds] if isinstance(kinds, str) else kinds)
    )
    if kind == "array":
        return f"array of {_bounds(schema, 'Items')}items, each {takes(schema['items'])}"
    if kind == "object":
        values = schema.get("additionalProperties")
        if isinstance(values, Mapping):
            return f"object of {_bounds(schema, 'Properties')}keys, each with {takes(values)}"
        return "object without keys" if schema.get("maxProperties") == 0 else "object"
    if "maxLength" in schema:
        return f"{kind} of {_bounds(schema, 'Length')}bytes"
    number = _bounds(schema, "imum")
    by = f", divisible by {schema['multipleOf']}" if "multipleOf" in schema else ""
    return f"{kind} {number}".strip() + by


def objects(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the objects with named fields that a value of *schema* is, or is made of."""
    if "properties" in schema:
        yield schema
    for one in schema.get("anyOf", ()):
        if "type" in one or "anyOf" in one:  # else it only adds to what stands beside it
            yield from objects(one)
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, Mapping):
            yield from objects(inner)


def note(schema: Mapping[str, Any]) -> str:
    """Return what *schema* and its options say of themselves."""
    told = (one["description"] for one in _readings(schema) if "description" in one)
    return "; ".join(dict.fromkeys(told))


def example(schema: Mapping[str, Any]) -> str | None:
    """Return the first example of a value, text as it is and anything else as JSON."""
    for one in _readings(schema):
        for value in one.get("examples", ()):
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return None


def curl(said: Mapping[str, Any], method: str, path: str) -> Sequence[Command]:
    """Return the commands that call an operation, one for each of its examples."""
    words = [_CURL, *([] if method == "GET" else ["-X", method]), f'"$BASE{_filled(said, path)}"']
    if said.get("security") is None:
        words += ["-H", '"Authorization: Bearer $TOKEN"']
    elif said["security"]:
        words += ["-H", '"Authorization: Bearer $SECRET"']
    if "requestBody" not in said:
        return [Command("", " ".join(words))]
    media_type, content = next(iter(said["requestBody"]["content"].items()))
    words += ["-H", shlex.quote(f"Content-Type: {media_type}"), "-d"]
    examples = content.get("examples", {})
    return [
        Command(
            name if len(examples) > 1 else "",
            " ".join([*words, shlex.quote(_written(one["value"], media_type))]),
        )
        for name, one in examples.items()
    ]


def _written(value: Any, media_type: str) -> str:
    """Return *value* as a body; where a body is lines, as one of them."""
    return json.dumps(value, ensure_ascii=False, indent=1 if media_type == _JSON else None)


def _filled(said: Mapping[str, Any], path: str) -> str:
    """Return *path* with an example in each place that the document has one for."""
    for parameter in said.get("parameters", ()):
        schema = parameter["schema"]
        example = next(iter([*schema.get("examples", ()), *schema.get("enum", ())]), None)
        if parameter["in"] == "path" and example is not None:
            path = path.replace(f"{{{parameter['name']}}}", str(example))
    return path


def _readings(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for one in schema.get("anyOf", ()):
        yield from _readings(one)


def _spoken_of(options: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield *options* without null, and without the decimal text that any number may come as."""
    whole = any(one.get("type") == "integer" for one in options)
    for one in options:
        is_decimal = one.get("type") == "string" and re.search(one.get("pattern", "$^"), "1")
        if one != {"type": "null"} and not (whole and is_decimal):
            yield one


def _bounds(schema: Mapping[str, Any], what: str) -> str:
    """Return the bounds of *schema* with a blank behind them, or nothing where it has none.

    what: how the keywords of the bounds end.
    """
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if most is None:
        return f"{least} or more " if least else ""
    return (
        f"{least} to {most} " if least else f"up to {most} " if what != "imum" else f"0 to {most} "
    )
