"""The audience index: bitmaps per attribute and value, and changes not folded into them yet."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pyroaring import BitMap
from sqlalchemy import Connection, delete, insert, select, tuple_

from tocsin.audience.bitmaps import BitmapKey, dump, load
from tocsin.domain.subscriber import Facts
from tocsin.store.tables import audience_bitmap, audience_change
from tocsin.store.upsert import upsert

_AT_ONCE: Final = 200
_KEY: Final = tuple_(audience_bitmap.c.attribute, audience_bitmap.c.value, audience_bitmap.c.shard)


class RootBitmaps:
    """The bitmaps of one tenant."""

    def __init__(self, connection: Connection, root_id: int) -> None:
        self._connection = connection
        self._root_id = root_id

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]:
        """Return the bitmaps that are there. Raises DamagedBitmap."""
        found: dict[BitmapKey, BitMap] = {}
        wanted = [tuple(key) for key in keys]
        for start in range(0, len(wanted), _AT_ONCE):
            rows = self._connection.execute(
                select(
                    audience_bitmap.c.attribute,
                    audience_bitmap.c.value,
                    audience_bitmap.c.shard,
                    audience_bitmap.c.bits,
                ).where(
                    audience_bitmap.c.root_id == self._root_id,
                    _KEY.in_(wanted[start : start + _AT_ONCE]),
                )
            )
            for attribute, value, shard, bits in rows:
                key = BitmapKey(attribute, value, shard)
                found[key] = load(key, bits)
        return found

    def save(self, bitmaps: Mapping[BitmapKey, BitMap]) -> None:
        """Write bitmaps; an empty one is dropped."""
        upsert(
            self._connection,
            audience_bitmap,
            [
                {"root_id": self._root_id, **key._asdict(), "bits": dump(bitmap)}
                for key, bitmap in bitmaps.items()
                if bitmap
            ],
        )
        empty = [tuple(key) for key, bitmap in bitmaps.items() if not bitmap]
        for start in range(0, len(empty), _AT_ONCE):
            self._connection.execute(
                delete(audience_bitmap).where(
                    audience_bitmap.c.root_id == self._root_id,
                    _KEY.in_(empty[start : start + _AT_ONCE]),
                )
            )

    def drop_all(self) -> None:
        """Forget every bitmap of the tenant."""
        self._connection.execute(
            delete(audience_bitmap).where(audience_bitmap.c.root_id == self._root_id)
        )

    def keys(self) -> list[BitmapKey]:
        """Return the keys of every bitmap of the tenant."""
        rows = self._connection.execute(
            select(
                audience_bitmap.c.attribute, audience_bitmap.c.value, audience_bitmap.c.shard
            ).where(audience_bitmap.c.root_id == self._root_id)
        )
        return [BitmapKey(*row) for row in rows]


class Audience:
    """Rows of ``audience_bitmap`` and ``audience_change``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def bitmaps(self, root_id: int) -> RootBitmaps:
        """Return the bitmaps of a tenant."""
        return RootBitmaps(self._connection, root_id)

    def note(self, root_id: int, changes: Sequence[tuple[int, Facts]]) -> None:
        """Keep changes for the indexer: ordinals, and the facts they had before."""
        if changes:
            self._connection.execute(
                insert(audience_change),
                [
                    {"root_id": root_id, "ordinal": ordinal, "facts": sorted(facts)}
                    for ordinal, facts in changes
                ],
            )

    def roots_with_changes(self) -> Sequence[int]:
        """Return the tenants that have changes to fold."""
        return self._connection.scalars(
            select(audience_change.c.root_id).distinct().order_by(audience_change.c.root_id)
        ).all()

    def oldest_changes(self, root_id: int, limit: int) -> list[tuple[int, int, Facts]]:
        """Return changes of a tenant, oldest first: id, ordinal, facts before."""
        rows = self._connection.execute(
            select(audience_change.c.id, audience_change.c.ordinal, audience_change.c.facts)
            .where(audience_change.c.root_id == root_id)
            .order_by(audience_change.c.id)
            .limit(limit)
        )
        return [
            (row.id, row.ordinal, frozenset((name, value) for name, value in row.facts))
            for row in rows
        ]

    def changed_ordinals(self, root_id: int, first: int, after: int) -> set[int]:
        """Return the ordinals from *first* to *after*, exclusive, with changes to fold."""
        return set(
            self._connection.scalars(
                select(audience_change.c.ordinal).where(
                    audience_change.c.root_id == root_id,
                    audience_change.c.ordinal >= first,
                    audience_change.c.ordinal < after,
                )
            )
        )

    def drop_changes(self, change_ids: Sequence[int]) -> None:
        """Forget changes that are folded."""
        for start in range(0, len(change_ids), _AT_ONCE):
            self._connection.execute(
                delete(audience_change).where(
                    audience_change.c.id.in_(change_ids[start : start + _AT_ONCE])
                )
            )
