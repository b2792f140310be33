"""Accounts and the tokens that act for them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final, Protocol

from tocsin.domain import bearer
from tocsin.domain.account import (
    SCOPES,
    Account,
    Credential,
    Scope,
    TokenDraft,
    token_faults,
)
from tocsin.domain.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unauthorized
from tocsin.domain.listing import ListQuery

MAX_NAME_BYTES: Final = 255


class Accounts(Protocol):
    """The store's side."""

    def add(self, name: str, *, parent_id: int | None, now_ms: int) -> int: ...
    def by_name(self, name: str) -> Account | None: ...
    def by_id(self, account_id: int) -> Account | None: ...
    def count(self) -> int: ...
    def seen(self, scope: Scope, account_id: int) -> Account | None: ...
    def set_rates(self, account_id: int, *, burst: int | None, steady: int | None) -> None: ...
    def add_token(
        self, account_id: int, draft: TokenDraft, *, secret_hash: bytes, now_ms: int
    ) -> int: ...
    def credential(self, secret_hash: bytes) -> Credential | None: ...
    def tokens(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Credential]]: ...
    def revoke(self, scope: Scope, token_id: int, *, now_ms: int) -> bool: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def accounts(self) -> Accounts: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class Clock(Protocol):
    """Wall time."""

    def now_ms(self) -> int: ...


class Entropy(Protocol):
    """Where secrets come from."""

    def token_bytes(self, count: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was made. token: the secret itself, told this once."""

    id: int
    token: str


class AccountService:
    """Makes accounts and tokens, and recognises tokens."""

    def __init__(self, store: Store, *, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy

    def create(self, name: str, *, parent: str | None = None) -> Account:
        """Return a new account; *parent*, an id or a name, makes it a child.

        Raises Invalid, NotFound for the parent, Conflict for a name that is taken.
        """
        _check_name(name, "name")
        with self._store.write() as unit:
            above = None if parent is None else _find(unit.accounts, parent)
            if above is not None and above.id != above.root_id:
                raise Conflict(f"account {above.id} is a child itself: only a root has children")
            if unit.accounts.by_name(name) is not None:
                raise Conflict(f"there is an account called {name!r} already")
            account_id = unit.accounts.add(
                name, parent_id=above.id if above else None, now_ms=self._clock.now_ms()
            )
        return Account(account_id, above.id if above else account_id, name)

    def limit(self, account: str, *, burst: int | None, steady: int | None) -> Account:
        """Give *account*, an id or a name, rate limits of its own; return it as it is then.

        burst, steady: requests a second and a minute; 0: any number, None: as the settings say.
        Raises NotFound.
        """
        with self._store.write() as unit:
            found = _find(unit.accounts, account)
            unit.accounts.set_rates(found.id, burst=burst, steady=steady)
        return replace(found, rate_burst=burst, rate_steady=steady)

    def create_token(
        self,
        account: str,
        *,
        name: str,
        scopes: Sequence[str] = (),
        valid_from_ms: int | None = None,
        valid_until_ms: int | None = None,
    ) -> str:
        """Return a new token of *account*, an id or a name. It is shown this once, never stored.

        scopes: of read, write, admin; none means all. Raises Invalid, NotFound.
        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown:
            raise Invalid((Fault("scope", f"{unknown[0]!r} is none of {', '.join(SCOPES)}"),))
        draft = TokenDraft(
            name=name,
            scopes=tuple(scope for scope in SCOPES if scope in (scopes or SCOPES)),
            valid_from_ms=valid_from_ms,
            valid_until_ms=valid_until_ms,
        )
        with self._store.write() as unit:
            return self._add_token(unit, _find(unit.accounts, account), draft).token

    def issue_token(
        self, by: Credential, draft: TokenDraft, *, account_id: int | None = None
    ) -> Issued:
        """Return a new token that the holder of *by* hands out, for their account or a child.

        Raises Invalid, Forbidden for a scope that *by* has not.
        """
        beyond = [scope for scope in draft.scopes if scope not in by.scopes]
        if beyond:
            raise Forbidden(
                f"the token {by.name!r} cannot hand out the scope {beyond[0]!r}, which it "
                "does not have"
            )
        with self._store.write() as unit:
            owner = by.account
            if account_id is not None:
                owner = _seen(unit.accounts, by.account.scope, account_id)
            return self._add_token(unit, owner, draft)

    def _add_token(self, unit: Unit, owner: Account, draft: TokenDraft) -> Issued:
        _check_name(draft.name, "name")
        now_ms = self._clock.now_ms()
        faults = token_faults(draft, now_ms=now_ms)
        if faults:
            raise Invalid(tuple(faults))
        token = bearer.make(self._entropy.token_bytes(bearer.SECRET_BYTES))
        token_id = unit.accounts.add_token(
            owner.id, draft, secret_hash=bearer.hash_of(token), now_ms=now_ms
        )
        return Issued(token_id, token)

    def tokens(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Credential]]:
        """Return how many tokens that *scope* sees *query* asks for, and its page of them."""
        with self._store.read() as unit:
            return unit.accounts.tokens(scope, query)

    def revoke_token(self, scope: Scope, token_id: int) -> None:
        """Revoke a token for good. Raises NotFound, also for one that is revoked already."""
        with self._store.write() as unit:
            if not unit.accounts.revoke(scope, token_id, now_ms=self._clock.now_ms()):
                raise NotFound("token", str(token_id))

    def authenticate(self, token: str) -> Credential:
        """Return whom *token* acts for. Raises Unauthorized; what it says helps no guesser."""
        if bearer.is_well_formed(token):
            with self._store.read() as unit:
                credential = unit.accounts.credential(bearer.hash_of(token))
            if credential is not None and credential.is_valid(self._clock.now_ms()):
                return credential
        raise Unauthorized("the token is unknown, expired or revoked")

    def find(self, account: str) -> Account:
        """Return the account with this id or name. Raises NotFound."""
        with self._store.read() as unit:
            return _find(unit.accounts, account)

    def is_empty(self) -> bool:
        """Return whether there is no account yet: the first start."""
        with self._store.read() as unit:
            return not unit.accounts.count()


def _find(accounts: Accounts, name: str) -> Account:
    found = accounts.by_name(name)
    if found is None and name.isascii() and name.isdigit() and len(name) < 19:
        found = accounts.by_id(int(name))
    if found is None:
        raise NotFound("account", name)
    return found


def _seen(accounts: Accounts, scope: Scope, account_id: int) -> Account:
    found = accounts.seen(scope, account_id)
    if found is None:
        raise Invalid((Fault("account_id", f"there is no account {account_id}"),))
    return found


def _check_name(name: str, field: str) -> None:
    if not name.strip() or len(name.encode()) > MAX_NAME_BYTES:
        raise Invalid((Fault(field, f"takes 1 to {MAX_NAME_BYTES} bytes of text"),))
