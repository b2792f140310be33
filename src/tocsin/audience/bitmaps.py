"""Bitmaps of ordinals: one per attribute, value and shard, and how they are kept as blobs."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from pyroaring import BitMap

SHARD_BITS: Final = 20
"""A shard is 2^20 neighbouring ordinals; bitmaps hold the ordinals themselves."""


class BitmapKey(NamedTuple):
    """Which bitmap: the subscribers of one shard that have one fact."""

    attribute: str
    value: str
    shard: int


class DamagedBitmap(ValueError):
    """A blob of the index is no bitmap, or one of another shard: the index must be rebuilt."""


class BitmapSource(Protocol):
    """Where bitmaps come from."""

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]:
        """Return the bitmaps that are there, all of one instant; one that is not is empty."""
        ...


def shard_of(ordinal: int) -> int:
    """Return the shard that holds *ordinal*."""
    return ordinal >> SHARD_BITS


def shards_below(next_ordinal: int) -> int:
    """Return how many shards hold the ordinals from 0 to *next_ordinal*, exclusive."""
    return -(-next_ordinal >> SHARD_BITS)


def dump(bitmap: BitMap) -> bytes:
    """Return *bitmap* as a blob."""
    bitmap.run_optimize()
    return bitmap.serialize()


def load(key: BitmapKey, blob: bytes) -> BitMap:
    """Return the bitmap that *blob* holds. Raises DamagedBitmap."""
    try:
        bitmap = BitMap.deserialize(blob)
    except (ValueError, IndexError):  # the latter for no bytes at all
        raise DamagedBitmap(f"the bitmap of {key} cannot be read") from None
    if bitmap and (shard_of(bitmap.min()) != key.shard or shard_of(bitmap.max()) != key.shard):
        raise DamagedBitmap(f"the bitmap of {key} holds ordinals of another shard")
    return bitmap
