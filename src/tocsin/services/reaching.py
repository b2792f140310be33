"""Whom a targeting reaches now, counted; and why somebody is not among them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tocsin.audience.bitmaps import shards_below
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
    Subscribers,
    resolve,
    shard,
)

__all__ = ("Reach", "Subscribers", "Unit", "reach", "why_not")


class Accounts(Protocol):
    """What counting needs of accounts."""

    def next_ordinal(self, root_id: int) -> int: ...


class Unit(Naming, Judging, Protocol):
    """One transaction."""

    @property
    def accounts(self) -> Accounts: ...


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

    Raises Conflict for segments that cannot be evaluated.
    """
    hosts, time_zones = Counter[str](), Counter[str]()
    meant = resolve(unit, scope, targeting, now_ms=now_ms)
    left = [0] * (len(meant.clauses) + 1)
    for number in range(shards_below(unit.accounts.next_ordinal(scope.root_id))):
        at = shard(unit, scope.root_id, number)
        found = at.judge(meant)
        left = [sum(pair) for pair in zip(left, map(len, found), strict=True)]
        for counts, attribute in ((hosts, APPLICATIONS), (time_zones, TIME_ZONE)):
            parts = at.divide(found[-1], attribute)
            counts.update({value: len(part) for value, part in parts.items()})
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
