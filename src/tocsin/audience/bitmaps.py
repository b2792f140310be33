"""Bitmaps of ordinals: one per fact and shard, and how they are kept as blobs."""

from typing import Final
from zlib import crc32

from pyroaring import BitMap

from tocsin.domain.subscriber import Fact

SHARD_BITS: Final = 20
"""A shard is 2^20 neighbouring ordinals; bitmaps hold the ordinals themselves."""

EMPTY: Final = BitMap()
"""Nobody. Like every bitmap that is handed out it may be in use elsewhere: change none."""


class DamagedBlob(ValueError):
    """A blob of the index is no bitmap, or one of another shard."""


class DamagedIndex(Exception):
    """What is kept of a shard is not what was written: it must be made anew from the rows.

    is_known: it is marked already.
    """

    def __init__(self, root_id: int, shard: int, *, is_known: bool = False) -> None:
        super().__init__(f"shard {shard} of root account {root_id} is damaged")
        self.root_id: Final = root_id
        self.shard: Final = shard
        self.is_known: Final = is_known


def shard_of(ordinal: int) -> int:
    """Return the shard that holds *ordinal*."""
    return ordinal >> SHARD_BITS


def shards_below(next_ordinal: int) -> int:
    """Return how many shards hold the ordinals from 0 to *next_ordinal*, exclusive."""
    return -(-next_ordinal >> SHARD_BITS)


def first_of(shard: int) -> int:
    """Return the first ordinal of *shard*; that of the next one is where it ends."""
    return shard << SHARD_BITS


def dump(bitmap: BitMap) -> bytes:
    """Return *bitmap* as a blob."""
    smallest = bitmap.copy()
    smallest.run_optimize()
    return smallest.serialize()


def load(shard: int, blob: bytes) -> BitMap:
    """Return the bitmap of *shard* that *blob* holds. Raises DamagedBlob."""
    try:
        bitmap = BitMap.deserialize(blob)
    except (ValueError, IndexError):  # the latter for no bytes at all
        raise DamagedBlob("it cannot be read") from None
    if bitmap and (shard_of(bitmap.min()) != shard or shard_of(bitmap.max()) != shard):
        raise DamagedBlob("it holds ordinals of another shard")
    return bitmap


def checksum(fact: Fact, blob: bytes) -> int:
    """Return the 32-bit number by which it is seen that *blob* is not what was kept of *fact*."""
    return crc32(blob, crc32("\0".join(fact).encode()))
