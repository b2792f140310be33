"""Bitmaps of a shard, and their blobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from tocsin.audience.bitmaps import (
    DamagedBlob,
    checksum,
    dump,
    load,
    shard_of,
    shards_below,
)

EDGE = 1 << 20
ORDINALS = st.sets(st.integers(EDGE, 2 * EDGE - 1), max_size=200)


@given(ORDINALS)
def test_a_bitmap_comes_back_as_it_was(ordinals: set[int]) -> None:
    assert load(1, dump(BitMap(ordinals))) == BitMap(ordinals)


@given(
    st.binary() | st.tuples(ORDINALS, st.integers(0, 40)).map(lambda t: dump(BitMap(t[0]))[: t[1]])
)
def test_a_damaged_blob_is_known_or_a_bitmap(blob: bytes) -> None:
    try:
        found = load(1, blob)
    except DamagedBlob:
        return
    assert all(shard_of(ordinal) == 1 for ordinal in found)


@pytest.mark.parametrize("ordinals", [[0], [EDGE - 1, EDGE], [2 * EDGE], [EDGE, 2 * EDGE]])
def test_ordinals_of_another_shard_are_damage(ordinals: list[int]) -> None:
    with pytest.raises(DamagedBlob, match="another shard"):
        load(1, dump(BitMap(ordinals)))


@pytest.mark.parametrize(
    ("ordinal", "shard"), [(0, 0), (EDGE - 1, 0), (EDGE, 1), (2 * EDGE - 1, 1), (2 * EDGE, 2)]
)
def test_the_shard_of_an_ordinal(ordinal: int, shard: int) -> None:
    assert shard_of(ordinal) == shard


@pytest.mark.parametrize(
    ("next_ordinal", "shards"), [(0, 0), (1, 1), (EDGE, 1), (EDGE + 1, 2), (2 * EDGE, 2)]
)
def test_how_many_shards_there_are(next_ordinal: int, shards: int) -> None:
    assert shards_below(next_ordinal) == shards


def test_another_blob_and_another_fact_have_another_checksum() -> None:
    blob = dump(BitMap([EDGE]))
    seen = {
        checksum(("countries", "RS"), blob),
        checksum(("countries", "R"), blob),
        checksum(("countriesR", "S"), blob),
        checksum(("countries", "RS"), dump(BitMap([EDGE + 1]))),
        checksum(("countries", "RS"), blob[:-1]),
    }
    assert len(seen) == 5
    assert all(0 <= one < 1 << 32 for one in seen)
