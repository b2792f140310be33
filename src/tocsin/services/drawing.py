"""Draws: each is claimed before its zone is asked, and settled before its device is answered.

What a kill leaves between the two is an open draw, which the keeper settles as lost.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol

from tocsin.domain import adex as adexes
from tocsin.domain.account import Scope
from tocsin.domain.adex import Adex
from tocsin.domain.book import DAY_MS, AdLine, AdSum, DrawLine, DrawnAd, DrawRow, added_up, drawn
from tocsin.domain.draw import (
    FALLBACK_SLOT,
    FIRST_PATH,
    UNASKED,
    Ad,
    DrawRef,
    Why,
    may_draw,
    path_in,
)
from tocsin.domain.execution import Execution
from tocsin.domain.keyring import CannotUnseal, Keyring
from tocsin.domain.macros import attributes_of
from tocsin.domain.message import macros_of
from tocsin.domain.subscription import Recipient
from tocsin.domain.zone import Zone, header_place
from tocsin.exchange.question import Source

LOST_AFTER_MS: Final = 60_000
"""How old an open draw is when its server must have fallen: a draw has 1.5 s."""

KEPT_MS: Final = 60 * DAY_MS
"""How long draws and their ads are kept; their tokens are over by then, and their sums stay."""

AT_ONCE: Final = 500
_OF_QUESTION: Final = frozenset({"id", "host", "user_data"})


class Refusal(Enum):
    """Why a wish is no draw; the sentence that says so."""

    DRAWN = "it was drawn before"
    NOTHING_TO_DRAW = "there is no push task that draws for it, or not any more"
    NO_REPEAT = "a click on it draws nothing"
    NO_AD = "no such ad was drawn"
    LEFT = "whom it is for is no subscriber any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A draw that is ours to make: what is to be asked, and of whom.

    why: how it has ended already, CAPPED or NO_ZONE; then source is None, and nobody is asked.
    is_counted: whether the zone has a cap, which counts it in the day of drawn_ms.
    task_name, custom_data: as ordered. subscriber_id, language, host, user_data: of whom it is for.
    known: their attributes that the macros of the fallback are read from, and more.
    """

    ref: DrawRef
    drawn_ms: int
    task_id: int
    task_name: str
    custom_data: str | None
    adex: Adex
    source: Source | None = field(repr=False)
    why: Why | None
    is_counted: bool
    subscriber_id: int
    language: str | None
    host: str | None
    user_data: Mapping[str, Any]
    known: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settled:
    """How a draw ended. ads: what is shown, each in the slot of its place; with FILLED alone."""

    claim: Claim
    why: Why
    ads: tuple[Ad, ...] = ()


class Draws(Protocol):
    """The store's side of draws."""

    def drawing_tasks(self, task_ids: Iterable[int]) -> set[int]: ...
    def add(self, rows: Iterable[DrawRow]) -> set[DrawRef]: ...
    def take_of_day(self, zone_id: int, day: int, *, wanted: int, cap: int) -> int: ...
    def give_back_of_day(self, zone_id: int, day: int, *, taken: int) -> None: ...
    def hold_open(self, refs: Collection[DrawRef]) -> Mapping[DrawRef, DrawRow]: ...
    def settle(self, ended: Iterable[tuple[DrawRef, Why]], *, now_ms: int) -> None: ...
    def add_ads(self, ads: Iterable[DrawnAd]) -> None: ...
    def ads_there(self, refs: Collection[DrawRef]) -> set[DrawRef]: ...
    def any_lost(self, *, before_ms: int) -> bool: ...
    def hold_lost(self, *, before_ms: int, limit: int) -> Sequence[DrawRow]: ...
    def any_older(self, *, before_ms: int) -> bool: ...
    def forget(self, *, before_ms: int, before_day: int, limit: int) -> int: ...


class Book(Protocol):
    """The store's side of the book."""

    def add(self, *, draws: Mapping[DrawLine, int], ads: Mapping[AdLine, AdSum]) -> None: ...


class Executions(Protocol):
    """What drawing needs of executions."""

    def by_ids(self, execution_ids: Iterable[int]) -> dict[int, Execution]: ...


class Subscribers(Protocol):
    """What drawing needs of subscribers."""

    def recipients(
        self, root_id: int, ordinals: Iterable[int], *, wanted: Collection[str]
    ) -> dict[int, Recipient]: ...


class Zones(Protocol):
    """What drawing needs of zones."""

    def find(self, scope: Scope, zone_id: int) -> Zone | None: ...
    def headers_of(self, zone_id: int) -> Mapping[str, bytes]: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def draws(self) -> Draws: ...
    @property
    def book(self) -> Book: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def subscribers(self) -> Subscribers: ...
    @property
    def zones(self) -> Zones: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows of wishes.

    executions: those that draw, and how. people: by root account and ordinal. ads: those that were
    drawn.
    """

    executions: Mapping[int, tuple[Execution, Adex]]
    people: Mapping[tuple[int, int], Recipient]
    ads: AbstractSet[DrawRef]

    def refusal(self, wish: DrawRef) -> Refusal | None:
        """Return why *wish* is no draw; None when it is, unless it was drawn before."""
        if wish.execution_id not in self.executions:
            return Refusal.NOTHING_TO_DRAW
        execution, adex = self.executions[wish.execution_id]
        if wish.path != FIRST_PATH:
            if not adex.repeat_on_click or not may_draw(wish.path):
                return Refusal.NO_REPEAT
            if wish not in self.ads:
                return Refusal.NO_AD
        if (execution.root_id, wish.ordinal) not in self.people:
            return Refusal.LEFT
        return None


class Drawing:
    """Any number of processes may draw: of those with one wish a single one gets it."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    def claim(self, wishes: Sequence[DrawRef], *, now_ms: int) -> list[Claim | Refusal]:
        """Take draws, in one transaction; return for each of *wishes* the claim, or why not.

        A claim is on the disk when this returns: whoever wishes the same later is refused. A
        source whose headers do not open is not asked without them; it is as if there were none.
        """
        with self._store.write() as unit:
            known = _known(unit, wishes)
            refused = {wish: known.refusal(wish) for wish in wishes}
            rows = [
                _row(wish, *known.executions[wish.execution_id], now_ms)
                for wish, refusal in refused.items()
                if refusal is None
            ]
            ours = unit.draws.add(rows)
            sources, counted = self._sources(unit, known, [row for row in rows if row.ref in ours])
            results: list[Claim | Refusal] = []
            for wish in wishes:
                refusal = refused[wish]
                if refusal is None and wish not in ours:
                    refusal = Refusal.DRAWN
                if refusal is not None:
                    results.append(refusal)
                    continue
                ours.remove(wish)  # the same wish once more is a second one
                is_counted = wish in counted
                results.append(_claim(wish, known, sources[wish], now_ms, is_counted=is_counted))
        return results

    def _sources(
        self, unit: Unit, known: _Known, rows: Sequence[DrawRow]
    ) -> tuple[dict[DrawRef, Source | Why], set[DrawRef]]:
        """Return what each draw is to ask, or why it asks nobody; and those that a cap counts.

        Zones are taken in order, so that nobody who counts at the same time waits in a circle.
        """
        by_zone: dict[tuple[int, int, int], list[DrawRow]] = {}
        for row in rows:
            execution, _ = known.executions[row.ref.execution_id]
            of_scope = (row.zone_id, execution.root_id, execution.account_id)
            by_zone.setdefault(of_scope, []).append(row)
        found: dict[DrawRef, Source | Why] = {}
        counted: set[DrawRef] = set()
        for (zone_id, root_id, account_id), some in sorted(by_zone.items()):
            zone = unit.zones.find(Scope(root_id, account_id), zone_id)
            source = None if zone is None else self._opened(unit, zone)
            found.update((row.ref, source or Why.NO_ZONE) for row in some)
            if zone is not None and source is not None and zone.daily_cap is not None:
                taken = unit.draws.take_of_day(
                    zone_id,
                    some[0].drawn_ms // DAY_MS,
                    wanted=len(some),
                    cap=zone.daily_cap,
                )
                counted.update(row.ref for row in some[:taken])
                found.update((row.ref, Why.CAPPED) for row in some[taken:])
        return found, counted

    def _opened(self, unit: Unit, zone: Zone) -> Source | None:
        """Return *zone* as it is asked; None when a header of it does not open."""
        try:
            headers = {
                name: self._keyring.unseal(sealed, place=header_place(zone.id, name)).decode()
                for name, sealed in unit.zones.headers_of(zone.id).items()
            }
        except CannotUnseal:
            return None
        return Source(
            protocol=zone.protocol,
            url=zone.url,
            headers=headers,
            timeout_ms=zone.timeout_ms,
            bid_floor_micros=zone.bid_floor_micros,
        )

    def settle(self, settled: Sequence[Settled], *, now_ms: int) -> list[bool]:
        """Write how draws ended, and what they answer, in one transaction; sum it into the book.

        Return for each whether it was open: what was given up as lost in the meantime, or erased,
        stays so, and must not be answered. One that was open and asked nobody counts for the cap
        of its zone no more.
        """
        with self._store.write() as unit:
            held = dict(unit.draws.hold_open({one.claim.ref for one in settled}))
            found = [held.pop(one.claim.ref, None) for one in settled]
            ours = [(one, row) for one, row in zip(settled, found, strict=True) if row is not None]
            _write(unit, ours, now_ms)
        return [row is not None for row in found]

    def give_up(self, *, now_ms: int) -> int:
        """Settle some draws as lost whose server must have fallen; return how many."""
        before_ms = now_ms - LOST_AFTER_MS
        with self._store.read() as unit:
            if not unit.draws.any_lost(before_ms=before_ms):
                return 0
        with self._store.write() as unit:
            lost = unit.draws.hold_lost(before_ms=before_ms, limit=AT_ONCE)
            unit.draws.settle([(row.ref, Why.LOST) for row in lost], now_ms=now_ms)
            unit.book.add(draws=Counter(row.line(Why.LOST) for row in lost), ads={})
        return len(lost)

    def forget(self, *, now_ms: int) -> int:
        """Delete some draws that were kept long enough, with their ads; return how many."""
        before_ms = now_ms - KEPT_MS
        with self._store.read() as unit:
            if not unit.draws.any_older(before_ms=before_ms):
                return 0
        with self._store.write() as unit:
            return unit.draws.forget(
                before_ms=before_ms, before_day=before_ms // DAY_MS, limit=AT_ONCE
            )


def _known(unit: Unit, wishes: Sequence[DrawRef]) -> _Known:
    executions = unit.executions.by_ids({wish.execution_id for wish in wishes})
    tasks = unit.draws.drawing_tasks({one.task_id for one in executions.values()})
    drawing = {
        one.id: (one, adexes.from_json(one.order.adex))
        for one in executions.values()
        if one.order.adex is not None and one.task_id in tasks
    }
    needed: dict[tuple[int, frozenset[str]], set[int]] = {}
    for wish in wishes:
        if wish.execution_id in drawing:
            execution, adex = drawing[wish.execution_id]
            needed.setdefault((execution.root_id, _wanted(adex)), set()).add(wish.ordinal)
    # One person may be asked for by two tasks: then with more of their attributes.
    people: dict[tuple[int, int], Recipient] = {}
    for (root_id, wanted), ordinals in needed.items():
        for ordinal, one in unit.subscribers.recipients(root_id, ordinals, wanted=wanted).items():
            before = people.get((root_id, ordinal), one)
            known = {**(before.known or {}), **(one.known or {})}
            people[root_id, ordinal] = one._replace(known=known)
    ads = unit.draws.ads_there({wish for wish in wishes if wish.path != FIRST_PATH})
    return _Known(drawing, people, ads)


def _wanted(adex: Adex) -> frozenset[str]:
    """Return the attributes that a draw needs of whom it is for."""
    if adex.fallback is None:
        return _OF_QUESTION
    return _OF_QUESTION | attributes_of(macros_of(adex.fallback))


def _row(ref: DrawRef, execution: Execution, adex: Adex, now_ms: int) -> DrawRow:
    return DrawRow(
        ref=ref,
        task_id=execution.task_id,
        zone_id=int(adex.zone_id),
        root_id=execution.root_id,
        drawn_ms=now_ms,
    )


def _claim(
    ref: DrawRef, known: _Known, source: Source | Why, now_ms: int, *, is_counted: bool
) -> Claim:
    execution, adex = known.executions[ref.execution_id]
    person = known.people[execution.root_id, ref.ordinal]
    attributes = person.known or {}
    return Claim(
        ref=ref,
        drawn_ms=now_ms,
        task_id=execution.task_id,
        task_name=execution.order.name,
        custom_data=execution.order.custom_data,
        adex=adex,
        source=source if isinstance(source, Source) else None,
        why=source if isinstance(source, Why) else None,
        is_counted=is_counted,
        subscriber_id=attributes["id"],
        language=person.language,
        host=attributes["host"],
        user_data=attributes["user_data"],
        known=attributes,
    )


def _write(unit: Unit, ours: Sequence[tuple[Settled, DrawRow]], now_ms: int) -> None:
    answered = [(ad, row) for one, row in ours for ad in _answered(one)]
    unit.draws.settle([(row.ref, one.why) for one, row in ours], now_ms=now_ms)
    unasked = Counter(
        (row.zone_id, row.drawn_ms // DAY_MS)
        for one, row in ours
        if one.claim.is_counted and one.why in UNASKED
    )
    for (zone_id, day), taken in sorted(unasked.items()):
        unit.draws.give_back_of_day(zone_id, day, taken=taken)
    unit.draws.add_ads([ad for ad, _ in answered])
    unit.book.add(
        draws=Counter(row.line(one.why) for one, row in ours),
        ads=added_up((row.ad_line(ad.ad_id), ad.won) for ad, row in answered),
    )


def _answered(settled: Settled) -> list[DrawnAd]:
    """Return what a draw answers, each under its own name: its ads, or else the fallback."""
    ref = settled.claim.ref
    if settled.why is Why.FILLED:
        return [
            drawn(ref._replace(path=path_in(ref.path, slot)), ad)
            for slot, ad in enumerate(settled.ads)
        ]
    if ref.path != FIRST_PATH or settled.claim.adex.fallback is None:
        return []
    fallback = ref._replace(path=path_in(ref.path, FALLBACK_SLOT))
    return [DrawnAd(ref=fallback, ad_id="", price_micros=None)]
