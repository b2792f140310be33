"""Who is calling: the bearer token of a request."""

from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from tocsin.domain.account import Credential
from tocsin.domain.errors import Unauthorized


class Accounts(Protocol):
    """What recognises a token."""

    def authenticate(self, token: str) -> Credential: ...


class Callers:
    """Turns a request into the credential it carries."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def recognise(self, request: Request) -> Credential:
        """Return the caller's credential. Raises Unauthorized.

        Source: RFC 6750 section 2.1; a token in the query string is never read (section 5.3).
        """
        credential = await run_in_threadpool(self._accounts.authenticate, bearer_of(request))
        request.state.account_id = credential.account.id
        return credential


def bearer_of(request: Request) -> str:
    """Return the token of the request's Authorization header. Raises Unauthorized."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("send the header Authorization: Bearer TOKEN")
    return token.strip()
