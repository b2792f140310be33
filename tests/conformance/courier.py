"""A sender without a wire, which remembers whom it sent to; and what executions add up to."""

from collections import Counter
from typing import Final

from world import World, enrolment

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.outcome import COUNTER_OF, Outcome
from tocsin.domain.parcel import Parcel
from tocsin.services.sending import HOLD_MS, Entry, Standing

SHARD: Final = 1 << 20
SHARDS: Final = 3
EACH: Final = 3


def crowd(world: World, owner: Account, site: Container) -> int:
    """Register three people in each of three shards, so that they make three parcels."""
    for shard in range(SHARDS):
        world.set_next_ordinal(owner, shard * SHARD)
        world.register(*(enrolment(site, shard * EACH + number) for number in range(EACH)))
    return SHARDS * EACH


class Courier:
    """Sends what it leases; the push service accepts everything. sent: how often to whom."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent: Counter[tuple[int, int]] = Counter()

    def lease(self, limit: int = 9) -> list[Parcel]:
        """Take due parcels, those cut first before the others."""
        leased, _ = self._world.sending.lease(now_ms=self._world.clock.now_ms(), limit=limit)
        return sorted(leased, key=lambda parcel: parcel.id)

    def send(self, held: Parcel, count: int = EACH) -> Standing:
        """Send to the next *count* who are pending, and record it; the lease is kept."""
        for index in list(held.pending())[:count]:
            held.settle(index, Outcome.ACCEPTED)
            self.sent[held.execution_id, held.ordinals[index]] += 1
        return self._record(held, HOLD_MS, keep=True)

    def give_back(self, held: Parcel, *, for_ms: int = 0) -> Standing:
        """Record what is known, and let go; nobody is tried again *for_ms*."""
        return self._record(held, for_ms, keep=False)

    def _record(self, held: Parcel, for_ms: int, *, keep: bool) -> Standing:
        due_ms = self._world.clock.now_ms() + for_ms
        return self._world.sending.record([Entry(held, due_ms, keep=keep)])[0]

    def send_all(self) -> None:
        """Send whatever may be sent now."""
        while held := self.lease():
            for one in held:
                self.send(one)
                self.give_back(one)

    def reached(self, execution_id: int) -> list[int]:
        """Return the ordinals that an execution was sent to, of each as often as it was."""
        return sorted(
            at for (of, at), n in self.sent.items() for _ in range(n) if of == execution_id
        )


def counted(world: World, owner: Account, task_id: int, at: int = -1) -> dict[str, int]:
    """Return what an execution adds up to, without zeros; at: which, by age.

    The law of contract.md section 3 holds at every instant, so each look at the counters is one
    more check of it.
    """
    counters = world.history(owner, task_id)[at].counters
    found = {name: counters[name] for name in set(COUNTER_OF.values()) if counters[name]}
    assert sum(found.values()) == counters["total_user"]
    with world.store.read() as unit:
        assert unit.parcels.disagreeing() == []
    return found


def settle(world: World) -> None:
    """Sweep up what was ended and close what is over, as far as it goes now."""
    now_ms = world.clock.now_ms()
    while world.sweeping.sweep(now_ms=now_ms) or world.counting.close(now_ms=now_ms):
        pass
