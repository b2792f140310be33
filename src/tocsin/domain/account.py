"""Accounts: who owns what, and what a caller may see of it."""

from dataclasses import dataclass
from typing import Final

from tocsin.domain.errors import Fault
from tocsin.domain.rate_limit import Rates

SCOPES: Final = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of a tenant that a credential sees.

    root_id names the tenant. account_id is the account of the credential: the root itself,
    which sees all of the tenant's containers, or a child, which sees only its own.
    """

    root_id: int
    account_id: int

    @property
    def is_root(self) -> bool:
        """Return whether the whole tenant is visible."""
        return self.root_id == self.account_id


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant (no parent) or a division of one.

    rate_burst, rate_steady: its own rate limits, None for those of the settings.
    """

    id: int
    root_id: int
    name: str
    rate_burst: int | None = None
    rate_steady: int | None = None

    @property
    def scope(self) -> Scope:
        """Return what a credential of this account sees."""
        return Scope(root_id=self.root_id, account_id=self.id)

    def rates(self, default: Rates) -> Rates:
        """Return the rate limits that hold for the account."""
        return Rates(
            burst=default.burst if self.rate_burst is None else self.rate_burst,
            steady=default.steady if self.rate_steady is None else self.rate_steady,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDraft:
    """A token as it is asked for. scopes: in the order of SCOPES, at least one."""

    name: str
    scopes: tuple[str, ...] = SCOPES
    valid_from_ms: int | None = None
    valid_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A token as it is stored: everything but the secret, of which only a hash is kept."""

    id: int
    account: Account
    name: str
    scopes: tuple[str, ...]
    valid_from_ms: int | None
    valid_until_ms: int | None
    revoked_ms: int | None
    create_ms: int = 0

    def is_valid(self, now_ms: int) -> bool:
        """Return whether the token may be used now."""
        return (
            self.revoked_ms is None
            and (self.valid_from_ms is None or self.valid_from_ms <= now_ms)
            and (self.valid_until_ms is None or now_ms < self.valid_until_ms)
        )


def token_faults(draft: TokenDraft, *, now_ms: int) -> list[Fault]:
    """Return what is wrong with the times of *draft*: a token must be good at some time to come."""
    begin_ms, end_ms = draft.valid_from_ms, draft.valid_until_ms
    if end_ms is None:
        return []
    if end_ms <= now_ms:
        return [Fault("valid_until", "is past already: the token could never be used")]
    if begin_ms is not None and end_ms <= begin_ms:
        return [Fault("valid_until", "must be later than valid_from")]
    return []
