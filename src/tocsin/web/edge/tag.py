"""The tag and the service worker: what a site loads from here."""

import hashlib
import json
from typing import Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tocsin.browser import script
from tocsin.domain.container import Container
from tocsin.web.edge.cors import allow_origin

_JAVASCRIPT: Final = "text/javascript; charset=utf-8"
# Behind an address that changes with every byte: never asked for again.
_IMMUTABLE: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
# Kept, but asked about every time: a stale VAPID key makes subscriptions that nobody can reach.
_REVALIDATED: Final = {"Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "cross-origin"}
_WORKER_PATH: Final = "/sw.js"


class Containers(Protocol):
    """What finds a container by its public key."""

    def by_key(self, key: str) -> Container: ...


def tag(containers: Containers, *, public_url: str) -> list[Route]:
    """Return the routes of the tag. public_url: as browsers reach us; empty: as they asked."""
    tag_js = script("tag/tag.js")
    loader = script("tag/loader.js").decode()
    worker = script("worker/worker.js").decode()
    tag_path = f"/tag/assets/tag.{hashlib.sha256(tag_js).hexdigest()[:16]}.js"

    def base_url(request: Request) -> str:
        return public_url or f"{request.url.scheme}://{request.url.netloc}"

    async def tag_asset(_: Request) -> Response:
        return Response(tag_js, media_type=_JAVASCRIPT, headers=_IMMUTABLE)

    async def worker_script(request: Request) -> Response:
        line = f"const TOCSIN_URL = {json.dumps(base_url(request))};\n"
        return _revalidated(request, (line + worker).encode())

    async def tag_script(request: Request) -> Response:
        container = await run_in_threadpool(containers.by_key, request.path_params["key"])
        base = base_url(request)
        config = {
            "url": base,
            "key": container.key,
            "vapid": container.vapid_public_key,
            "worker": _WORKER_PATH,
            "asset": base + tag_path,
        }
        script = loader.replace("__TOCSIN_CONFIG__", json.dumps(config))
        return _revalidated(request, script.encode())

    async def config(request: Request) -> Response:
        container = await run_in_threadpool(containers.by_key, request.path_params["key"])
        return JSONResponse(
            {"vapid_public_key": container.vapid_public_key},
            headers={"Cache-Control": "no-store", **allow_origin(request, container)},
        )

    # The worker's address first: it has the form of a key's.
    return [
        Route("/tag/sw.js", worker_script, methods=["GET"]),
        Route(tag_path, tag_asset, methods=["GET"]),
        Route("/tag/{key}.js", tag_script, methods=["GET"]),
        Route("/v1/edge/{key}/config", config, methods=["GET"]),
    ]


def _revalidated(request: Request, body: bytes) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_REVALIDATED, "ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=_JAVASCRIPT, headers=headers)
