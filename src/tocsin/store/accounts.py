"""Accounts and their tokens."""

from collections.abc import Sequence

from sqlalchemy import Connection, Row, func, insert, select, update

from tocsin.domain.account import Account, Credential
from tocsin.store.tables import account, token


class Accounts:
    """Rows of ``account`` and ``token``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, name: str, *, parent_id: int | None, now_ms: int) -> int:
        """Add an account; return its id."""
        found: int = self._connection.execute(
            insert(account)
            .values(name=name, parent_id=parent_id, create_ms=now_ms)
            .returning(account.c.id)
        ).scalar_one()
        return found

    def by_name(self, name: str) -> Account | None:
        """Return the account called *name*."""
        return self._one(account.c.name == name)

    def by_id(self, account_id: int) -> Account | None:
        """Return the account with this id."""
        return self._one(account.c.id == account_id)

    def _one(self, condition: object) -> Account | None:
        row = self._connection.execute(
            select(account.c.id, account.c.parent_id, account.c.name).where(condition)  # type: ignore[arg-type]  # a column comparison
        ).one_or_none()
        return None if row is None else Account(row.id, row.parent_id or row.id, row.name)

    def count(self) -> int:
        """Return how many accounts there are."""
        found: int = self._connection.execute(
            select(func.count()).select_from(account)
        ).scalar_one()
        return found

    def root_ids(self) -> Sequence[int]:
        """Return the ids of all tenants."""
        return self._connection.scalars(
            select(account.c.id).where(account.c.parent_id.is_(None)).order_by(account.c.id)
        ).all()

    def take_ordinals(self, root_id: int, count: int) -> int:
        """Reserve *count* ordinals of a tenant; return the first. Others wait until commit."""
        after: int = self._connection.execute(
            update(account)
            .where(account.c.id == root_id)
            .values(next_ordinal=account.c.next_ordinal + count)
            .returning(account.c.next_ordinal)
        ).scalar_one()
        return after - count

    def next_ordinal(self, root_id: int) -> int:
        """Return the first ordinal of a tenant that nobody has."""
        found: int = self._connection.execute(
            select(account.c.next_ordinal).where(account.c.id == root_id)
        ).scalar_one()
        return found

    def lock(self, root_id: int) -> None:
        """Keep others from changing this tenant's index until commit."""
        self._connection.execute(
            select(account.c.id).where(account.c.id == root_id).with_for_update()
        )

    def add_token(
        self,
        account_id: int,
        *,
        name: str,
        secret_hash: bytes,
        scopes: Sequence[str],
        now_ms: int,
    ) -> int:
        """Add a token; return its id."""
        found: int = self._connection.execute(
            insert(token)
            .values(
                account_id=account_id,
                name=name,
                secret_hash=secret_hash,
                scopes=" ".join(scopes),
                create_ms=now_ms,
            )
            .returning(token.c.id)
        ).scalar_one()
        return found

    def credential(self, secret_hash: bytes) -> Credential | None:
        """Return the token with this hash, valid or not."""
        row = self._connection.execute(
            select(token, account.c.parent_id, account.c.name.label("account_name"))
            .join(account, account.c.id == token.c.account_id)
            .where(token.c.secret_hash == secret_hash)
        ).one_or_none()
        return None if row is None else _credential(row)


def _credential(row: Row[tuple[object, ...]]) -> Credential:
    return Credential(
        id=row.id,
        account=Account(row.account_id, row.parent_id or row.account_id, row.account_name),
        name=row.name,
        scopes=tuple(row.scopes.split()),
        valid_from_ms=row.valid_from_ms,
        valid_until_ms=row.valid_until_ms,
        revoked_ms=row.revoked_ms,
    )
