"""The one way in which a query is bound to what its caller may see."""

from sqlalchemy import ColumnElement, Select, Table, or_, select

from tocsin.domain.account import Scope
from tocsin.store.tables import account


def seen_by(scope: Scope, table: Table) -> list[ColumnElement[bool]]:
    """Return the conditions under which a row of *table* is visible to *scope*.

    table: one with the columns root_id and account_id. A root account sees all of the tenant, a
    child only what is its own; what is not seen looks absent.
    """
    seen = [table.c.root_id == scope.root_id]
    if not scope.is_root:
        seen.append(table.c.account_id == scope.account_id)
    return seen


def accounts_seen_by(scope: Scope) -> Select[tuple[int]]:
    """Return the query of the ids of the accounts that *scope* sees: its own, a root's children."""
    seen = account.c.id == scope.account_id
    if scope.is_root:
        seen = or_(seen, account.c.parent_id == scope.root_id)
    return select(account.c.id).where(seen)
