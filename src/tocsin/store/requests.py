"""What is kept of requests: the claims of idempotency keys, and how many came in a window."""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, delete, select, tuple_, update

from tocsin.domain.idempotency import Claim, Kept
from tocsin.domain.rate_limit import Window, Windows
from tocsin.store.tables import idempotency, rate_window
from tocsin.store.upsert import insert_missing, replace_where, upsert


class Requests:
    """Rows of ``idempotency`` and ``rate_window``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lay_claim(self, claim: Claim, *, now_ms: int, over_ms: int) -> Kept | None:
        """Take the key, also from a claim made at *over_ms* or before; else return what is kept.

        Whoever lays the same claim at the same time waits here until the first has committed.
        """
        row = {
            "account_id": claim.account_id,
            "key": claim.key,
            "request": claim.request,
            "result": None,
            "create_ms": now_ms,
        }
        is_over = idempotency.c.create_ms <= over_ms
        if replace_where(self._connection, idempotency, row, is_over):
            return None
        return self.kept(claim, over_ms=over_ms)

    def fulfil(self, claim: Claim, result: str) -> None:
        """Note what the claim that was laid in this transaction came to."""
        self._connection.execute(update(idempotency).where(*_of(claim)).values(result=result))

    def release(self, claim: Claim) -> None:
        """Give the key up again."""
        self._connection.execute(delete(idempotency).where(*_of(claim)))

    def kept(self, claim: Claim, *, over_ms: int) -> Kept | None:
        """Return what is kept under the key since after *over_ms*."""
        row = self._connection.execute(
            select(idempotency.c.request, idempotency.c.result).where(
                *_of(claim), idempotency.c.create_ms > over_ms
            )
        ).one_or_none()
        return None if row is None else Kept(row.request, row.result)

    def any_over(self, *, over_ms: int) -> bool:
        """Return whether there are claims made at *over_ms* or before."""
        found = select(idempotency.c.key).where(idempotency.c.create_ms <= over_ms).limit(1)
        return self._connection.execute(found).first() is not None

    def forget(self, *, over_ms: int, limit: int) -> int:
        """Delete up to *limit* claims made at *over_ms* or before; return how many.

        Those that somebody is taking over are passed by, so that nobody waits for anybody.
        """
        is_over = idempotency.c.create_ms <= over_ms
        some = (
            select(idempotency.c.account_id, idempotency.c.key)
            .where(is_over)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("some")  # looked for once: see Parcels.lease
        )
        deleted = self._connection.execute(
            delete(idempotency)
            .where(
                tuple_(idempotency.c.account_id, idempotency.c.key).in_(
                    select(some.c.account_id, some.c.key)
                ),
                is_over,
            )
            .returning(idempotency.c.key)
        )
        return len(deleted.all())

    def windows(self, account_ids: Collection[int]) -> dict[int, Windows]:
        """Return the windows of these accounts, locked until commit."""
        found = self._locked(account_ids)
        missing = sorted(set(account_ids) - found.keys())
        if missing:
            insert_missing(self._connection, rate_window, [_row(at, Windows()) for at in missing])
            found = self._locked(account_ids)
        return found

    def _locked(self, account_ids: Collection[int]) -> dict[int, Windows]:
        rows = self._connection.execute(
            select(rate_window)
            .where(rate_window.c.account_id.in_(account_ids))
            .order_by(rate_window.c.account_id)  # all in one order: nobody waits in a circle
            .with_for_update()
        )
        return {
            row.account_id: Windows(
                Window(row.second_ms, row.second_count), Window(row.minute_ms, row.minute_count)
            )
            for row in rows
        }

    def save_windows(self, windows: Mapping[int, Windows]) -> None:
        """Write windows that were read in this transaction."""
        upsert(self._connection, rate_window, [_row(*one) for one in windows.items()])


def _of(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        idempotency.c.account_id == claim.account_id,
        idempotency.c.key == claim.key,
    )


def _row(account_id: int, windows: Windows) -> dict[str, int]:
    return {
        "account_id": account_id,
        "second_ms": windows.second.begin_ms,
        "second_count": windows.second.count,
        "minute_ms": windows.minute.begin_ms,
        "minute_count": windows.minute.count,
    }
