"""The audience index: bitmaps per attribute and value, and changes not folded into them yet."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from pyroaring import BitMap
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    false,
    insert,
    or_,
    select,
)

from tocsin.audience.bitmaps import SHARD_BITS, BitmapKey, dump, load
from tocsin.domain.subscriber import REMOTE_USERS, USERS, Facts, user_data_key
from tocsin.store.tables import audience_bitmap, audience_change, subscriber, subscriber_attribute
from tocsin.store.upsert import upsert

_AT_ONCE: Final = 500
_KEYS_AT_ONCE: Final = 5000  # so that whatever belongs together is read by one statement
# As a sum, it is no column of an index: a planner that reads all of a shard because its ends are
# known reads more than the few that a targeting names.
_ORDINAL: Final = subscriber.c.ordinal + 0


class RootBitmaps:
    """The bitmaps of one tenant, and those made on the fly of facts that have none."""

    def __init__(self, connection: Connection, root_id: int) -> None:
        self._connection = connection
        self._root_id = root_id

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]:
        """Return the bitmaps that are there. Raises DamagedBitmap."""
        found: dict[BitmapKey, BitMap] = {}
        wanted = list(keys)
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            rows = self._connection.execute(
                select(
                    audience_bitmap.c.attribute,
                    audience_bitmap.c.value,
                    audience_bitmap.c.shard,
                    audience_bitmap.c.bits,
                ).where(
                    audience_bitmap.c.root_id == self._root_id,
                    _is_one_of(wanted[start : start + _KEYS_AT_ONCE]),
                )
            )
            for attribute, value, shard, bits in rows:
                key = BitmapKey(attribute, value, shard)
                found[key] = load(key, bits)
        return found

    def values(self, attribute: str, shard: int) -> dict[str, BitMap]:
        """Return the bitmaps of one attribute by value, wildcards aside. Raises DamagedBitmap."""
        rows = self._connection.execute(
            select(audience_bitmap.c.value, audience_bitmap.c.bits).where(
                audience_bitmap.c.root_id == self._root_id,
                audience_bitmap.c.attribute == attribute,
                audience_bitmap.c.shard == shard,
                ~audience_bitmap.c.value.startswith("*."),
            )
        )
        return {row.value: load(BitmapKey(attribute, row.value, shard), row.bits) for row in rows}

    def having(self, attribute: str, values: Collection[str], shard: int) -> BitMap:
        """Return the ordinals of a shard that have one of these facts, which have no bitmaps."""
        found = BitMap()
        wanted = list(values)
        for start in range(0, len(wanted), _AT_ONCE):
            query = self._having(attribute, wanted[start : start + _AT_ONCE], shard)
            found.update(self._connection.scalars(query))
        return found

    def _having(self, attribute: str, values: list[str], shard: int) -> Select[tuple[int]]:
        key = user_data_key(attribute)
        if key is not None:
            return select(subscriber_attribute.c.ordinal).where(
                subscriber_attribute.c.root_id == self._root_id,
                subscriber_attribute.c.key == key,
                subscriber_attribute.c.value.in_(values),
                *_within(subscriber_attribute.c.ordinal, shard),
            )
        if attribute == USERS:
            same = subscriber.c.id.in_(map(int, values))
        elif attribute == REMOTE_USERS:
            same = subscriber.c.remote_user_id.in_(values)
        else:
            raise ValueError(f"{attribute} is looked up in the bitmaps")
        return select(subscriber.c.ordinal).where(
            subscriber.c.root_id == self._root_id, same, *_within(_ORDINAL, shard)
        )

    def subscribed(self, shard: int, *, since_ms: int | None, before_ms: int | None) -> BitMap:
        """Return the ordinals of a shard that subscribed in [since_ms, before_ms)."""
        query = select(subscriber.c.ordinal).where(
            subscriber.c.root_id == self._root_id, *_within(_ORDINAL, shard)
        )
        if since_ms is not None:
            query = query.where(subscriber.c.subscribed_ms >= since_ms)
        if before_ms is not None:
            query = query.where(subscriber.c.subscribed_ms < before_ms)
        return BitMap(self._connection.scalars(query))

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
        empty = [key for key, bitmap in bitmaps.items() if not bitmap]
        for start in range(0, len(empty), _KEYS_AT_ONCE):
            self._connection.execute(
                delete(audience_bitmap).where(
                    audience_bitmap.c.root_id == self._root_id,
                    _is_one_of(empty[start : start + _KEYS_AT_ONCE]),
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


def _within(ordinal: ColumnElement[int], shard: int) -> list[ColumnElement[bool]]:
    """Return the conditions under which *ordinal* lies in a shard."""
    return [ordinal >= shard << SHARD_BITS, ordinal < (shard + 1) << SHARD_BITS]


def _is_one_of(keys: Iterable[BitmapKey]) -> ColumnElement[bool]:
    """Return the condition of having one of *keys*, in the form that an index serves."""
    values: dict[tuple[str, int], list[str]] = {}
    for attribute, value, shard in keys:
        values.setdefault((attribute, shard), []).append(value)
    table = audience_bitmap.c
    return or_(
        false(),
        *(
            and_(table.attribute == attribute, table.shard == shard, table.value.in_(some))
            for (attribute, shard), some in values.items()
        ),
    )
