"""A uniform sample of an audience, drawn shard by shard.

Which subscribers it takes depends on a seed alone, so whatever is drawn again comes out the same.
"""

import math
from collections.abc import Sequence
from random import Random  # noqa: TID251 - a seeded generator is a pure function of its seed
from typing import Final

from pyroaring import BitMap

_QUOTAS: Final = "quotas"


def quotas(counts: Sequence[int], cap: int, *, seed: int) -> tuple[int, ...]:
    """Return how many of each shard a sample of *cap* takes, as if it were drawn from all at once.

    counts: how many there are in each shard. The sum is *cap*, or everybody if that is fewer.
    """
    random = Random(f"{seed}/{_QUOTAS}")  # noqa: S311 - a lottery, no secret
    drawn = []
    others, left = sum(counts), min(cap, sum(counts))
    for count in counts:
        others -= count
        drawn.append(hypergeometric(count, others, left, random.random()))
        left -= drawn[-1]
    return tuple(drawn)


def sample(found: BitMap, size: int, *, seed: int, shard: int) -> BitMap:
    """Return *size* members of *found*, any as likely as another; all when they are no more."""
    if len(found) <= size:
        return found
    random = Random(f"{seed}/{shard}")  # noqa: S311 - a lottery, no secret
    fewer = min(size, len(found) - size)
    ordinals = found.to_array()
    drawn = BitMap([ordinals[rank] for rank in random.sample(range(len(ordinals)), fewer)])
    return drawn if fewer == size else found - drawn


def hypergeometric(ours: int, others: int, drawn: int, chance: float) -> int:
    """Return how many of *ours* are among *drawn* that are taken from *ours* and *others*.

    chance: in [0, 1); it is spent on the possible counts outward from the likeliest, each
    taking as much of it as its probability, so a few standard deviations are looked at.
    """
    least, most = max(0, drawn - others), min(ours, drawn)
    mode = min(most, max(least, (drawn + 1) * (ours + 1) // (ours + others + 2)))
    low, high = mode, mode
    p_low = p_high = math.exp(
        _log_choose(ours, mode)
        + _log_choose(others, drawn - mode)
        - _log_choose(ours + others, drawn)
    )
    chance -= p_low
    while chance >= 0 and (low > least or high < most):
        if high < most:
            p_high *= (ours - high) * (drawn - high)
            high += 1
            p_high /= high * (others - drawn + high)
            chance -= p_high
            if chance < 0:
                return high
        if low > least:
            p_low *= low * (others - drawn + low)
            low -= 1
            p_low /= (ours - low) * (drawn - low)
            chance -= p_low
            if chance < 0:
                return low
    return mode


def _log_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)
