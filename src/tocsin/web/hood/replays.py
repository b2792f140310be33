"""The Idempotency-Key of a request."""

import hashlib
from typing import Final

from starlette.requests import Request

from tocsin.domain.account import Credential
from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.idempotency import MAX_KEY_LENGTH, Claim

HEADER: Final = "Idempotency-Key"


def refuse_key(request: Request, why: str) -> None:
    """Raise Invalid, which says *why*, if the request has an Idempotency-Key."""
    if HEADER in request.headers:
        raise Invalid((Fault(HEADER, f"can not be honoured here: {why}"),))


def claim_of(request: Request, credential: Credential, body: bytes) -> Claim | None:
    """Return what the request's Idempotency-Key claims, None without one. Raises Invalid.

    The path counts as the route's: ``/v0`` and ``/v1`` are one call.
    """
    keys = request.headers.getlist(HEADER)
    if not keys:
        return None
    key = keys[0]
    is_visible = all("!" <= character <= "~" for character in key)
    if len(keys) > 1 or not 1 <= len(key) <= MAX_KEY_LENGTH or not is_visible:
        sentence = f"must be sent once and have 1 to {MAX_KEY_LENGTH} visible ASCII characters"
        raise Invalid((Fault(HEADER, sentence),))
    called = f"{request.method} {request.url.path.removeprefix('/v0').removeprefix('/v1')}\n"
    digest = hashlib.sha256(called.encode() + body).digest()
    return Claim(credential.account.id, key, digest)
