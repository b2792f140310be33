"""The book: what draws came to and what was bid for their ads, summed by task, zone and hour."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tocsin.domain.draw import Ad, DrawRef, Why, is_fallback
from tocsin.domain.event import Kind

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


def hour_of(instant_ms: int) -> int:
    """Return the beginning of the hour of GMT that an instant is in."""
    return instant_ms - instant_ms % HOUR_MS


class DrawLine(NamedTuple):
    """A line of the book about draws; lines are written in their order."""

    task_id: int
    zone_id: int
    hour_ms: int
    why: str


class AdLine(NamedTuple):
    """A line of the book about one ad; lines are written in their order."""

    task_id: int
    zone_id: int
    hour_ms: int
    ad_id: str


class AdSum(NamedTuple):
    """What a line about an ad adds up, or what is added to it.

    price_micros: of those that were won; shown_price_micros: of those shown. An ad without a
    price adds nothing to either.
    """

    won: int = 0
    price_micros: int = 0
    shown: int = 0
    shown_price_micros: int = 0
    clicked: int = 0

    def plus(self, other: "AdSum") -> "AdSum":
        """Return both added up."""
        return AdSum(*(one + more for one, more in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnAd:
    """What a draw answered. price_micros: None for none. The fallback has the ad_id ""."""

    ref: DrawRef
    ad_id: str
    price_micros: int | None
    shown: bool = False
    clicked: bool = False

    @property
    def won(self) -> AdSum:
        """Return what is added to the book when it is won: nothing for a fallback."""
        if is_fallback(self.ref.path):
            return AdSum()
        return AdSum(won=1, price_micros=self.price_micros or 0)

    def told(self, kinds: Collection[Kind]) -> "DrawnAd":
        """Return what is known of it after a report of *kinds*."""
        return replace(
            self,
            shown=self.shown or Kind.SHOWN in kinds,
            clicked=self.clicked or Kind.ANY_CLICK in kinds,
        )

    def since(self, before: "DrawnAd") -> AdSum:
        """Return what is added to the book since it was as *before*: nothing for a fallback."""
        if is_fallback(self.ref.path):
            return AdSum()
        is_news = self.shown and not before.shown
        return AdSum(
            shown=int(is_news),
            shown_price_micros=(self.price_micros or 0) if is_news else 0,
            clicked=int(self.clicked and not before.clicked),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawRow:
    """A draw as it is kept. why: None while it is open."""

    ref: DrawRef
    task_id: int
    zone_id: int
    root_id: int
    drawn_ms: int
    why: Why | None = None

    def line(self, why: Why) -> DrawLine:
        """Return the line of the book in which this draw counts if it ends as *why* says."""
        return DrawLine(self.task_id, self.zone_id, hour_of(self.drawn_ms), why.value)

    def ad_line(self, ad_id: str) -> AdLine:
        """Return the line of the book about an ad that this draw answered."""
        return AdLine(self.task_id, self.zone_id, hour_of(self.drawn_ms), ad_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRow:
    """A line about one ad with what it adds up."""

    line: AdLine
    sum: AdSum


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the draws of one task came to. by_why: those that are settled.

    fallbacks: devices that showed the fallback.
    """

    open: int
    by_why: Mapping[Why, int]
    ads: AdSum
    fallbacks: int

    @property
    def claimed(self) -> int:
        """Return how many draws there were."""
        return self.open + sum(self.by_why.values())


def drawn(ref: DrawRef, ad: Ad) -> DrawnAd:
    """Return *ad* as it is kept under the name *ref*."""
    return DrawnAd(ref=ref, ad_id=ad.id, price_micros=ad.price_micros)


def added_up(parts: Iterable[tuple[AdLine, AdSum]]) -> dict[AdLine, AdSum]:
    """Return what is added to each line, without what adds nothing."""
    sums: dict[AdLine, AdSum] = {}
    for line, part in parts:
        if any(part):
            sums[line] = sums.get(line, AdSum()).plus(part)
    return sums
