"""Looking into the audience index of a tenant, through what the process keeps decoded."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from pyroaring import BitMap
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
)

from tocsin.audience.bitmaps import (
    DamagedBlob,
    DamagedIndex,
    checksum,
    first_of,
    load,
    shards_below,
)
from tocsin.audience.overlay import Overlay, follow
from tocsin.audience.shard import Shard, is_wildcard
from tocsin.domain.subscriber import LOOKED_UP, REMOTE_USERS, Fact, Facts, user_data_key
from tocsin.store.columns import signed
from tocsin.store.decoded import Decoded, DecodedShards, Version
from tocsin.store.profiles import profiles
from tocsin.store.tables import (
    account,
    audience_bitmap,
    audience_change,
    audience_shard,
    subscriber,
    subscriber_attribute,
)

ONE_TIME: Final = 1 << 40
"""A ceiling for what is kept during one transaction alone."""

_AT_ONCE: Final = 500


class Index:
    """The index of one tenant, as one transaction sees it."""

    def __init__(self, connection: Connection, root_id: int, decoded: DecodedShards) -> None:
        self._connection = connection
        self._root_id = root_id
        self._decoded = decoded
        self._shards: dict[int, Shard] = {}
        self._found: dict[Facts, BitMap] = {}

    @cached_property
    def count(self) -> int:
        """How many shards there are."""
        next_ordinal = self._connection.scalar(
            select(account.c.next_ordinal).where(account.c.id == self._root_id)
        )
        return shards_below(next_ordinal or 0)

    def shard(self, number: int) -> Shard:
        """Return one of them. Raises DamagedIndex."""
        if number not in self._shards:
            self._shards[number] = self._open(number)
        return self._shards[number]

    # The list of changes is read before the versions: what is folded in between, where a
    # transaction sees that, is then known twice, by bitmap and by row, and never not at all.

    @cached_property
    def _tails(self) -> Mapping[int, set[int]]:
        """The changes that are not folded yet, by shard."""
        tails: dict[int, set[int]] = {}
        rows = self._connection.execute(
            select(audience_change.c.shard, audience_change.c.id).where(
                audience_change.c.root_id == self._root_id
            )
        )
        for shard, id_ in rows:
            tails.setdefault(shard, set()).add(id_)
        return tails

    @cached_property
    def _states(self) -> Mapping[int, Row[Any]]:
        self._tails  # noqa: B018 - read first, see above
        rows = self._connection.execute(
            select(audience_shard).where(audience_shard.c.root_id == self._root_id)
        )
        return {row.shard: row for row in rows}

    def _open(self, number: int) -> Shard:
        state = self._states.get(number)
        if state is None:
            raise DamagedIndex(self._root_id, number)
        if state.damaged:
            raise DamagedIndex(self._root_id, number, is_known=True)
        decoded, is_new = self._decoded.at(
            (self._root_id, number),
            Version(state.version, state.made_version, state.crc_sum),
            lambda since: self._rewritten(number, since),
        )
        if is_new:
            self._verify(number)
        base = _Base(self, number, decoded)
        tail, kept = self._tails.get(number, set()), decoded.overlay
        is_later = kept.is_later(tail, state.version)  # another transaction has seen more than we
        overlay = follow(
            Overlay() if is_later else kept,
            tail,
            version=state.version,
            changes_of=self._changes_of,
            people=lambda those: profiles(self._connection, self._root_id, those),
        )
        if not is_later:
            decoded.overlay = overlay
        return Shard(number, base, overlay)

    def _verify(self, number: int) -> None:
        """Raise DamagedIndex unless all the bitmaps that a shard must have are there.

        One statement reads both: between two of them the indexer may write the shard anew, and a
        transaction that writes sees that on PostgreSQL.
        """
        table, shard = audience_bitmap.c, audience_shard.c
        its = (table.root_id == self._root_id, table.shard == number)
        there = select(func.count()).where(*its).scalar_subquery()
        their_sum = select(func.coalesce(func.sum(table.crc), 0)).where(*its).scalar_subquery()
        found = self._connection.execute(
            select(shard.bitmaps, shard.crc_sum, there, their_sum).where(
                shard.root_id == self._root_id, shard.shard == number
            )
        ).one_or_none()
        if found is None or tuple(found[:2]) != tuple(map(int, found[2:])):
            raise DamagedIndex(self._root_id, number)

    def _rewritten(self, number: int, since: int) -> set[Fact]:
        table = audience_bitmap.c
        rows = self._connection.execute(
            select(table.attribute, table.value).where(
                table.root_id == self._root_id, table.shard == number, table.version > since
            )
        )
        return {(row.attribute, row.value) for row in rows}

    def _changes_of(self, ids: Collection[int]) -> dict[int, BitMap]:
        found: dict[int, BitMap] = {}
        wanted = sorted(ids)
        for start in range(0, len(wanted), _AT_ONCE):
            rows = self._connection.execute(
                select(audience_change.c.id, audience_change.c.ordinals).where(
                    audience_change.c.id.in_(wanted[start : start + _AT_ONCE])
                )
            )
            found |= {row.id: BitMap.deserialize(row.ordinals) for row in rows}
        return found

    def load(
        self, number: int, decoded: Decoded, facts: Collection[Fact] | None, attribute: str = ""
    ) -> dict[Fact, BitMap]:
        """Read bitmaps of a shard into *decoded*; return those that are there.

        facts: which; None: all of *attribute*. Raises DamagedIndex.
        """
        bitmaps: dict[Fact, BitMap] = {}
        sizes: dict[Fact, int] = {}
        for fact, bitmap, _, size in bitmaps_in(
            self._connection, self._root_id, number, facts, attribute
        ):
            bitmaps[fact], sizes[fact] = bitmap, size
        absent = dict.fromkeys(facts or (), None)
        self._decoded.learn((self._root_id, number), decoded, absent | bitmaps, sizes)
        return bitmaps

    def people(self, number: int, attribute: str, facts: Facts) -> BitMap:
        """Return the ordinals of a shard that have one of *facts*, of an attribute of LOOKED_UP.

        They are looked up for all shards at once.
        """
        if facts not in self._found:
            self._found[facts] = self._named(attribute, [value for _, value in facts])
        return self._found[facts] & BitMap(range(first_of(number), first_of(number + 1)))

    def _named(self, attribute: str, values: Collection[str]) -> BitMap:
        """Return who has one of *values* of an attribute of LOOKED_UP."""
        table, root_id = subscriber.c, self._root_id
        if attribute == REMOTE_USERS:
            same = _among(self._connection, table.remote_user_id, sorted(values))
            return _gathered(self._connection, table.root_id == root_id, same)
        ids = sorted(signed(int(value)) for value in values)
        same = _among(self._connection, table.id, ids)
        # As a sum the account is no column of an index: a planner that knows it by its key would
        # read everybody in it for the few who are named.
        return _gathered(self._connection, table.root_id + 0 == root_id, same)

    def customers(self, number: int, key: str, values: Collection[str]) -> BitMap:
        """Return the ordinals of a shard that have one of *values* under a key of custom data."""
        found = BitMap()
        wanted = sorted(values)
        for start in range(0, len(wanted), _AT_ONCE):
            found.update(
                self._connection.scalars(
                    with_custom(self._root_id, number, key, wanted[start : start + _AT_ONCE])
                )
            )
        return found


def _gathered(connection: Connection, *conditions: ColumnElement[bool]) -> BitMap:
    """Return the ordinals of the subscribers that fulfil *conditions*.

    They come as one value: with a row for each, handing thousands of them over takes longer than
    finding them.
    """
    ordinal = subscriber.c.ordinal
    is_sqlite = connection.dialect.name == "sqlite"
    whole = func.json_group_array(ordinal) if is_sqlite else func.array_agg(ordinal)
    found = connection.scalar(select(whole).where(*conditions))
    return BitMap(json.loads(found or "[]") if is_sqlite else found or ())


def _among(
    connection: Connection, column: ColumnElement[Any], values: Sequence[int] | Sequence[str]
) -> ColumnElement[bool]:
    """Return the condition that *column* has one of *values*, be they thousands: one parameter."""
    if connection.dialect.name == "sqlite":
        given = func.json_each(json.dumps(values)).table_valued("value")
        return column.in_(select(given.c.value))
    kind = Text if values and isinstance(values[0], str) else BigInteger
    return column == any_(literal(values, ARRAY(kind)))


class _Base:
    """The bitmaps of one shard, read when they are first asked for."""

    def __init__(self, index: Index, number: int, decoded: Decoded) -> None:
        self._index = index
        self._number = number
        self._decoded = decoded

    def held(self, facts: Collection[Fact]) -> Mapping[Fact, BitMap]:
        known = self._decoded.known
        missing = [fact for fact in facts if fact not in known]
        if missing:
            self._index.load(self._number, self._decoded, missing)
        return {fact: held for fact in facts if (held := known[fact]) is not None}

    def having(self, attribute: str, facts: Facts) -> BitMap:
        key = user_data_key(attribute)
        if key is not None:
            return self._index.customers(self._number, key, [value for _, value in facts])
        if attribute not in LOOKED_UP:
            raise ValueError(f"{attribute} is looked up in the bitmaps")
        return self._index.people(self._number, attribute, facts)

    def values(self, attribute: str) -> Mapping[str, BitMap]:
        if attribute not in self._decoded.whole:
            found = self._index.load(self._number, self._decoded, None, attribute)
            large_first = sorted(found.items(), key=lambda one: -len(one[1]))
            self._decoded.whole[attribute] = {
                value: bitmap for (_, value), bitmap in large_first if not is_wildcard(value)
            }
        return self._decoded.whole[attribute]


def bitmaps_in(
    connection: Connection,
    root_id: int,
    shard: int,
    facts: Collection[Fact] | None,
    attribute: str = "",
) -> Iterator[tuple[Fact, BitMap, int, int]]:
    """Yield bitmaps of a shard: fact, bitmap, checksum, bytes.

    facts: which; None: all, or all of *attribute* unless it is empty. Raises DamagedIndex.
    """
    table = audience_bitmap.c
    query = select(table.attribute, table.value, table.crc, table.bits).where(
        table.root_id == root_id, table.shard == shard
    )
    if attribute:
        query = query.where(table.attribute == attribute)
    parts = [query] if facts is None else [query.where(some) for some in _one_of(facts)]
    for part in parts:
        for name, value, crc, bits in connection.execute(part):
            fact = (name, value)
            if checksum(fact, bits) != crc:
                raise DamagedIndex(root_id, shard)
            try:
                yield fact, load(shard, bits), crc, len(bits)
            except DamagedBlob:
                raise DamagedIndex(root_id, shard) from None


def with_custom(
    root_id: int, shard: int, key: str | None, values: Collection[str]
) -> Select[tuple[int]]:
    """Return the query of who has one of *values* under a key of custom data, in one shard."""
    table = subscriber_attribute.c
    return select(table.ordinal).where(
        table.root_id == root_id,
        table.key == key,
        table.value.in_(values),
        table.ordinal >= first_of(shard),
        table.ordinal < first_of(shard + 1),
    )


def _one_of(facts: Collection[Fact]) -> Iterator[ColumnElement[bool]]:
    """Yield conditions of being one of *facts*, in the form that an index serves."""
    table = audience_bitmap.c
    values: dict[str, list[str]] = {}
    for attribute, value in facts:
        values.setdefault(attribute, []).append(value)
    conditions = []
    count = 0
    for attribute, some in values.items():
        for start in range(0, len(some), _AT_ONCE):
            part = some[start : start + _AT_ONCE]
            conditions.append(and_(table.attribute == attribute, table.value.in_(part)))
            count += len(part)
            if count >= _AT_ONCE:
                yield or_(*conditions)
                conditions, count = [], 0
    if conditions:
        yield or_(*conditions)
