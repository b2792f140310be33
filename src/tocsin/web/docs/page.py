"""The OpenAPI document, and the same as a page that loads nothing from elsewhere."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tocsin.web.docs import words

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def docs(document: Mapping[str, Any]) -> list[Route]:
    """Return the routes of the document; both forms are made once."""
    as_json = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    page = render(document).encode()
    style = files("tocsin.web.docs").joinpath("style.css").read_bytes()

    async def openapi(_: Request) -> Response:
        return Response(as_json, media_type="application/json")

    async def show(_: Request) -> Response:
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)

    async def css(_: Request) -> Response:
        return Response(style, media_type="text/css; charset=utf-8")

    return [
        Route("/openapi.json", openapi, methods=["GET"]),
        Route("/docs", show, methods=["GET"]),
        Route("/docs/style.css", css, methods=["GET"]),
    ]


def render(document: Mapping[str, Any]) -> str:
    """Return *document* as a page."""
    environment = Environment(
        loader=PackageLoader("tocsin.web.docs", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (words.takes, words.objects, words.note, words.example, words.curl):
        environment.filters[word.__name__] = word
    return environment.get_template("page.html").render(document=document, groups=_groups(document))


def _groups(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Mapping[str, Any]]]]:
    """Return the operations by tag, older paths last: (method, path, what is said of it)."""
    groups: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, item in document["paths"].items():
        for method, said in item.items():
            groups.setdefault(said["tags"][0], []).append((method.upper(), path, said))
    for calls in groups.values():
        calls.sort(key=lambda call: "deprecated" in call[2])
    return groups
