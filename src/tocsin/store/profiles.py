"""What the index holds of subscribers, read from their rows."""

from collections.abc import Iterator
from typing import Any, Final

from pyroaring import BitMap
from sqlalchemy import Connection, Select, select

from tocsin.domain.subscriber import Profile
from tocsin.store.tables import subscriber

_AT_ONCE: Final = 500
_RUN: Final = 10_000
_DENSE: Final = 4
"""A stretch is read as a whole when at most this many are passed over for one that is wanted."""

_COLUMNS: Final = [subscriber.c[name] for name in Profile._fields]


def profiles(connection: Connection, root_id: int, ordinals: BitMap) -> Iterator[Profile]:
    """Yield the profiles of those of *ordinals* who are active, in ascending order."""
    wanted = list(ordinals)
    at = 0
    while at < len(wanted):
        run = wanted[at : at + _RUN]
        if run[-1] - run[0] < _DENSE * len(run):
            query = _active(root_id).where(subscriber.c.ordinal.between(run[0], run[-1]))
            members = None if run[-1] - run[0] + 1 == len(run) else set(run)
        else:
            run = wanted[at : at + _AT_ONCE]
            query = _active(root_id).where(subscriber.c.ordinal.in_(run))
            members = None
        at += len(run)
        for row in connection.execute(query):
            if members is None or row[0] in members:
                yield Profile(*row)


def _active(root_id: int) -> Select[tuple[Any, ...]]:
    return (
        select(*_COLUMNS)
        .where(subscriber.c.root_id == root_id, subscriber.c.active)
        .order_by(subscriber.c.ordinal)
    )
