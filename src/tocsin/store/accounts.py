"""Accounts and their tokens."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, update

from tocsin.audience.bitmaps import shards_below
from tocsin.domain.account import Account, Credential, Scope, TokenDraft
from tocsin.domain.listing import ListQuery
from tocsin.store.queries import find_page, whole_seconds
from tocsin.store.scoping import accounts_seen_by
from tocsin.store.tables import account, audience_shard, token
from tocsin.store.upsert import insert_missing

_LISTED: Final[Mapping[str, ColumnElement[Any]]] = {
    "id": token.c.id,
    "account_id": token.c.account_id,
    "name": token.c.name,
    "valid_from": token.c.valid_from_ms,
    "valid_until": token.c.valid_until_ms,
    "create_time": whole_seconds(token.c.create_ms),
}


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

    def _one(self, condition: ColumnElement[bool]) -> Account | None:
        row = self._connection.execute(select(account).where(condition)).one_or_none()
        if row is None:
            return None
        root_id = row.parent_id or row.id
        return Account(row.id, root_id, row.name, row.rate_burst, row.rate_steady)

    def seen(self, scope: Scope, account_id: int) -> Account | None:
        """Return an account that *scope* sees: its own, or a child of its own."""
        return self._one((account.c.id == account_id) & account.c.id.in_(accounts_seen_by(scope)))

    def set_rates(self, account_id: int, *, burst: int | None, steady: int | None) -> None:
        """Give an account rate limits of its own; None: those of the settings."""
        self._connection.execute(
            update(account)
            .where(account.c.id == account_id)
            .values(rate_burst=burst, rate_steady=steady)
        )

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
        """Reserve *count* ordinals of a tenant; return the first. Others wait until commit.

        A shard of the audience begins with its first ordinal, and never again: where its row is
        missing later, so may its bitmaps be.
        """
        after: int = self._connection.execute(
            update(account)
            .where(account.c.id == root_id)
            .values(next_ordinal=account.c.next_ordinal + count)
            .returning(account.c.next_ordinal)
        ).scalar_one()
        begun = range(shards_below(after - count), shards_below(after))
        if begun:
            rows = [{"root_id": root_id, "shard": shard} for shard in begun]
            insert_missing(self._connection, audience_shard, rows)
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
        self, account_id: int, draft: TokenDraft, *, secret_hash: bytes, now_ms: int
    ) -> int:
        """Add a token; return its id."""
        found: int = self._connection.execute(
            insert(token)
            .values(
                account_id=account_id,
                name=draft.name,
                secret_hash=secret_hash,
                scopes=" ".join(draft.scopes),
                valid_from_ms=draft.valid_from_ms,
                valid_until_ms=draft.valid_until_ms,
                create_ms=now_ms,
            )
            .returning(token.c.id)
        ).scalar_one()
        return found

    def credential(self, secret_hash: bytes) -> Credential | None:
        """Return the token with this hash, valid or not."""
        row = self._connection.execute(
            _tokens().where(token.c.secret_hash == secret_hash)
        ).one_or_none()
        return None if row is None else _credential(row)

    def tokens(self, scope: Scope, query: ListQuery) -> tuple[int, list[Credential]]:
        """Return how many tokens that *scope* sees *query* asks for, and its page of them.

        A revoked one is no more to be seen, one whose time is over is.
        """
        total, rows = find_page(
            self._connection,
            _tokens().where(*_live(scope)),
            query,
            columns=_LISTED,
            newest=token.c.id,
        )
        return total, [_credential(row) for row in rows]

    def revoke(self, scope: Scope, token_id: int, *, now_ms: int) -> bool:
        """Revoke a token that *scope* sees; return whether there was one."""
        revoked = self._connection.execute(
            update(token).where(token.c.id == token_id, *_live(scope)).values(revoked_ms=now_ms)
        )
        return revoked.rowcount == 1


def _live(scope: Scope) -> list[ColumnElement[bool]]:
    return [token.c.account_id.in_(accounts_seen_by(scope)), token.c.revoked_ms.is_(None)]


def _tokens() -> Select[tuple[Any, ...]]:
    return select(
        token,
        account.c.parent_id,
        account.c.name.label("account_name"),
        account.c.rate_burst,
        account.c.rate_steady,
    ).join(account, account.c.id == token.c.account_id)


def _credential(row: Row[tuple[object, ...]]) -> Credential:
    return Credential(
        id=row.id,
        account=Account(
            row.account_id,
            row.parent_id or row.account_id,
            row.account_name,
            row.rate_burst,
            row.rate_steady,
        ),
        name=row.name,
        scopes=tuple(row.scopes.split()),
        valid_from_ms=row.valid_from_ms,
        valid_until_ms=row.valid_until_ms,
        revoked_ms=row.revoked_ms,
        create_ms=row.create_ms,
    )
