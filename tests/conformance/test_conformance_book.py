"""The book adds up: whatever draws, reports and kills come in which order, or at once."""

import random
from collections import Counter
from contextlib import suppress

import pytest
from drawn import ad, drawing, filled, settle, wake, whys
from world import DyingStore, KilledError, World, in_threads

from tocsin.domain.book import DAY_MS, hour_of
from tocsin.domain.draw import FALLBACK_SLOT, DrawRef, Why, draw_of, is_fallback, path_in
from tocsin.domain.event import Event, Kind, kinds_of
from tocsin.services.counting import Counting
from tocsin.services.drawing import LOST_AFTER_MS, Claim, Drawing, Settled
from tocsin.store.draw_tables import ad_sum, draw, draw_sum, drawn_ad, zone_day

MISHAPS = (Why.MALFORMED, Why.RESTING, Why.SHED)


class Fate:
    """Random acts on one world: what a draw can come to, in any order, with kills in between."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.woken = [
            wake(world, people=4, repeat_on_click=True),
            wake(world, people=4, zone={"daily_cap": 3}, fallback=None),
        ]
        self.claims: list[Claim] = []
        self.refs = [woken.ref(number) for woken in self.woken for number in range(4)]

    def act(self) -> None:
        store = DyingStore(self.world.store, {1} if self.random.random() < 0.2 else ())
        moves = (self.claim, self.settle, self.settle, self.report, self.give_up)
        with suppress(KilledError):
            self.random.choice(moves)(store)

    def claim(self, store: DyingStore) -> None:
        wishes = self.random.choices(self.refs, k=3)
        results = Drawing(store, self.world.keyring).claim(wishes, now_ms=self.world.clock.now_ms())
        self.claims += [one for one in results if isinstance(one, Claim)]

    def settle(self, store: DyingStore) -> None:
        some = self.random.sample(self.claims, min(2, len(self.claims)))
        settled = [
            filled(claim, *[ad(n, self.random.choice((None, 7, 10**12))) for n in ("a", "a", "b")])
            if claim.why is None and self.random.random() < 0.7
            else Settled(claim, claim.why or self.random.choice(MISHAPS))
            for claim in some
        ]
        Drawing(store, self.world.keyring).settle(settled, now_ms=self.world.clock.now_ms())
        self.refs += [
            one.claim.ref._replace(path=path_in(one.claim.ref.path, 0)) for one in settled
        ]

    def report(self, store: DyingStore) -> None:
        events = [
            Event(ref.execution_id, ref.ordinal, kinds, path_in(ref.path, slot))
            for ref in self.random.choices(self.refs, k=4)
            for slot in (0, 2, FALLBACK_SLOT)
            if (kinds := kinds_of(self.random.choice(("received", "shown", "click")), None))
        ]
        Counting(store).record(events)

    def give_up(self, store: DyingStore) -> None:
        self.world.clock.forward(self.random.choice((1000, LOST_AFTER_MS + 1)))
        Drawing(store, self.world.keyring).give_up(now_ms=self.world.clock.now_ms())


def assert_adds_up(world: World) -> None:
    """The draws claimed are those settled and those open, and sums are the sums of their rows."""
    draws = {(row.execution_id, row.ordinal, row.path): row for row in world.rows(draw)}
    by_line = Counter(
        (row.task_id, row.zone_id, hour_of(row.drawn_ms), row.why)
        for row in draws.values()
        if row.why is not None
    )
    assert by_line == {tuple(row[:4]): row.draws for row in world.rows(draw_sum)}
    ads: dict[tuple[object, ...], list[int]] = {}
    for row in world.rows(drawn_ad):
        by = draws[row.execution_id, row.ordinal, draw_of(row.path)]
        if is_fallback(row.path):
            continue
        price = row.price_micros or 0
        line = (by.task_id, by.zone_id, hour_of(by.drawn_ms), row.ad_id)
        more = (1, price, row.shown, price * row.shown, row.clicked)
        ads[line] = [had + one for had, one in zip(ads.get(line, [0] * 5), more, strict=True)]
        assert row.shown >= row.clicked
    assert ads == {tuple(row[:4]): list(row[4:]) for row in world.rows(ad_sum)}
    for task_id in {row.task_id for row in draws.values()}:
        with world.store.read() as unit:
            totals = unit.book.totals(task_id)
        assert totals.claimed == sum(row.task_id == task_id for row in draws.values())


def assert_counted(world: World, claims: list[Claim]) -> None:
    """The count of a day is of what was claimed for it, without what asked nobody."""
    whys_of_draws = {DrawRef(*row[:3]): row.why for row in world.rows(draw)}
    counted = Counter(
        (int(claim.adex.zone_id), claim.drawn_ms // DAY_MS)
        for claim in claims
        if claim.is_counted and whys_of_draws[claim.ref] not in ("resting", "shed")
    )
    assert counted == Counter({(row.zone_id, row.day): row.draws for row in world.rows(zone_day)})


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_book_adds_up(world: World, seed: int) -> None:
    fate = Fate(world, seed)
    for _ in range(60):
        fate.act()
        assert_adds_up(world)
        assert_counted(world, fate.claims)

    world.clock.forward(LOST_AFTER_MS + 1)
    while drawing(world).give_up(now_ms=world.clock.now_ms()):
        pass
    assert_adds_up(world)
    assert all(row.why for row in world.rows(draw))
    assert sum(row.draws for row in world.rows(zone_day)) <= 3 * len(world.rows(zone_day))


def test_claims_settlings_and_reports_at_once_add_up(world: World) -> None:
    woken = wake(world, people=30, zone={"daily_cap": 20})
    refs = [woken.ref(number) for number in range(30)]

    def live(seed: int) -> None:
        order = random.Random(seed).sample(refs, len(refs))
        for start in range(0, len(order), 6):
            results = drawing(world).claim(order[start : start + 6], now_ms=world.clock.now_ms())
            claims = [one for one in results if isinstance(one, Claim)]
            settle(
                world,
                *(filled(one) if one.why is None else Settled(one, one.why) for one in claims),
            )
            shown = [Event(*ref[:2], (Kind.SHOWN,), path_in(0, 0)) for ref in order]
            world.counting.record(shown)

    in_threads(*(lambda seed=seed: live(seed) for seed in range(5)))

    assert_adds_up(world)
    assert whys(world) == {"filled": 20, "capped": 10}
    assert [row.shown for row in world.rows(ad_sum)] == [20]
