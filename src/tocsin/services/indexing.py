"""The indexer: folds acknowledged changes of subscribers into the audience's bitmaps."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import EMPTY, DamagedIndex, dump, first_of, shards_below
from tocsin.audience.fold import Change, Changes, fold, together
from tocsin.audience.making import bitmaps_of
from tocsin.audience.shard import Shard
from tocsin.domain.subscriber import EVERYONE, Fact, Facts, Profile, facts, is_indexed
from tocsin.domain.subscription import Subscriber

AT_ONCE: Final = 100_000
"""People whose changes are folded in one go."""

MANY: Final = 64
"""Of custom data a value has a bitmap in the shards where so many have it; others are looked up."""

_NOTHING: Final[Facts] = frozenset()


class Index(Protocol):
    """The index of one tenant, as one transaction sees it."""

    def shard(self, number: int) -> Shard: ...


class Audience(Protocol):
    """What indexing needs of the audience's tables."""

    def index(self, root_id: int) -> Index: ...
    def changed_shards(self) -> Sequence[tuple[int, int]]: ...
    def damaged_shards(self) -> Sequence[tuple[int, int]]: ...
    def changes(self, root_id: int, shard: int) -> Iterator[tuple[int, Change]]: ...
    def profiles(self, root_id: int, ordinals: BitMap) -> Iterator[Profile]: ...
    def bitmaps(
        self, root_id: int, shard: int, facts: Collection[Fact] | None = None
    ) -> Mapping[Fact, tuple[BitMap, int]]: ...
    def version(self, root_id: int, shard: int) -> int | None: ...
    def frequent(
        self, root_id: int, shard: int, facts: Iterable[Fact], *, least: int
    ) -> Collection[Fact]: ...
    def having(self, root_id: int, shard: int, fact: Fact) -> BitMap: ...
    def save(
        self,
        root_id: int,
        shard: int,
        blobs: Mapping[Fact, bytes],
        *,
        version: int,
        before: Mapping[Fact, int],
    ) -> bool: ...
    def remake(
        self, root_id: int, shard: int, blobs: Mapping[Fact, bytes], *, version: int
    ) -> bool: ...
    def condemn(self, root_id: int, shard: int) -> None: ...
    def drop_changes(self, change_ids: Sequence[int]) -> None: ...


class Accounts(Protocol):
    """What indexing needs of accounts."""

    def root_ids(self) -> Sequence[int]: ...
    def next_ordinal(self, root_id: int) -> int: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def audience(self) -> Audience: ...
    @property
    def accounts(self) -> Accounts: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class Indexing:
    """Any number of indexers may run: of two at one shard the first to write has done it.

    All is reckoned in a transaction that reads, as of one instant; the one that writes is short,
    and does nothing when the shard was written since. Bitmaps and changes are one transaction,
    so a kill leaves both as they were.
    """

    def __init__(self, store: Store, *, many: int = MANY) -> None:
        self._store = store
        self._many = many

    def fold(self) -> int:
        """Fold the oldest changes of every shard; return of how many people."""
        with self._store.read() as unit:
            places = unit.audience.changed_shards()
        return sum(self._fold_shard(*place) for place in places)

    def _fold_shard(self, root_id: int, shard: int) -> int:
        with self._store.read() as unit:
            audience = unit.audience
            version = audience.version(root_id, shard)
            if version is None:
                return 0
            ids, changes = _oldest(audience.changes(root_id, shard))
            blobs, before = self._folded(audience, root_id, shard, changes)
        with self._store.write() as unit:
            if not unit.audience.save(root_id, shard, blobs, version=version, before=before):
                return 0
            unit.audience.drop_changes(ids)
        return len(changes.everyone)

    def _folded(
        self, audience: Audience, root_id: int, shard: int, changes: Changes
    ) -> tuple[dict[Fact, bytes], dict[Fact, int]]:
        """Return the bitmaps to write, and the checksums of those that they replace."""
        now = bitmaps_of(audience.profiles(root_id, changes.everyone))
        asked = changes.facts(now)
        held = audience.bitmaps(root_id, shard, asked)
        known = {fact: bitmap for fact, (bitmap, _) in held.items()}
        rare = [fact for fact in asked if not is_indexed(fact[0]) and fact not in known]
        folded = fold(changes, now, known, asked - set(rare))
        active = folded.get(EVERYONE)
        for fact in audience.frequent(root_id, shard, rare, least=self._many):
            if active is None:
                active, _ = audience.bitmaps(root_id, shard, [EVERYONE])[EVERYONE]
            folded[fact] = audience.having(root_id, shard, fact) & active
        blobs = {fact: dump(bitmap) for fact, bitmap in folded.items() if bitmap != known.get(fact)}
        return blobs, {fact: held[fact][1] for fact in blobs if fact in held}

    def mend(self) -> Sequence[tuple[int, int]]:
        """Make the damaged shards anew; return them, by root account and number."""
        with self._store.read() as unit:
            places = unit.audience.damaged_shards()
        return [place for place in places if self._remake(*place)]

    def _remake(self, root_id: int, shard: int) -> bool:
        with self._store.read() as unit:
            version = unit.audience.version(root_id, shard)
            made = self._made(unit.audience, root_id, shard)
            blobs = {fact: dump(bitmap) for fact, bitmap in made.items()}
        with self._store.write() as unit:
            return version is not None and unit.audience.remake(
                root_id, shard, blobs, version=version
            )

    def _made(self, audience: Audience, root_id: int, shard: int) -> dict[Fact, BitMap]:
        """Return the bitmaps of a shard as its rows say."""
        made = bitmaps_of(audience.profiles(root_id, _everybody_of(shard)))
        return {
            fact: bitmap
            for fact, bitmap in made.items()
            if is_indexed(fact[0]) or len(bitmap) >= self._many
        }

    def rebuild(self) -> int:
        """Make every tenant's index anew from its subscribers; return how many shards it is."""
        places = self._places()
        with self._store.write() as unit:
            for place in places:
                unit.audience.condemn(*place)
        return len(self.mend())

    def is_true(self) -> bool:
        """Return whether the index, changes to fold set aside, is what the rows say."""
        return all(self._is_true(*place) for place in self._places())

    def _places(self) -> list[tuple[int, int]]:
        with self._store.read() as unit:
            return [
                (root_id, shard)
                for root_id in unit.accounts.root_ids()
                for shard in range(shards_below(unit.accounts.next_ordinal(root_id)))
            ]

    def _is_true(self, root_id: int, shard: int) -> bool:
        with self._store.read() as unit:
            audience = unit.audience
            try:
                aside = audience.index(root_id).shard(shard).overlay.stale
                held = audience.bitmaps(root_id, shard)
            except DamagedIndex:
                return False
            made = bitmaps_of(audience.profiles(root_id, _everybody_of(shard)))
        return all(
            held[fact][0] - aside == made.get(fact, EMPTY) - aside
            if fact in held
            else not is_indexed(fact[0]) or made[fact] <= aside
            for fact in held.keys() | made.keys()
        )


def current_facts(subscriber: Subscriber | None) -> Facts:
    """Return the facts that a subscriber stands under now: none unless active."""
    if subscriber is None or not subscriber.active:
        return _NOTHING
    return facts(subscriber.attributes)


def _everybody_of(shard: int) -> BitMap:
    return BitMap(range(first_of(shard), first_of(shard + 1)))


def _oldest(changes: Iterable[tuple[int, Change]]) -> tuple[list[int], Changes]:
    """Return the oldest changes, of as many people as are folded in one go, and their ids."""
    ids: list[int] = []
    taken: list[Change] = []
    people = 0
    for id_, change in changes:
        ids.append(id_)
        taken.append(change)
        people += len(change.ordinals)
        if people >= AT_ONCE:
            break
    return ids, together(taken)
