"""Draws: each is had once, whatever falls between claim and settling, and the book knows them."""

from collections import Counter
from dataclasses import replace

from drawn import ad, claimed, drawing, filled, settle, wake, whys, zone_of, zones
from sqlalchemy import update
from world import World, in_threads

from tocsin.domain.book import DAY_MS
from tocsin.domain.draw import FALLBACK_SLOT, DrawRef, Why, path_in
from tocsin.domain.event import Event, Kind, kinds_of, kinds_of_ad
from tocsin.services.drawing import KEPT_MS, LOST_AFTER_MS, Claim, Refusal, Settled
from tocsin.store.draw_tables import ad_sum, draw, draw_sum, drawn_ad, zone_day
from tocsin.store.zone_tables import zone_header


def test_a_claim_says_what_to_ask_and_of_whom(world: World) -> None:
    woken = wake(world, zone={"bid_floor_micros": 5, "timeout_ms": 70}, number_of_messages=3)

    (claim,) = claimed(world, woken.ref())

    assert claim.why is None
    assert claim.source is not None
    assert claim.source.headers == {"x-key": "5ecret"}
    assert (claim.source.timeout_ms, claim.source.bid_floor_micros) == (70, 5)
    assert (claim.adex.number_of_messages, claim.language, claim.host) == (
        3,
        "sr",
        "www.example.com",
    )
    assert claim.user_data == {}
    assert claim.subscriber_id == claim.known["id"]
    assert "5ecret" not in repr(claim)
    (row,) = world.rows(draw)
    assert (row.task_id, row.zone_id, row.why) == (woken.execution.task_id, woken.zone_id, None)
    assert not world.rows(draw_sum)


def test_of_many_who_wish_the_same_one_gets_it(world: World) -> None:
    woken = wake(world, people=3)
    refs = [woken.ref(number) for number in range(3)]

    def claim(order: int) -> list[Claim | Refusal]:
        some = refs[order:] + refs[:order] + refs
        return drawing(world).claim(some, now_ms=world.clock.now_ms())

    results = [
        one for some in in_threads(*(lambda n=n: claim(n % 3) for n in range(6))) for one in some
    ]

    assert sorted(one.ref for one in results if isinstance(one, Claim)) == sorted(refs)
    assert {one for one in results if not isinstance(one, Claim)} == {Refusal.DRAWN}
    assert len(world.rows(draw)) == 3


def test_what_is_no_draw_is_refused(world: World) -> None:
    woken = wake(world, people=2, repeat_on_click=True)
    plain = world.execute(woken.owner)
    once = wake(world, owner=woken.owner, zone_id=woken.zone_id)
    first, fallback = path_in(0, 0), path_in(0, FALLBACK_SLOT)
    settle(
        world,
        filled(claimed(world, woken.ref())[0]),
        Settled(claimed(world, woken.ref(1))[0], Why.EMPTY),
        filled(claimed(world, once.ref())[0]),
    )

    wishes = {
        DrawRef(10**9, 0, 0): Refusal.NOTHING_TO_DRAW,
        DrawRef(plain.id, 0, 0): Refusal.NOTHING_TO_DRAW,
        DrawRef(woken.execution.id, 10**6, 0): Refusal.LEFT,
        woken.ref(): Refusal.DRAWN,
        woken.ref(0, path_in(0, 1)): Refusal.NO_AD,
        woken.ref(1, fallback): Refusal.NO_REPEAT,
        once.ref(0, first): Refusal.NO_REPEAT,
        woken.ref(0, path_in(0x1111_1111_1111_11, 0)): Refusal.NO_REPEAT,
    }
    assert drawing(world).claim(list(wishes), now_ms=0) == list(wishes.values())

    (again,) = claimed(world, woken.ref(0, first))
    assert settle(world, Settled(again, Why.EMPTY)) == [True]
    assert len(world.rows(drawn_ad)) == 3, "after a click there is no fallback"


def test_a_deleted_task_draws_no_more(world: World) -> None:
    woken = wake(world, people=2)
    claims = claimed(world, woken.ref())
    world.commands.delete(woken.owner.scope, woken.execution.task_id, now_ms=world.clock.now_ms())

    assert drawing(world).claim([woken.ref(1)], now_ms=0) == [Refusal.NOTHING_TO_DRAW]
    assert settle(world, *map(filled, claims)) == [True]


def test_without_a_zone_that_opens_nobody_is_asked(world: World) -> None:
    woken = wake(world, people=2)
    elsewhere = zone_of(world, world.account())
    stranger = wake(world, zone_id=elsewhere)
    nowhere = wake(world, zone_id=2**64 - 1)

    with world.database.write() as connection:
        connection.execute(
            update(zone_header)
            .where(zone_header.c.zone_id == woken.zone_id)
            .values(sealed_value=bytes(40))
        )

    claims = claimed(world, woken.ref(), stranger.ref(), nowhere.ref())

    assert {(one.why, one.source) for one in claims} == {(Why.NO_ZONE, None)}
    assert settle(world, *(Settled(one, Why.NO_ZONE) for one in claims)) == [True] * 3
    zone_ids = {row.zone_id for row in world.rows(draw_sum)}
    assert zone_ids == {woken.zone_id, elsewhere, 2**64 - 1}


def test_a_cap_is_kept_to_the_draw(world: World) -> None:
    woken = wake(world, people=20, zone={"daily_cap": 7})

    def claim(first: int) -> list[Claim | Refusal]:
        refs = [woken.ref(number) for number in range(first, first + 5)]
        return drawing(world).claim(refs, now_ms=world.clock.now_ms())

    some = in_threads(*(lambda first=first: claim(first) for first in (0, 5, 10, 15)))

    claims = [one for group in some for one in group if isinstance(one, Claim)]
    assert Counter(one.why for one in claims) == {None: 7, Why.CAPPED: 13}
    assert [row.draws for row in world.rows(zone_day)] == [7]
    assert all((one.source is None) == (one.why is not None) for one in claims)


def test_the_cap_is_of_a_day(world: World) -> None:
    woken = wake(world, people=3, zone={"daily_cap": 1})

    whys = [
        claim.why
        for number, at_ms in enumerate((86_399_999, 86_399_999, 86_400_000))
        for claim in drawing(world).claim([woken.ref(number)], now_ms=at_ms)
        if isinstance(claim, Claim)
    ]

    assert whys == [None, Why.CAPPED, None]


def counted_by_day(world: World) -> dict[int, int]:
    return {row.day: row.draws for row in world.rows(zone_day)}


def test_what_was_not_asked_for_does_not_use_the_cap_up(world: World) -> None:
    woken = wake(world, people=7, zone={"daily_cap": 4})
    claims = claimed(world, *(woken.ref(number) for number in range(5)))
    ended = (Why.SHED, Why.RESTING, Why.TIMEOUT, Why.UNREACHABLE, Why.CAPPED)

    settled = [Settled(claim, why) for claim, why in zip(claims, ended, strict=True)]
    assert settle(world, *settled) == [True] * 5
    assert settle(world, settled[0]) == [False]

    assert [row.draws for row in world.rows(zone_day)] == [2]
    again = claimed(world, woken.ref(5), woken.ref(6))
    assert [claim.why for claim in again] == [None, None]
    assert [row.draws for row in world.rows(zone_day)] == [4]


def test_what_is_given_back_is_of_the_day_of_the_claim(world: World) -> None:
    woken = wake(world, people=3, zone={"daily_cap": 2})
    by_day = [
        claim
        for number, at_ms in enumerate((DAY_MS - 2, DAY_MS - 1, DAY_MS))
        for claim in drawing(world).claim([woken.ref(number)], now_ms=at_ms)
        if isinstance(claim, Claim)
    ]

    drawing(world).settle([Settled(by_day[1], Why.SHED)], now_ms=DAY_MS + 1)
    assert counted_by_day(world) == {0: 1, 1: 1}
    drawing(world).settle([Settled(by_day[2], Why.SHED)], now_ms=DAY_MS + 1)
    assert counted_by_day(world) == {0: 1, 1: 0}


def test_a_draw_that_was_lost_or_erased_stays_counted(world: World) -> None:
    woken = wake(world, people=2, zone={"daily_cap": 5})
    lost, erased = claimed(world, woken.ref(), woken.ref(1))
    world.people.erase(woken.owner.scope, erased.subscriber_id)
    world.clock.forward(LOST_AFTER_MS + 1)
    drawing(world).give_up(now_ms=world.clock.now_ms())

    assert settle(world, Settled(lost, Why.SHED), Settled(erased, Why.SHED)) == [False, False]

    assert [row.draws for row in world.rows(zone_day)] == [2]


def test_a_draw_from_before_the_cap_gives_nothing_back(world: World) -> None:
    woken = wake(world, people=2)
    (before,) = claimed(world, woken.ref())
    zones(world).change(
        woken.owner.scope,
        woken.zone_id,
        lambda zone: replace(zone, daily_cap=1),
        now_ms=world.clock.now_ms(),
    )
    (after,) = claimed(world, woken.ref(1))

    settle(world, Settled(before, Why.SHED), filled(after))

    assert [row.draws for row in world.rows(zone_day)] == [1]


def test_the_cap_is_taken_of_and_given_back_to_at_once(world: World) -> None:
    woken = wake(world, people=60, zone={"daily_cap": 20})
    refs = [woken.ref(number) for number in range(60)]

    def live(first: int) -> None:
        for number in range(first, first + 15, 3):
            claims = claimed(world, *refs[number : number + 3])
            whys_of_three = zip(claims, (Why.SHED, Why.EMPTY, Why.RESTING), strict=True)
            ended = [one.why or why for one, why in whys_of_three]
            settle(world, *map(Settled, claims, ended))

    in_threads(*(lambda first=first: live(first) for first in (0, 15, 30, 45)))

    had = whys(world)
    assert sum(had.values()) == 60
    assert [row.draws for row in world.rows(zone_day)] == [had["empty"]]
    assert had["empty"] <= 20
    assert had["shed"] + had["resting"] + had["empty"] > 20, "what was given back was had again"


def test_the_book_adds_up_what_was_won(world: World) -> None:
    woken = wake(world, people=4)
    claims = claimed(world, *(woken.ref(number) for number in range(4)))

    assert (
        settle(
            world,
            filled(claims[0], ad("a", 250_001), ad("b", None)),
            filled(claims[1], ad("a", 3)),
            Settled(claims[2], Why.TIMEOUT),
            Settled(claims[3], Why.TIMEOUT),
        )
        == [True] * 4
    )

    assert whys(world) == {"filled": 2, "timeout": 2}
    found = {row.ad_id: (row.won, row.price_micros, row.shown) for row in world.rows(ad_sum)}
    assert found == {"a": (2, 250_004, 0), "b": (1, 0, 0)}
    (hour,) = {row.hour_ms for row in world.rows(ad_sum)}
    assert hour == world.clock.now_ms() // 3_600_000 * 3_600_000
    paths = Counter(row.path for row in world.rows(drawn_ad))
    assert paths == {path_in(0, 0): 2, path_in(0, 1): 1, path_in(0, FALLBACK_SLOT): 2}


def test_a_draw_is_settled_once(world: World) -> None:
    woken = wake(world)
    (claim,) = claimed(world, woken.ref())

    assert settle(world, filled(claim), Settled(claim, Why.EMPTY)) == [True, False]
    assert settle(world, Settled(claim, Why.EMPTY)) == [False]
    assert whys(world) == {"filled": 1}


def test_a_draw_whose_server_fell_is_lost(world: World) -> None:
    woken = wake(world, people=3)
    claims = claimed(world, *(woken.ref(number) for number in range(3)))
    settle(world, filled(claims[0]))
    world.clock.forward(LOST_AFTER_MS)

    assert drawing(world).give_up(now_ms=world.clock.now_ms()) == 0
    world.clock.forward(1)
    gone = in_threads(
        *[lambda: drawing(world).give_up(now_ms=world.clock.now_ms())] * 3,
    )

    assert sum(gone) == 2
    assert whys(world) == {"filled": 1, "lost": 2}
    assert settle(world, filled(claims[1])) == [False]
    assert drawing(world).claim([woken.ref(1)], now_ms=0) == [Refusal.DRAWN]


def test_draws_are_forgotten_and_their_sums_stay(world: World) -> None:
    woken = wake(world, people=3, zone={"daily_cap": 5})
    claims = claimed(world, woken.ref(), woken.ref(1))
    settle(world, *map(filled, claims))
    world.clock.forward(KEPT_MS + DAY_MS)
    (young,) = claimed(world, woken.ref(2))
    settle(world, replace(filled(young), ads=(ad("young"),)))

    assert drawing(world).forget(now_ms=world.clock.now_ms()) == 2
    assert drawing(world).forget(now_ms=world.clock.now_ms()) == 0

    assert [row.ordinal for row in world.rows(draw)] == [woken.ordinals[2]]
    assert [row.ad_id for row in world.rows(drawn_ad)] == ["young"]
    assert len(world.rows(zone_day)) == 1
    assert whys(world) == {"filled": 3}


def report(world: World, ref: DrawRef, event: str) -> None:
    kinds = kinds_of_ad(ref.path, event, None)
    assert kinds is not None
    world.counting.record([Event(ref.execution_id, ref.ordinal, kinds, ref.path)] * 2)


def test_an_ad_is_shown_and_clicked_once(world: World) -> None:
    woken = wake(world, people=2)
    settle(
        world, *(filled(claim, ad("a", 7)) for claim in claimed(world, woken.ref(), woken.ref(1)))
    )
    first, second = (woken.ref(number, path_in(0, 0)) for number in range(2))

    in_threads(*[lambda: report(world, first, "shown")] * 4)
    report(world, first, "received")
    (row,) = world.rows(ad_sum)
    assert (row.won, row.shown, row.shown_price_micros, row.clicked) == (2, 1, 7, 0)

    in_threads(*[lambda: report(world, second, "click")] * 4)
    report(world, first, "click")
    (row,) = world.rows(ad_sum)
    assert (row.won, row.shown, row.shown_price_micros, row.clicked) == (2, 2, 14, 2)

    while world.counting.fold():
        pass
    (counted,) = world.history(woken.owner, woken.execution.task_id)
    assert counted.counters["wokenup"] == counted.counters["impression"] == 2
    assert counted.counters["total_click"] == 2
    assert "fallback" not in counted.counters


def test_reports_that_cross_each_other_do_not_wait_in_a_circle(world: World) -> None:
    woken = wake(world, people=40)
    refs = [woken.ref(number) for number in range(40)]
    settle(world, *map(filled, claimed(world, *refs)))
    shown = [
        Event(ref.execution_id, ref.ordinal, (Kind.RECEIVED, Kind.SHOWN), path_in(0, 0))
        for ref in refs
    ]

    in_threads(
        *(lambda some=some: world.counting.record(some) for some in (shown, shown[::-1]) * 3)
    )

    assert [row.shown for row in world.rows(ad_sum)] == [40]


def test_fallbacks_are_told_apart_from_ads(world: World) -> None:
    woken = wake(world, people=3)
    claims = claimed(world, *(woken.ref(number) for number in range(3)))
    settle(world, *(Settled(claim, Why.EMPTY) for claim in claims))

    report(world, woken.ref(0, path_in(0, FALLBACK_SLOT)), "shown")
    report(world, woken.ref(1, path_in(0, FALLBACK_SLOT)), "click")
    report(world, woken.ref(2, path_in(0, 0)), "shown")  # such an ad was never drawn
    own = kinds_of("fallback", None)
    assert own is not None
    world.counting.record([Event(woken.execution.id, woken.ordinals[0], own)])
    while world.counting.fold():
        pass

    with world.store.read() as unit:
        totals = unit.book.totals(woken.execution.task_id)
    assert totals.fallbacks == 2
    assert totals.by_why == {Why.EMPTY: 3}
    assert not any(totals.ads)
    bits = {row.ordinal: (row.shown, row.clicked) for row in world.rows(drawn_ad)}
    assert [bits[n] for n in woken.ordinals] == [(True, False), (True, True), (False, False)]


def test_erasing_a_person_erases_what_their_draws_tell(world: World) -> None:
    woken = wake(world, people=2)
    claims = claimed(world, woken.ref(), woken.ref(1))
    settle(world, filled(claims[0]))
    for claim in claims:
        world.people.erase(woken.owner.scope, claim.subscriber_id)

    assert not world.rows(draw)
    assert not world.rows(drawn_ad)
    assert settle(world, filled(claims[1])) == [False]
    report(world, woken.ref(0, path_in(0, 0)), "shown")
    assert [(row.won, row.shown) for row in world.rows(ad_sum)] == [(1, 0)]
    assert drawing(world).claim([woken.ref()], now_ms=0) == [Refusal.LEFT]
