"""The indexer: folds acknowledged changes of subscribers into the audience's bitmaps."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import BitmapKey
from tocsin.audience.fold import Change, fold
from tocsin.domain.subscriber import Facts, facts
from tocsin.domain.subscription import Subscriber

AT_ONCE: Final = 5000
_NOTHING: Final[Facts] = frozenset()


class Bitmaps(Protocol):
    """The bitmaps of one tenant."""

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]: ...
    def save(self, bitmaps: Mapping[BitmapKey, BitMap]) -> None: ...
    def drop_all(self) -> None: ...
    def keys(self) -> list[BitmapKey]: ...


class Audience(Protocol):
    """What indexing needs of the audience's tables."""

    def bitmaps(self, root_id: int) -> Bitmaps: ...
    def roots_with_changes(self) -> Sequence[int]: ...
    def oldest_changes(self, root_id: int, limit: int) -> list[tuple[int, int, Facts]]: ...
    def drop_changes(self, change_ids: Sequence[int]) -> None: ...


class Accounts(Protocol):
    """What indexing needs of accounts."""

    def lock(self, root_id: int) -> None: ...
    def root_ids(self) -> Sequence[int]: ...
    def next_ordinal(self, root_id: int) -> int: ...


class Subscribers(Protocol):
    """What indexing needs of subscribers."""

    def by_ordinal(self, root_id: int, ordinals: Iterable[int]) -> dict[int, Subscriber]: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def audience(self) -> Audience: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def subscribers(self) -> Subscribers: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class Indexing:
    """Any number of indexers may run: one at a time works on a tenant."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def fold(self) -> int:
        """Fold the oldest changes of every tenant; return how many.

        Bitmaps and changes are one transaction, so a kill leaves both as they were.
        """
        with self._store.read() as unit:
            root_ids = unit.audience.roots_with_changes()
        return sum(self._fold_root(root_id) for root_id in root_ids)

    def _fold_root(self, root_id: int) -> int:
        with self._store.write() as unit:
            unit.accounts.lock(root_id)
            oldest = unit.audience.oldest_changes(root_id, AT_ONCE)
            before: dict[int, Facts] = {}
            for _, ordinal, had in oldest:
                before[ordinal] = before.get(ordinal, _NOTHING) | had
            now = unit.subscribers.by_ordinal(root_id, before)
            bitmaps = unit.audience.bitmaps(root_id)
            bitmaps.save(
                fold(
                    (
                        Change(ordinal, had, current_facts(now.get(ordinal)))
                        for ordinal, had in before.items()
                    ),
                    bitmaps,
                )
            )
            unit.audience.drop_changes([change_id for change_id, _, _ in oldest])
        return len(oldest)

    def rebuild(self) -> int:
        """Make every tenant's index anew from its subscribers; return how many they are."""
        with self._store.read() as unit:
            root_ids = unit.accounts.root_ids()
        return sum(self._rebuild_root(root_id) for root_id in root_ids)

    def _rebuild_root(self, root_id: int) -> int:
        total = 0
        with self._store.write() as unit:
            unit.accounts.lock(root_id)
            bitmaps = unit.audience.bitmaps(root_id)
            bitmaps.drop_all()
            for first in range(0, unit.accounts.next_ordinal(root_id), AT_ONCE):
                people = unit.subscribers.by_ordinal(root_id, range(first, first + AT_ONCE))
                bitmaps.save(
                    fold(
                        (
                            Change(ordinal, _NOTHING, current_facts(one))
                            for ordinal, one in people.items()
                        ),
                        bitmaps,
                    )
                )
                total += len(people)
        return total

    def is_true(self) -> bool:
        """Return whether the index, changes to fold set aside, is what the rows say."""
        with self._store.read() as unit:
            return all(_is_true(unit, root_id) for root_id in unit.accounts.root_ids())


def current_facts(subscriber: Subscriber | None) -> Facts:
    """Return the facts that a subscriber stands under now: none unless active."""
    if subscriber is None or not subscriber.active:
        return _NOTHING
    return facts(subscriber.attributes)


def _is_true(unit: Unit, root_id: int) -> bool:
    unfolded = BitMap(ordinal for _, ordinal, _ in unit.audience.oldest_changes(root_id, 1 << 31))
    bitmaps = unit.audience.bitmaps(root_id)
    held = bitmaps.load(bitmaps.keys())
    wanted: dict[BitmapKey, BitMap] = {}
    for first in range(0, unit.accounts.next_ordinal(root_id), AT_ONCE):
        people = unit.subscribers.by_ordinal(root_id, range(first, first + AT_ONCE))
        changes = (Change(ordinal, _NOTHING, current_facts(one)) for ordinal, one in people.items())
        for key, bitmap in fold(changes, _Nothing()).items():
            wanted[key] = wanted.get(key, BitMap()) | bitmap
    return all(
        held.get(key, BitMap()) - unfolded == wanted.get(key, BitMap()) - unfolded
        for key in held.keys() | wanted.keys()
    )


class _Nothing:
    """An index without a bitmap."""

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]:  # noqa: ARG002 - a BitmapSource
        return {}
