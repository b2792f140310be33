"""Whom a targeting reaches now, counted; and why somebody is not among them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.criteria import passed
from tocsin.domain.errors import Conflict
from tocsin.domain.execution import Execution
from tocsin.domain.subscriber import standing
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import Targeting, read_targeting
from tocsin.services.resolving import (
    APPLICATIONS,
    TIME_ZONE,
    Judging,
    Naming,
    resolve,
    shards,
)


class Unit(Naming, Judging, Protocol):
    """One transaction."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How many a targeting means (contract.md section 2, preview). Zero entries are left out.

    applications, time_zones: by host and by name, the many first; "" for whoever has none.
    waterfall: each criterion in the order of the body, and how many it and those before it leave.
    """

    total: int
    applications: Mapping[str, int]
    time_zones: Mapping[str, int]
    waterfall: tuple[tuple[str, int], ...]


def reach(unit: Unit, scope: Scope, targeting: Targeting, *, now_ms: int) -> Reach:
    """Return whom *targeting* means to *scope* at *now_ms*.

    Raises Conflict for segments that cannot be evaluated, and for an exclude of what is not there.
    """
    hosts, time_zones = Counter[str](), Counter[str]()
    meant = resolve(unit, scope, targeting, now_ms=now_ms, strict=True)
    left = [0] * (len(meant.clauses) + 1)
    for shard in shards(unit, scope.root_id):
        found = shard.judge(meant)
        left = [sum(pair) for pair in zip(left, map(len, found), strict=True)]
        hosts.update(shard.counts(found[-1], APPLICATIONS))
        time_zones.update(shard.counts(found[-1], TIME_ZONE))
    names = (clause.name for clause in meant.clauses)
    return Reach(
        total=left[-1],
        applications=_the_many_first(hosts),
        time_zones=_the_many_first(time_zones),
        waterfall=tuple(zip(names, left[1:], strict=True)),
    )


def why_not(
    unit: Naming, execution: Execution, subscriber: Subscriber, *, now_ms: int
) -> str | None:
    """Return the first criterion of an execution that leaves a subscriber out, None if none does.

    What it names is looked up anew: it is why they would be left out at *now_ms*. A subscriber
    of an account that the task's own does not see is left out by ``accounts``.
    """
    targeting, faults = read_targeting(execution.order.targeting)
    if faults:
        raise Conflict(f"the targeting cannot be read: {faults[0].field} {faults[0].message}")
    scope = Scope(root_id=execution.root_id, account_id=execution.account_id)
    meant = resolve(unit, scope, targeting, now_ms=now_ms)
    stands = standing(subscriber.attributes, subscriber.id)
    if not meant.bounds <= stands.facts:
        return "accounts"
    names = [clause.name for clause in meant.clauses]
    return next(iter(names[passed(meant, stands) :]), None)


def _the_many_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
