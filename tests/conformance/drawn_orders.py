"""Orders of any kind, drawn; each has few enough slots for two years to pass in seconds."""

import random
from collections.abc import Iterator
from typing import Final

from walked_slots import DAY_MS, HOUR_MS, MINUTE_MS, WEST_MS, Order, Slots
from world import draft

from tocsin.domain.push_task import Draft, Status
from tocsin.domain.schedule import IMMEDIATELY, QuietTime

FREQUENCIES_S: Final = [3600, 3660, 5400, 7200, 10_800, 25_200, 43_200, 86_400, 90_000]
SELDOM_S: Final = [604_800, 2_592_000, 7_776_000, 94_608_000]
TTLS_S: Final = [0, 60, 1800, 3600, 3600, 21_600, 86_400, 604_800, 2_419_200]


def draft_of(order: Order) -> Draft:
    """Return what a client sends for an order."""
    return draft(
        name=order.name,
        status=Status.ACTIVE if order.active else Status.INACTIVE,
        start=IMMEDIATELY if order.start_ms is None else order.start_ms,
        end_ms=order.end_ms,
        frequency_s=order.frequency_s,
        cron=order.cron,
        user_time_zone=order.user_time_zone,
        quiet_time=None if order.quiet is None else QuietTime(*order.quiet),
        ttl_s=order.ttl_s,
    )


def drawn_order(chance: random.Random, now_ms: int, *, name: str, most: int) -> Order:
    """Draw a new task's order. most: how many slots it has, unless they lie days apart."""
    kind = chance.choice(["once", "frequency", "frequency", "cron", "cron"])
    user_time_zone = chance.random() < 0.4
    seldom = chance.random() < 0.3
    endless = Order(
        name=name,
        start_ms=None if chance.random() < 0.4 else _start_ms(chance, now_ms, user_time_zone),
        end_ms=None,
        frequency_s=chance.choice(SELDOM_S if seldom else FREQUENCIES_S)
        if kind == "frequency"
        else None,
        cron=_cron(chance, one_hour=user_time_zone, seldom=seldom) if kind == "cron" else None,
        user_time_zone=user_time_zone,
        quiet=_quiet(chance) if chance.random() < 0.25 else None,
        ttl_s=chance.choice(TTLS_S),
        active=chance.random() < 0.9,
    )
    return _ended(chance, endless, now_ms, most=most)


def edits(chance: random.Random, order: Order, now_ms: int, *, most: int) -> Iterator[Order]:
    """Yield an order, edited in ways of which any client may choose one."""
    yield order
    yield order._replace(ttl_s=chance.choice(TTLS_S))
    yield order._replace(quiet=_quiet(chance))
    if order.cron is None or order.cron.split()[1].isdecimal():
        yield order._replace(user_time_zone=not order.user_time_zone)
    fresh = drawn_order(chance, now_ms, name=order.name, most=most)
    yield fresh._replace(active=order.active, ttl_s=order.ttl_s)
    yield _ended(chance, order._replace(start_ms=None, end_ms=None), now_ms, most=most)
    if order.end_ms is not None and order.end_ms > now_ms:
        yield order._replace(end_ms=order.end_ms + chance.randint(0, 3 * 24) * HOUR_MS)
        if order.start_ms is None or order.start_ms < now_ms:
            yield order._replace(end_ms=now_ms + chance.choice([0, HOUR_MS, DAY_MS]))


def _start_ms(chance: random.Random, now_ms: int, user_time_zone: bool) -> int:
    if not user_time_zone and chance.random() < 0.2:
        return now_ms - chance.randrange(MINUTE_MS)
    late_ms = chance.choice([HOUR_MS, DAY_MS, 60 * DAY_MS])
    early_ms = WEST_MS - 2 * HOUR_MS if user_time_zone else 0
    start_ms = now_ms + chance.randint(-early_ms, late_ms)
    return start_ms - start_ms % MINUTE_MS + MINUTE_MS


def _cron(chance: random.Random, *, one_hour: bool, seldom: bool) -> str:
    hours = ["0", "2", "3", "9", "23", str(chance.randrange(24))]
    if not one_hour and not seldom:
        hours += ["*", "*/2", "0-3", "1,2,22", "2-23/5"]
    minute = chance.choice(["0", "0", "30", "59", str(chance.randrange(60))])
    days = chance.choice(["*", "*", "*/2", "1-31", "25-31", "1,4,29", "31"])
    weekdays = chance.choice(["*", "*", "*", "0", "5-7", "*/2", "1-5"])
    months = chance.choice(["*", "*", "*", "*/5", "3,10"])
    if seldom:
        days, months, weekdays = chance.choice(
            [
                ("29", "2", "*"),
                ("1", "*", "*"),
                ("*", "*", "0"),
                ("13", "*", "5"),
                ("31", "*/2", "*"),
            ]
        )
    if weekdays == "*" and days == "31":
        months = "*"
    return f"{minute} {chance.choice(hours)} {days} {months} {weekdays}"


def _quiet(chance: random.Random) -> tuple[int, int]:
    first, last = chance.sample(range(24), 2)
    return first, last


def _ended(chance: random.Random, order: Order, now_ms: int, *, most: int) -> Order:
    """Return an order with an end near one of its first slots, if they would be too many."""
    anchor_ms = now_ms if order.start_ms is None else order.start_ms
    begin_ms = max(now_ms, anchor_ms - order.east_ms)
    coming = Slots(order, anchor_ms).first(most, now_ms - order.west_ms)
    dense = len(coming) > 1 and coming[-1] - coming[0] < 7 * DAY_MS * len(coming)
    if not coming or (not dense and chance.random() < 0.7):
        return order
    last_ms = chance.choice(coming)
    near_ms = chance.choice([0, 0, -1000, 1000, -MINUTE_MS, MINUTE_MS, HOUR_MS])
    return order._replace(end_ms=max(begin_ms, last_ms - order.east_ms + near_ms))
