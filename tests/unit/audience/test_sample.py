"""The cap's sample: of the right size, blind to who they are, and the same when drawn again."""

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from tocsin.audience.sample import hypergeometric, quotas, sample

COUNTS = st.lists(st.integers(0, 2**20), max_size=8)


@given(COUNTS, st.integers(0, 2**23), st.integers(1, 2**63))
def test_quotas_add_up_to_the_cap_and_ask_nobody_twice(
    counts: list[int], cap: int, seed: int
) -> None:
    drawn = quotas(counts, cap, seed=seed)

    assert sum(drawn) == min(cap, sum(counts))
    assert all(0 <= quota <= count for quota, count in zip(drawn, counts, strict=True))
    assert drawn == quotas(counts, cap, seed=seed)


@given(st.sets(st.integers(0, 5000), max_size=300), st.integers(0, 300), st.integers(1, 2**63))
def test_a_sample_is_of_its_size_and_of_the_found(found: set[int], size: int, seed: int) -> None:
    drawn = sample(BitMap(found), size, seed=seed, shard=1)

    assert len(drawn) == min(size, len(found))
    assert set(drawn) <= found
    assert drawn == sample(BitMap(found), size, seed=seed, shard=1)


@given(*[st.integers(0, 12)] * 2, st.integers(0, 24), st.floats(0, 1, exclude_max=True))
def test_a_count_of_ours_is_possible(ours: int, others: int, drawn: int, chance: float) -> None:
    drawn = min(drawn, ours + others)

    found = hypergeometric(ours, others, drawn, chance)

    assert max(0, drawn - others) <= found <= min(ours, drawn)


@pytest.mark.parametrize(
    ("ours", "others", "drawn"), [(5, 7, 4), (3, 30, 10), (9, 1, 5), (4, 4, 8)]
)
def test_each_count_has_its_probability(ours: int, others: int, drawn: int) -> None:
    """Chances in even steps come out in the proportions of the hypergeometric distribution."""
    steps = 20_000
    seen = Counter(hypergeometric(ours, others, drawn, n / steps) for n in range(steps))

    whole = math.comb(ours + others, drawn)
    for count in range(drawn + 1):
        exact = Fraction(math.comb(ours, count) * math.comb(others, drawn - count), whole)
        assert abs(seen[count] / steps - float(exact)) < 3 / steps


def test_a_count_among_millions_lies_near_its_mean() -> None:
    counts = [hypergeometric(2**20, 19 * 2**20, 10 * 2**20, n / 1000) for n in range(1000)]

    deviation = math.sqrt(2**20 / 4 * 0.95)
    assert abs(sum(counts) / 1000 - 2**19) < deviation / 20
    assert max(abs(count - 2**19) for count in counts) < 5 * deviation


def test_everybody_is_as_likely_as_anybody_else() -> None:
    """60 people in shards of 10, 50 and none: 12 of them, in 3000 draws, so 600 turns each."""
    shards = [BitMap(range(10)), BitMap(range(100, 150)), BitMap()]
    turns = Counter[int]()
    for seed in range(3000):
        drawn = quotas([len(shard) for shard in shards], 12, seed=seed)
        for number, shard in enumerate(shards):
            turns.update(sample(shard, drawn[number], seed=seed, shard=number))

    assert sum(turns.values()) == 3000 * 12
    assert len(turns) == 60
    assert all(480 < count < 720 for count in turns.values()), turns  # five deviations and more


def test_neighbours_are_drawn_independently() -> None:
    """Nothing ties two people together: both are drawn as often as the product says."""
    together = sum(
        {3, 4} <= set(sample(BitMap(range(20)), 10, seed=seed, shard=0)) for seed in range(2000)
    )

    assert 400 < together < 550  # 10/20 * 9/19 of 2000 is 474


def test_seeds_and_shards_differ() -> None:
    found = BitMap(range(1000))

    draws = {
        tuple(sample(found, 10, seed=seed, shard=shard)) for seed in (1, 2) for shard in (0, 1)
    }

    assert len(draws) == 4


def test_what_is_found_stays_as_it_is() -> None:
    found = BitMap(range(100))

    for size in (10, 90, 100, 200):
        sample(found, size, seed=1, shard=0)

    assert found == BitMap(range(100))
