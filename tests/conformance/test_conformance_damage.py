"""A damaged or incomplete index is noticed by whoever meets it, and made anew; never believed."""

from collections.abc import Callable
from typing import Final

import pytest
from naming import targeting
from sqlalchemy import Connection, delete, insert, select, update
from world import World

from tocsin.audience.bitmaps import checksum
from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.errors import Unavailable
from tocsin.services.indexing import Indexing
from tocsin.services.reaching import reach
from tocsin.services.resolving import resolve
from tocsin.store.tables import audience_bitmap, audience_shard
from tocsin.store.unit import Store

SHARD: Final = 1 << 20
ENGLISH: Final = {"languages": {"op": "include", "items": ["en"]}}
OF_ENGLISH: Final = (
    (audience_bitmap.c.shard == 0)
    & (audience_bitmap.c.attribute == "languages")
    & (audience_bitmap.c.value == "en")
)


class Village:
    """A tenant with three people in each of two shards, all folded; two of each speak English."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owner: Account = world.account()
        self.site: Container = world.container(self.owner)
        world.indexing = Indexing(world.store, many=1)
        for first, numbers in ((0, range(3)), (SHARD, range(3, 6))):
            world.set_next_ordinal(self.owner, first)
            for number in numbers:
                language = ("en", "en", "sr")[number % 3]
                world.join(self.site, number, language=language, user_data={"n": number % 3})
        while world.indexing.fold():
            pass
        assert self.reach() == 4

    def reach(self, store: Store | None = None) -> int:
        """Return how many speak English, as a process with *store* tells."""
        now_ms = self.world.clock.now_ms()
        with (store or self.world.store).read() as unit:
            return reach(unit, self.owner.scope, targeting(ENGLISH), now_ms=now_ms).total

    def fresh(self) -> Store:
        """Return what another process has: nothing of the index read yet."""
        return Store(self.world.database)


@pytest.fixture
def village(world: World) -> Village:
    return Village(world)


def _bits(connection: Connection) -> bytes:
    return connection.execute(select(audience_bitmap.c.bits).where(OF_ENGLISH)).scalar_one()


def _flip(connection: Connection) -> None:
    bits = bytearray(_bits(connection))
    bits[len(bits) // 2] ^= 1
    connection.execute(update(audience_bitmap).where(OF_ENGLISH).values(bits=bytes(bits)))


def _cut_off(connection: Connection) -> None:
    bits = _bits(connection)[:-1]
    connection.execute(update(audience_bitmap).where(OF_ENGLISH).values(bits=bits))


def _empty(connection: Connection) -> None:
    connection.execute(update(audience_bitmap).where(OF_ENGLISH).values(bits=b""))


def _strange(connection: Connection) -> None:
    """Write what is no bitmap, with the checksum of it."""
    bits = b"no bitmap at all"
    crc = checksum(("languages", "en"), bits)
    connection.execute(update(audience_bitmap).where(OF_ENGLISH).values(bits=bits, crc=crc))


def _lose_one(connection: Connection) -> None:
    connection.execute(delete(audience_bitmap).where(OF_ENGLISH))


def _lose_all(connection: Connection) -> None:
    connection.execute(delete(audience_bitmap))


def _lose_shard(connection: Connection) -> None:
    connection.execute(delete(audience_shard).where(audience_shard.c.shard == 0))


def _lose_index(connection: Connection) -> None:
    connection.execute(delete(audience_bitmap))
    connection.execute(delete(audience_shard))


def _too_many(connection: Connection) -> None:
    """Add a bitmap that nobody counted."""
    row = connection.execute(select(audience_bitmap).where(OF_ENGLISH)).one()._asdict()
    connection.execute(insert(audience_bitmap).values(row | {"value": "zz"}))


DAMAGES: Final = [
    _flip,
    _cut_off,
    _empty,
    _strange,
    _lose_one,
    _lose_all,
    _lose_shard,
    _lose_index,
    _too_many,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_damage_is_told_and_mended(
    world: World, village: Village, damage: Callable[[Connection], None]
) -> None:
    with world.database.write() as connection:
        damage(connection)
    store = village.fresh()

    for _ in range(3):  # as often as there are shards that are damaged, and once more
        with pytest.raises(Unavailable, match="audience index"):
            village.reach(store)
    world.join(village.site, 6, language="en")  # nothing waits for the index to be mended
    while world.indexing.mend():
        pass

    told = None
    while told is None:  # of several damaged shards each is met in turn
        try:
            told = village.reach(store)
        except Unavailable:
            assert world.indexing.mend()
    assert told == 5
    assert village.reach() == 5, "the process that had read the old bitmaps"
    assert world.indexing.is_true()


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_shard_that_is_written_anew_meanwhile_is_not_taken_for_damaged(
    world: World, village: Village
) -> None:
    """Who writes sees on PostgreSQL what others commit; on SQLite nobody else can."""
    world.join(village.site, 6, language="en")

    with world.store.write() as unit:
        now_ms = world.clock.now_ms()
        meant = resolve(unit, village.owner.scope, targeting(ENGLISH), now_ms=now_ms)
        index = unit.audience.index(village.owner.root_id)
        found = len(index.shard(0).judge(meant)[-1])
        assert world.indexing.fold()
        found += len(index.shard(1).judge(meant)[-1])

    assert found == village.reach() == 5


def test_a_damaged_shard_holds_up_no_other_tenant(world: World, village: Village) -> None:
    other = world.account()
    world.join(world.container(other), 0, language="en")
    while world.indexing.fold():
        pass
    world.execute(village.owner)
    found = world.execute(other)
    with world.database.write() as connection:
        of_village = audience_shard.c.root_id == village.owner.root_id
        connection.execute(update(audience_shard).where(of_village).values(damaged=True))

    world.cut_all()

    assert len(world.recipients(found)) == 1
