"""Bells: what wakes the loops of a process before their time."""

import threading
from collections.abc import Iterable
from enum import StrEnum


class News(StrEnum):
    """What was changed, as whoever hears of a change names it."""

    CALENDAR = "calendar"
    EXECUTIONS = "executions"
    PARCELS = "parcels"


EVERYTHING = tuple(News)


class Bells:
    """One bell for each loop of a process. Safe to ring from any thread."""

    def __init__(self) -> None:
        self._bells: list[tuple[frozenset[str], threading.Event]] = []

    def hang(self, *news: News) -> threading.Event:
        """Return a new bell that rings with *news*; its loop silences it before it looks."""
        bell = threading.Event()
        self._bells.append((frozenset(news), bell))
        return bell

    def ring(self, news: Iterable[str]) -> None:
        """Ring for *news*; one that nobody knows, of a newer program, may mean any of them."""
        told = set(news)
        if not told <= set(EVERYTHING):
            told = set(EVERYTHING)
        for heard, bell in self._bells:
            if heard & told:
                bell.set()

    def ring_all(self) -> None:
        """Ring every bell: the process is to stop."""
        for _, bell in self._bells:
            bell.set()
