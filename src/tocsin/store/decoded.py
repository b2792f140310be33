"""The decoded bitmaps that a process keeps, so that a question costs arithmetic and no reading."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from pyroaring import BitMap

from tocsin.audience.overlay import Overlay
from tocsin.domain.subscriber import Fact

Place: TypeAlias = tuple[int, int]
"""A root account and the number of one of its shards."""

ENTRY_BYTES: Final = 300
"""What a bitmap takes beyond its blob, about: its objects and its place in a table."""


class Version(NamedTuple):
    """Which bitmaps of a shard.

    number: rises with every writing. made: that of the last making anew. total: the sum of the
    bitmaps' checksums.
    """

    number: int
    made: int
    total: int


@dataclass(slots=True)
class Decoded:
    """What is known of one shard at one version of it.

    known: bitmaps by fact, None where there is none. whole: those of an attribute by value, all
    of them. Both only grow: what is written again makes another version.
    """

    version: Version
    known: dict[Fact, BitMap | None] = field(default_factory=dict)
    whole: dict[str, Mapping[str, BitMap]] = field(default_factory=dict)
    sizes: dict[Fact, int] = field(default_factory=dict)
    overlay: Overlay = field(default_factory=Overlay)

    def after(self, version: Version, rewritten: Collection[Fact]) -> "Decoded":
        """Return what is still known at a later version, in which these were *rewritten*."""
        attributes = {attribute for attribute, _ in rewritten}
        return Decoded(
            version,
            {fact: bitmap for fact, bitmap in self.known.items() if fact not in rewritten},
            {name: values for name, values in self.whole.items() if name not in attributes},
            {fact: size for fact, size in self.sizes.items() if fact not in rewritten},
            self.overlay,
        )


class DecodedShards:
    """The shards of a process, the ones used last: not more than a ceiling of bytes.

    Threads share it. Transactions see different instants, so a shard is asked for by version:
    whoever sees an older one than is kept gets one that is not kept.
    """

    def __init__(self, ceiling_bytes: int) -> None:
        self._ceiling = ceiling_bytes
        self._lock = threading.Lock()
        self._shards: OrderedDict[Place, Decoded] = OrderedDict()
        self._sizes: dict[Place, int] = {}

    def at(
        self,
        place: Place,
        version: Version,
        rewritten_since: Callable[[int], Collection[Fact]],
    ) -> tuple[Decoded, bool]:
        """Return what is known of a shard at a version, and whether that is nothing yet.

        rewritten_since: the facts whose bitmaps were written after a version of that number.
        """
        with self._lock:
            kept = self._shards.get(place)
            if kept is not None and kept.version == version:
                self._shards.move_to_end(place)
                return kept, False
        is_later = kept is not None and kept.version.number < version.number
        if kept is None or not is_later or kept.version.number < version.made:
            fresh = Decoded(version)
            if kept is None or is_later:
                self._keep(place, fresh)
            return fresh, True
        rewritten = frozenset(rewritten_since(kept.version.number))
        with self._lock:
            moved = kept.after(version, rewritten)
        self._keep(place, moved)
        return moved, False

    def learn(
        self,
        place: Place,
        decoded: Decoded,
        found: Mapping[Fact, BitMap | None],
        sizes: Mapping[Fact, int],
    ) -> None:
        """Add bitmaps to what is known; shards that were not used for long make room."""
        with self._lock:
            decoded.sizes.update(sizes)
            decoded.known.update(found)
            is_kept = self._shards.get(place) is decoded
        if is_kept:
            self._keep(place, decoded)

    def _keep(self, place: Place, decoded: Decoded) -> None:
        with self._lock:
            kept = self._shards.get(place)
            if kept is not None and kept.version.number > decoded.version.number:
                return
            self._shards[place] = decoded
            self._shards.move_to_end(place)
            self._sizes[place] = sum(decoded.sizes.values()) + ENTRY_BYTES * len(decoded.known)
            while self._shards and sum(self._sizes.values()) > self._ceiling:
                gone, _ = self._shards.popitem(last=False)
                del self._sizes[gone]

    @property
    def size(self) -> int:
        """Return about how many bytes all of it takes."""
        with self._lock:
            return sum(self._sizes.values())
