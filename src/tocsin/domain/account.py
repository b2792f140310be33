"""Accounts: who owns what, and what a caller may see of it."""

from dataclasses import dataclass
from typing import Final

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
    """A tenant (no parent) or a division of one."""

    id: int
    root_id: int
    name: str

    @property
    def scope(self) -> Scope:
        """Return what a credential of this account sees."""
        return Scope(root_id=self.root_id, account_id=self.id)


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

    def is_valid(self, now_ms: int) -> bool:
        """Return whether the token may be used now."""
        return (
            self.revoked_ms is None
            and (self.valid_from_ms is None or self.valid_from_ms <= now_ms)
            and (self.valid_until_ms is None or now_ms < self.valid_until_ms)
        )
