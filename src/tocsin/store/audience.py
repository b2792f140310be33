"""What the audience index is kept in: bitmaps, their shards, and changes not folded in yet."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from pyroaring import BitMap
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)

from tocsin.audience.bitmaps import checksum, shard_of
from tocsin.audience.fold import Change
from tocsin.domain.subscriber import Fact, Facts, Profile, user_data_key
from tocsin.store.audience_index import ONE_TIME, Index, bitmaps_in, with_custom
from tocsin.store.decoded import DecodedShards
from tocsin.store.profiles import profiles
from tocsin.store.tables import (
    audience_bitmap,
    audience_change,
    audience_shard,
    subscriber_attribute,
)
from tocsin.store.upsert import insert_missing, upsert

_AT_ONCE: Final = 500
_MOST_CHANGES: Final = 20_000
_Place = tuple[int, int]


class Audience:
    """Rows of ``audience_bitmap``, ``audience_shard`` and ``audience_change``."""

    def __init__(self, connection: Connection, decoded: DecodedShards | None = None) -> None:
        """decoded: what the process keeps of what is committed; none for who may roll back."""
        self._connection = connection
        self._decoded = decoded or DecodedShards(ONE_TIME)

    def index(self, root_id: int) -> Index:
        """Return the index of a tenant, as this transaction sees it."""
        return Index(self._connection, root_id, self._decoded)

    def note(self, root_id: int, changes: Sequence[tuple[int, Facts | None]]) -> None:
        """Keep changes for the indexer: ordinals, and the facts each may have gained or lost.

        None instead of facts: somebody who is new.
        """
        groups: dict[tuple[int, bool], tuple[BitMap, set[Fact]]] = {}
        for ordinal, facts in changes:
            group = (shard_of(ordinal), facts is None)
            ordinals, touched = groups.setdefault(group, (BitMap(), set()))
            ordinals.add(ordinal)
            touched.update(facts or ())
        if not groups:
            return
        for ordinals, _ in groups.values():
            ordinals.run_optimize()
        self._connection.execute(
            insert(audience_change),
            [
                {
                    "root_id": root_id,
                    "shard": shard,
                    "ordinals": ordinals.serialize(),
                    "facts": None if is_new else sorted(touched),
                }
                for (shard, is_new), (ordinals, touched) in groups.items()
            ],
        )

    def changed_shards(self) -> Sequence[_Place]:
        """Return the shards that have changes to fold and can be folded into, by tenant."""
        rows = self._connection.execute(
            select(audience_change.c.root_id, audience_change.c.shard)
            .distinct()
            .join(
                audience_shard,
                and_(
                    audience_shard.c.root_id == audience_change.c.root_id,
                    audience_shard.c.shard == audience_change.c.shard,
                ),
            )
            .where(~audience_shard.c.damaged)
            .order_by(audience_change.c.root_id, audience_change.c.shard)
        )
        return [(row.root_id, row.shard) for row in rows]

    def damaged_shards(self) -> Sequence[_Place]:
        """Return the shards that must be made anew, by tenant."""
        rows = self._connection.execute(
            select(audience_shard.c.root_id, audience_shard.c.shard)
            .where(text("damaged"))  # as the index has it
            .order_by(audience_shard.c.root_id, audience_shard.c.shard)
        )
        return [(row.root_id, row.shard) for row in rows]

    def changes(self, root_id: int, shard: int) -> Iterator[tuple[int, Change]]:
        """Yield changes of a shard that are not folded yet, by their ids, oldest first."""
        rows = self._connection.execute(
            select(audience_change.c.id, audience_change.c.ordinals, audience_change.c.facts)
            .where(audience_change.c.root_id == root_id, audience_change.c.shard == shard)
            .order_by(audience_change.c.id)
            .limit(_MOST_CHANGES)
        )
        for id_, ordinals, facts in rows:
            touched = None if facts is None else frozenset((name, value) for name, value in facts)
            yield id_, Change(BitMap.deserialize(ordinals), touched)

    def profiles(self, root_id: int, ordinals: BitMap) -> Iterator[Profile]:
        """Yield the profiles of those of *ordinals* who are active."""
        return profiles(self._connection, root_id, ordinals)

    def bitmaps(
        self, root_id: int, shard: int, facts: Collection[Fact] | None = None
    ) -> dict[Fact, tuple[BitMap, int]]:
        """Return the bitmaps of a shard that are there, of *facts* alone unless it is None.

        Beside each its checksum. Raises DamagedIndex.
        """
        found = bitmaps_in(self._connection, root_id, shard, facts)
        return {fact: (bitmap, crc) for fact, bitmap, crc, _ in found}

    def version(self, root_id: int, shard: int) -> int | None:
        """Return the version of a shard; None: it has no row."""
        return self._connection.scalar(select(audience_shard.c.version).where(*_at(root_id, shard)))

    def frequent(
        self, root_id: int, shard: int, facts: Iterable[Fact], *, least: int
    ) -> list[Fact]:
        """Return those facts of custom data that at least *least* subscribers of a shard have."""
        found: list[Fact] = []
        values: dict[str, list[str]] = {}
        for attribute, value in facts:
            values.setdefault(attribute, []).append(value)
        value_of = subscriber_attribute.c.value
        for attribute, some in values.items():
            for start in range(0, len(some), _AT_ONCE):
                those = with_custom(
                    root_id, shard, user_data_key(attribute), some[start : start + _AT_ONCE]
                )
                rows = self._connection.scalars(
                    those.with_only_columns(value_of)
                    .group_by(value_of)
                    .having(func.count() >= least)
                )
                found += [(attribute, value) for value in rows]
        return found

    def having(self, root_id: int, shard: int, fact: Fact) -> BitMap:
        """Return who in a shard has a fact of custom data, as their rows say."""
        query = with_custom(root_id, shard, user_data_key(fact[0]), [fact[1]])
        return BitMap(self._connection.scalars(query))

    def save(
        self,
        root_id: int,
        shard: int,
        blobs: Mapping[Fact, bytes],
        *,
        version: int,
        before: Mapping[Fact, int],
    ) -> bool:
        """Write bitmaps into a shard; return whether it was still at *version*, else do nothing.

        before: the checksums of those that are there already.
        """
        crcs = {fact: checksum(fact, blob) for fact, blob in blobs.items()}
        taken = self._connection.execute(
            update(audience_shard)
            .where(
                *_at(root_id, shard),
                audience_shard.c.version == version,
                ~audience_shard.c.damaged,
            )
            .values(
                version=version + 1,
                bitmaps=audience_shard.c.bitmaps + len(crcs.keys() - before.keys()),
                crc_sum=audience_shard.c.crc_sum
                + sum(crc - before.get(fact, 0) for fact, crc in crcs.items()),
            )
        )
        if taken.rowcount != 1:
            return False
        self._write(root_id, shard, blobs, crcs, version + 1)
        return True

    def remake(
        self, root_id: int, shard: int, blobs: Mapping[Fact, bytes], *, version: int
    ) -> bool:
        """Write all the bitmaps of a damaged shard; return whether it was still at *version*."""
        crcs = {fact: checksum(fact, blob) for fact, blob in blobs.items()}
        taken = self._connection.execute(
            update(audience_shard)
            .where(*_at(root_id, shard), audience_shard.c.version == version)
            .values(
                version=version + 1,
                made_version=version + 1,
                bitmaps=len(crcs),
                crc_sum=sum(crcs.values()),
                damaged=False,
            )
        )
        if taken.rowcount != 1:
            return False
        self._connection.execute(
            delete(audience_bitmap).where(
                audience_bitmap.c.root_id == root_id, audience_bitmap.c.shard == shard
            )
        )
        self._write(root_id, shard, blobs, crcs, version + 1)
        return True

    def _write(
        self,
        root_id: int,
        shard: int,
        blobs: Mapping[Fact, bytes],
        crcs: Mapping[Fact, int],
        version: int,
    ) -> None:
        upsert(
            self._connection,
            audience_bitmap,
            [
                {
                    "root_id": root_id,
                    "shard": shard,
                    "attribute": fact[0],
                    "value": fact[1],
                    "version": version,
                    "crc": crcs[fact],
                    "bits": blob,
                }
                for fact, blob in blobs.items()
            ],
        )

    def condemn(self, root_id: int, shard: int) -> None:
        """Mark a shard to be made anew; until it is, nobody gets an answer from it."""
        newest = func.coalesce(func.max(audience_bitmap.c.version), literal(0)) + 1
        version = self._connection.execute(
            select(newest).where(
                audience_bitmap.c.root_id == root_id, audience_bitmap.c.shard == shard
            )
        ).scalar_one()
        insert_missing(
            self._connection,
            audience_shard,
            [{"root_id": root_id, "shard": shard, "version": version}],
        )
        self._connection.execute(
            update(audience_shard).where(*_at(root_id, shard)).values(damaged=True)
        )

    def drop_changes(self, change_ids: Sequence[int]) -> None:
        """Forget changes that are folded."""
        for start in range(0, len(change_ids), _AT_ONCE):
            self._connection.execute(
                delete(audience_change).where(
                    audience_change.c.id.in_(change_ids[start : start + _AT_ONCE])
                )
            )


def _at(root_id: int, shard: int) -> tuple[ColumnElement[bool], ...]:
    return audience_shard.c.root_id == root_id, audience_shard.c.shard == shard
