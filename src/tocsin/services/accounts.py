"""Accounts and the tokens that act for them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from tocsin.domain import bearer
from tocsin.domain.account import SCOPES, Account, Credential
from tocsin.domain.errors import Conflict, Fault, Invalid, NotFound, Unauthorized

MAX_NAME_BYTES: Final = 255


class Accounts(Protocol):
    """The store's side."""

    def add(self, name: str, *, parent_id: int | None, now_ms: int) -> int: ...
    def by_name(self, name: str) -> Account | None: ...
    def by_id(self, account_id: int) -> Account | None: ...
    def count(self) -> int: ...
    def add_token(
        self,
        account_id: int,
        *,
        name: str,
        secret_hash: bytes,
        scopes: Sequence[str],
        now_ms: int,
    ) -> int: ...
    def credential(self, secret_hash: bytes) -> Credential | None: ...


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

    def create_token(self, account: str, *, name: str, scopes: Sequence[str] = ()) -> str:
        """Return a new token of *account*, an id or a name. It is shown this once, never stored.

        scopes: of read, write, admin; none means all. Raises Invalid, NotFound.
        """
        _check_name(name, "name")
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown:
            raise Invalid((Fault("scope", f"{unknown[0]!r} is none of {', '.join(SCOPES)}"),))
        token = bearer.make(self._entropy.token_bytes(bearer.SECRET_BYTES))
        with self._store.write() as unit:
            unit.accounts.add_token(
                _find(unit.accounts, account).id,
                name=name,
                secret_hash=bearer.hash_of(token),
                scopes=[scope for scope in SCOPES if scope in (scopes or SCOPES)],
                now_ms=self._clock.now_ms(),
            )
        return token

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


def _check_name(name: str, field: str) -> None:
    if not name.strip() or len(name.encode()) > MAX_NAME_BYTES:
        raise Invalid((Fault(field, f"takes 1 to {MAX_NAME_BYTES} bytes of text"),))
