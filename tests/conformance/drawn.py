"""A task that draws, the people it wakes, and short words for what its draws come to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from world import MESSAGE, World, draft

from tocsin.domain.account import Account
from tocsin.domain.adex import Adex
from tocsin.domain.draw import Ad, DrawRef, Why
from tocsin.domain.execution import Execution
from tocsin.domain.zone import ZoneDraft
from tocsin.services.drawing import Claim, Drawing, Settled
from tocsin.services.zones import ZoneService
from tocsin.store.draw_tables import draw_sum


@dataclass(frozen=True)
class Woken:
    """An execution that draws, and the ordinals of those whom it woke."""

    owner: Account
    zone_id: int
    execution: Execution
    ordinals: Sequence[int]

    def ref(self, number: int = 0, path: int = 0) -> DrawRef:
        return DrawRef(self.execution.id, self.ordinals[number], path)


def zones(world: World) -> ZoneService:
    machine: Any = world.entropy
    return ZoneService(world.store, entropy=machine, keyring=world.keyring)


def zone_of(world: World, owner: Account, **fields: Any) -> int:
    usual: dict[str, Any] = {
        "name": "Ads",
        "protocol": "feed",
        "url": "https://ads.example.com/feed",
        "headers": {"x-key": "5ecret"},
    }
    zone = ZoneDraft(**usual | fields)
    return int(zones(world).create(owner.scope, zone, now_ms=world.clock.now_ms()).result)


def wake(
    world: World,
    *,
    people: int = 1,
    owner: Account | None = None,
    zone_id: int | None = None,
    zone: dict[str, Any] | None = None,
    **adex: Any,
) -> Woken:
    """Return a cut execution that draws for so many new people; with a fallback unless told."""
    owner = owner or world.account()
    zone_id = zone_id or zone_of(world, owner, **zone or {})
    site = world.container(owner)
    joined = [world.join(site, owner.id * 1000 + n, language="sr") for n in range(people)]
    ordinals = [world.subscriber(one, site).ordinal for one in joined]
    usual: dict[str, Any] = {"fallback": MESSAGE, "number_of_messages": 2}
    order = replace(draft(), message=None, adex=Adex(zone_id=str(zone_id), **usual | adex))
    task_id = world.create(owner, order)
    world.plan()
    world.cut_all()
    return Woken(owner, zone_id, world.history(owner, task_id)[-1].execution, ordinals)


def drawing(world: World) -> Drawing:
    return Drawing(world.store, world.keyring)


def claimed(world: World, *refs: DrawRef) -> list[Claim]:
    """Return the claims of draws that are all to be had."""
    results = drawing(world).claim(refs, now_ms=world.clock.now_ms())
    claims = [result for result in results if isinstance(result, Claim)]
    assert len(claims) == len(refs), results
    return claims


def settle(world: World, *settled: Settled) -> list[bool]:
    return drawing(world).settle(settled, now_ms=world.clock.now_ms())


def filled(claim: Claim, *ads: Ad) -> Settled:
    return Settled(claim, Why.FILLED, ads or (ad(),))


def ad(name: str = "a1", price_micros: int | None = 250_000) -> Ad:
    return Ad(
        id=name,
        title="Buy",
        body=None,
        url="https://shop.example.com/",
        price_micros=price_micros,
    )


def whys(world: World) -> dict[str, int]:
    """Return the draws that the book has, by how they ended."""
    sums: Counter[str] = Counter()
    for row in world.rows(draw_sum):
        sums[row.why] += row.draws
    return dict(sums)
