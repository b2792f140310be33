"""Who is calling: the bearer token of a request."""

from collections import OrderedDict
from typing import Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from tocsin.domain import bearer
from tocsin.domain.account import Credential
from tocsin.domain.errors import Unauthorized

KNOWN_FOR_MS: Final = 500
"""How long a token is taken for what it was: a revoked one is refused within the second."""

MOST_KNOWN: Final = 10_000


class Accounts(Protocol):
    """What recognises a token."""

    def authenticate(self, token: str) -> Credential: ...


class Clock(Protocol):
    """Wall time, and time that is never put back."""

    def now_ms(self) -> int: ...
    def monotonic_ms(self) -> int: ...


class Callers:
    """Turns a request into the credential it carries.

    A look-up costs a thread and the database, so a token that was good a moment ago is good now.
    What was not good is looked up every time.
    """

    def __init__(self, accounts: Accounts, *, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        # The hash of a token -> when its look-up began, and what it found; the oldest first.
        self._known: OrderedDict[bytes, tuple[int, Credential]] = OrderedDict()

    async def recognise(self, request: Request) -> Credential:
        """Return the caller's credential. Raises Unauthorized.

        Source: RFC 6750 section 2.1; a token in the query string is never read (section 5.3).
        """
        token = bearer_of(request)
        credential = self._remembered(token) or await self._looked_up(token)
        request.state.account_id = credential.account.id
        return credential

    def _remembered(self, token: str) -> Credential | None:
        """Return who *token* was for a moment ago, if its time is not over since."""
        since_ms, credential = self._known.get(bearer.hash_of(token), (0, None))
        if credential is None or self._clock.monotonic_ms() - since_ms >= KNOWN_FOR_MS:
            return None
        return credential if credential.is_valid(self._clock.now_ms()) else None

    async def _looked_up(self, token: str) -> Credential:
        began_ms = self._clock.monotonic_ms()  # a revocation during the look-up is after this
        credential = await run_in_threadpool(self._accounts.authenticate, token)
        hashed = bearer.hash_of(token)
        self._known[hashed] = (began_ms, credential)
        self._known.move_to_end(hashed)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return credential


def bearer_of(request: Request) -> str:
    """Return the token of the request's Authorization header. Raises Unauthorized."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("send the header Authorization: Bearer TOKEN")
    return token.strip()
