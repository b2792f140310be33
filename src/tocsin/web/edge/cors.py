"""Which pages may call the edge: those of the container's own origins (Fetch standard, CORS)."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tocsin.domain.container import Container
from tocsin.domain.errors import Forbidden

_METHODS: Final = "GET, POST, PATCH, DELETE"
_HEADERS: Final = "authorization, content-type"
_PREFLIGHT_KEPT_S: Final = "600"


def allow_origin(request: Request, container: Container) -> dict[str, str]:
    """Return the headers that let the calling page read the answer; others get none."""
    origin = request.headers.get("origin", "")
    allowed = {"Access-Control-Allow-Origin": origin} if origin in container.origins else {}
    return {"Vary": "Origin", **allowed}


def require_origin(request: Request, container: Container) -> dict[str, str]:
    """Return the same headers for a page of the container. Raises Forbidden for any other.

    From here on the page can read an error's answer too (problems.answer_headers).
    """
    origin = request.headers.get("origin", "")
    if origin not in container.origins:
        named = repr(origin) if origin else "a request without an Origin header"
        raise Forbidden(f"{named} is not one of the container's origins")
    request.state.answer_headers = allow_origin(request, container)
    return allow_origin(request, container)


def preflight(request: Request, container: Container) -> Response:
    """Return the answer to a preflight: leave for the container's own pages, silence for others."""
    return Response(
        status_code=204,
        headers={
            **allow_origin(request, container),
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_KEPT_S,
        },
    )
